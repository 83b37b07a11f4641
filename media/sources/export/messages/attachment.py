"""The file of a message, or why it has none."""

from collections.abc import Callable
from posixpath import basename

from media.sources.export.messages.schema import RawMessage
from media.sources.port import Absence, Attachment, MediaKind

_KINDS = {
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
"""The size of a file of the export, None where it is not there."""


def attachment_of(raw: RawMessage, size_of: SizeOf) -> Attachment | None:
    if raw.photo is not None:
        return _photo(raw, raw.photo, size_of)
    if raw.file is not None:
        return _document(raw, raw.file, size_of)
    if raw.paid_stars_amount is not None:
        # Paid media come without any file, not even its kind is told.
        return Attachment(kind=MediaKind.DOCUMENT, absence=Absence.PAID)
    return None


def _photo(raw: RawMessage, path: str, size_of: SizeOf) -> Attachment:
    absence = absence_of(path, size_of)
    return Attachment(
        kind=MediaKind.PHOTO,
        path="" if absence else path,
        absence=absence,
        declared_size_bytes=raw.photo_file_size,
        width=raw.width,
        height=raw.height,
        spoiler=raw.media_spoiler,
    )


def _document(raw: RawMessage, path: str, size_of: SizeOf) -> Attachment:
    absence = absence_of(path, size_of)
    thumbnail = raw.thumbnail or ""
    return Attachment(
        kind=_KINDS.get(raw.media_type or "", MediaKind.DOCUMENT),
        path="" if absence else path,
        absence=absence,
        thumbnail_path="" if absence_of(thumbnail, size_of) else thumbnail,
        file_name=raw.file_name or ("" if absence else basename(path)),
        declared_mime=raw.mime_type or "",
        declared_size_bytes=raw.file_size,
        width=raw.width,
        height=raw.height,
        duration_seconds=raw.duration_seconds,
        spoiler=raw.media_spoiler,
    )


def absence_of(path: str, size_of: SizeOf) -> Absence | None:
    """
    What a placeholder means, None for a path.

    The exporter's sentences stand in brackets; so may the name of a real file, which is looked for
    unless it is one of the three known sentences to the letter.
    """
    if not path or path in _SENTENCES:
        return _SENTENCES.get(path, Absence.UNAVAILABLE)
    if not (path.startswith("(") and path.endswith(")")) or size_of(path) is not None:
        return None
    for words, absence in _WORDS:
        if words in path:
            return absence
    return Absence.UNAVAILABLE
