"""The file of a message, or the reason why the export does not include it."""

from collections.abc import Callable
from posixpath import basename
from unicodedata import normalize

from media.sources.export.messages.schema import RawMessage
from media.sources.port import Absence, Attachment, MediaKind

KINDS = {
    "sticker": MediaKind.STICKER,
    "video_message": MediaKind.VIDEO_MESSAGE,
    "voice_message": MediaKind.VOICE,
    "animation": MediaKind.ANIMATION,
    "video_file": MediaKind.VIDEO,
    "audio_file": MediaKind.AUDIO,
}
_SENTENCES = {
    "(File not included. Change data exporting settings to download.)": Absence.NOT_INCLUDED,
    "(File exceeds maximum size. Change data exporting settings to download.)": (
        Absence.EXCEEDS_LIMIT
    ),
    "(File unavailable, please try again later)": Absence.UNAVAILABLE,
}
_WORDS = (
    ("not included", Absence.NOT_INCLUDED),
    ("exceeds maximum size", Absence.EXCEEDS_LIMIT),
)

SizeOf = Callable[[str], int | None]
"""Takes a path of the export, returns the size of the file, None where there is none."""


def attachment_of(raw: RawMessage, size_of: SizeOf) -> Attachment | None:
    if raw.photo is not None:
        return _photo(raw, raw.photo, size_of)
    if raw.file is not None:
        return _document(raw, raw.file, size_of)
    if raw.paid_stars_amount is not None:
        # Paid media are exported without a file and without its kind.
        return Attachment(kind=MediaKind.DOCUMENT, absence=Absence.PAID)
    return None


def _photo(raw: RawMessage, path: str, size_of: SizeOf) -> Attachment:
    absence = absence_of(path, size_of)
    return Attachment(
        kind=MediaKind.PHOTO,
        path="" if absence else path,
        absence=absence,
        file_name="" if absence else shown_name(path),
        declared_size_bytes=raw.photo_file_size,
        width=raw.width,
        height=raw.height,
        spoiler=raw.media_spoiler,
    )


def _document(raw: RawMessage, path: str, size_of: SizeOf) -> Attachment:
    absence = absence_of(path, size_of)
    thumbnail = raw.thumbnail or ""
    return Attachment(
        kind=KINDS.get(raw.media_type or "", MediaKind.DOCUMENT),
        path="" if absence else path,
        absence=absence,
        thumbnail_path="" if absence_of(thumbnail, size_of) else thumbnail,
        file_name=shown_name(raw.file_name or ("" if absence else path)),
        declared_mime=raw.mime_type or "",
        declared_size_bytes=raw.file_size,
        width=raw.width,
        height=raw.height,
        duration_seconds=raw.duration_seconds,
        spoiler=raw.media_spoiler,
    )


def shown_name(path: str) -> str:
    """The name of a file as people write it: a Mac may have taken й and ё apart."""
    name = basename(path)
    return name if name.isascii() else normalize("NFC", name)


def absence_of(path: str, size_of: SizeOf) -> Absence | None:
    """
    Return why the file is absent, None where `path` is a path.

    In place of a path the exporter writes a sentence in brackets. A real file may have a name in
    brackets too, so it is searched for, unless `path` is exactly one of the three known sentences.
    """
    if not path or path in _SENTENCES:
        return _SENTENCES.get(path, Absence.UNAVAILABLE)
    if not (path.startswith("(") and path.endswith(")")) or size_of(path) is not None:
        return None
    for words, absence in _WORDS:
        if words in path:
            return absence
    return Absence.UNAVAILABLE
