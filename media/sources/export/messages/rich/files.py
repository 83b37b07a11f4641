"""The pictures and files inside of the blocks of a rich message."""

from collections.abc import Iterator
from typing import Any

from media.sources.export.messages.attachment import KINDS, SizeOf, absence_of, shown_name
from media.sources.port import Absence, Attachment, MediaKind

_REASONS = {
    "file_type": Absence.NOT_INCLUDED,
    "date_limits": Absence.NOT_INCLUDED,
    "file_size": Absence.EXCEEDS_LIMIT,
}
_BLOCK_KINDS = {"video": MediaKind.VIDEO, "audio": MediaKind.AUDIO}
_SECONDARY = ("poster_photo", "author_photo")
_MOST = 2**31 - 1


def files_of(node: dict[str, Any], size_of: SizeOf) -> Iterator[Attachment]:
    """
    The files that a block itself names, with the reason where one is absent.

    Pictures beside the content (of an author, of an article) count only where they are there.
    """
    is_content = node.get("type") == "photo"
    if _is_path(node.get("photo")) or (is_content and "photo_skip_reason" in node):
        yield _photo(node, "photo", size_of, measures="" if is_content else "photo_")
    for key in _SECONDARY:
        if _is_path(node.get(key)):
            yield _photo(node, key, size_of, measures=f"{key}_")
    is_inline = node.get("type") == "inline_image"
    if _is_path(node.get("file")) or ("file_skip_reason" in node and not is_inline):
        yield _document(node, size_of)


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _photo(node: dict[str, Any], key: str, size_of: SizeOf, *, measures: str) -> Attachment:
    path, absence = _path(node, key, size_of)
    return Attachment(
        kind=MediaKind.PHOTO,
        path=path,
        absence=absence,
        file_name=shown_name(path),
        declared_size_bytes=_number(node.get(f"{key}_file_size"), most=2**63 - 1),
        width=_number(node.get(f"{measures}width")),
        height=_number(node.get(f"{measures}height")),
        spoiler=node.get("spoiler") is True,
    )


def _document(node: dict[str, Any], size_of: SizeOf) -> Attachment:
    path, absence = _path(node, "file", size_of)
    usual = _BLOCK_KINDS.get(_text(node.get("type")), MediaKind.DOCUMENT)
    thumbnail = _text(node.get("thumbnail"))
    return Attachment(
        kind=KINDS.get(_text(node.get("media_type")), usual),
        path=path,
        absence=absence,
        thumbnail_path="" if absence_of(thumbnail, size_of) else thumbnail,
        file_name=shown_name(_text(node.get("file_name")) or path),
        declared_mime=_text(node.get("mime_type")),
        declared_size_bytes=_number(node.get("file_size"), most=2**63 - 1),
        width=_number(node.get("width")),
        height=_number(node.get("height")),
        duration_seconds=_number(node.get("duration_seconds")),
        spoiler=node.get("spoiler") is True,
    )


def _path(node: dict[str, Any], key: str, size_of: SizeOf) -> tuple[str, Absence | None]:
    path = _text(node.get(key))
    if not path:
        reason = _text(node.get(f"{key}_skip_reason"))
        return "", _REASONS.get(reason, Absence.UNAVAILABLE)
    absence = absence_of(path, size_of)
    return ("" if absence else path), absence


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any, *, most: int = _MOST) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= most else None
