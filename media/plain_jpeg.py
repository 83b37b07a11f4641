"""
The size of a JPEG in which nothing is unusual, read from its first bytes.

Most pictures of an archive are JPEG without metadata, and their size stands in the first kilobyte.
Pillow needs twenty times as long for it, since it prepares to decode. Whatever is not as expected
here is left to Pillow: nothing is called broken by this file.
"""

from typing import Final, NamedTuple

_START: Final = b"\xff\xd8"
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive; the others are rare."""
_SCAN, _TABLES, _APP0 = 0xDA, 0xDB, 0xE0
_HARMLESS: Final = frozenset({0xC4, 0xDD, 0xFE})
"""Codes, the distance of restarts, comments. Metadata may turn the picture, so they are not here."""
_JFIF_BYTES = 14


class PlainJpeg(NamedTuple):
    """Width and height in pixels, and the byte at which the pixels begin."""

    width: int
    height: int
    scan_at: int


def read_plain_jpeg(head: bytes) -> PlainJpeg | None:
    """Read the first bytes of a JPEG; None where they have to be looked at more closely."""
    if not head.startswith(_START):
        return None
    at, size = len(_START), None
    while len(head) >= at + 4 and head[at] == 0xFF:  # noqa: PLR2004 - the mark of a marker
        kind = head[at + 1]
        end = at + 2 + int.from_bytes(head[at + 2 : at + 4], "big")
        segment = head[at + 4 : end]
        if len(segment) != end - at - 4:
            return None
        if kind == _SCAN:
            return PlainJpeg(*size, at) if size else None
        if kind in _FRAMES and size is None:
            if (size := _size(segment)) is None:
                return None
        elif not _is_sound(kind, segment):
            return None
        at = end
    return None


def _size(frame: bytes) -> tuple[int, int] | None:
    """Width and height of a frame of gray or three colors, eight bits each."""
    if len(frame) < 6 or frame[0] != 8 or frame[5] not in (1, 3):  # noqa: PLR2004
        return None
    if len(frame) != 6 + 3 * frame[5]:
        return None
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    return (width, height) if width and height else None


def _is_sound(kind: int, segment: bytes) -> bool:
    if kind == _TABLES:
        return _are_tables(segment)
    return kind in _HARMLESS or (kind == _APP0 and len(segment) >= _JFIF_BYTES)


def _are_tables(segment: bytes) -> bool:
    """Whether these are whole quantization tables: 64 numbers of one or two bytes each."""
    at = 0
    while at < len(segment):
        at += 129 if segment[at] >> 4 else 65
    return at == len(segment) > 0
