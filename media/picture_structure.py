"""
Check that the file of a picture is whole, without decoding a pixel.

Marks of start and end, lengths, and the check sums of PNG: a download that was cut off shows in
them, at the cost of reading the file once. Damage inside of compressed pixels shows only when
the picture is decoded.
"""

import zlib
from collections.abc import Callable
from enum import StrEnum
from typing import BinaryIO, Final

from events.sentences import Sentence, gettext_noop

_SUM = Sentence(gettext_noop("the check sum of chunk %(kind)s is wrong"))
_LONG_BOX = Sentence(gettext_noop("box %(kind)s ends behind the end of the file"))
_NO_BOX = Sentence(gettext_noop("there is no box %(kind)s"))


class PictureDefect(StrEnum):
    """Why a stored picture cannot be looked at; reasons of `ImageRefused`, codes of problems."""

    BROKEN_IMAGE = "broken_image"
    TOO_MANY_PIXELS = "too_many_pixels"
    EMPTY_IMAGE = "empty_image"


class Damaged(Exception):
    """The file is not what its format demands; the message says where."""


def find_damage(file: BinaryIO, mime: str) -> str:
    """Return what is wrong with the file, empty where nothing is or the format is not checked."""
    check = _CHECKS.get(mime)
    if check is None:
        return ""
    file.seek(0)
    try:
        check(file)
    except Damaged as damage:
        return str(damage)
    return ""


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise Damaged(gettext_noop("the file ends too early"))
    return content


def _number(file: BinaryIO, size: int = 4) -> int:
    return int.from_bytes(_exactly(file, size), "big")


def _jpeg(file: BinaryIO) -> None:
    """Walk the segments to the pixels; behind them there must be an end mark."""
    if _exactly(file, 2) != b"\xff\xd8":
        raise Damaged(gettext_noop("no start mark"))
    while (marker := _next_marker(file)) != _START_OF_SCAN:
        if marker == _END_OF_IMAGE:
            raise Damaged(gettext_noop("it ends before its pixels"))
        if marker not in _WITHOUT_LENGTH:
            file.seek(max(_number(file, 2) - 2, 0), 1)
    if not has_jpeg_end(file, after=file.tell()):
        raise Damaged(gettext_noop("no end mark"))


def has_jpeg_end(file: BinaryIO, *, after: int) -> bool:
    """
    Whether there is an end mark behind the byte where the pixels begin.

    Not at the very end: phones put further pictures and even a film behind it. Sought from there all
    the same: nearly every picture has it near its end, and then no more is read.
    """
    end = file.seek(0, 2)
    for start in (max(after, end - _TAIL_BYTES), after):
        file.seek(start)
        if file.read().rfind(b"\xff\xd9") >= 0:
            return True
    return False


_TAIL_BYTES: Final = 1 << 16
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_WITHOUT_LENGTH: Final = {0x01, *range(0xD0, 0xD9)}


def _next_marker(file: BinaryIO) -> int:
    """Step over fill bytes, and over stray ones between segments, as decoders do."""
    previous = 0
    while True:
        byte = _exactly(file, 1)[0]
        if previous == 0xFF and byte not in (0x00, 0xFF):  # noqa: PLR2004 - the mark of a marker
            return byte
        previous = byte


def _png(file: BinaryIO) -> None:
    if _exactly(file, 8) != b"\x89PNG\r\n\x1a\n":
        raise Damaged(gettext_noop("no start mark"))
    kind = b""
    while kind != b"IEND":
        size, kind = _number(file), _exactly(file, 4)
        check_sum = zlib.crc32(_exactly(file, size), zlib.crc32(kind))
        if _number(file) != check_sum:
            raise Damaged(_SUM % {"kind": repr(kind)})


def _gif(file: BinaryIO) -> None:
    """Walk the blocks to the end mark: in compressed pixels its byte may stand anywhere."""
    header = _exactly(file, 13)
    file.seek(_palette_bytes(header[10]), 1)
    while (kind := _exactly(file, 1)) != b";":
        if kind == b",":
            file.seek(_palette_bytes(_exactly(file, 9)[8]) + 1, 1)
        elif kind == b"!":
            file.seek(1, 1)
        else:
            continue  # padding between blocks
        while size := _exactly(file, 1)[0]:
            file.seek(size, 1)


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _webp(file: BinaryIO) -> None:
    head = _exactly(file, 12)
    _exactly(file, int.from_bytes(head[4:8], "little") - 4)


def _boxes(file: BinaryIO, *, pixels_in: bytes = b"mdat") -> None:
    """Walk the boxes of HEIF, AVIF and JPEG 2000: the last one must end with the file."""
    end = file.seek(0, 2)
    at = file.seek(0)
    kinds = set()
    while at < end:
        size, kind = _number(file), _exactly(file, 4)
        kinds.add(kind)
        if size == 1:
            size = _number(file, 8)
        elif size == 0:
            size = end - at  # it goes to the end of the file
        if size < 8 or at + size > end:  # noqa: PLR2004 - the length of a box without content
            raise Damaged(_LONG_BOX % {"kind": repr(kind)})
        at = file.seek(at + size)
    if pixels_in not in kinds:
        raise Damaged(_NO_BOX % {"kind": repr(pixels_in)})


def _jpeg2000(file: BinaryIO) -> None:
    if _exactly(file, 2) != b"\xff\x4f":
        return _boxes(file, pixels_in=b"jp2c")
    if not file.read().endswith(b"\xff\xd9"):
        raise Damaged(gettext_noop("no end mark"))
    return None


_CHECKS: Final[dict[str, Callable[[BinaryIO], None]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/heic": _boxes,
    "image/heif": _boxes,
    "image/avif": _boxes,
    "image/jp2": _jpeg2000,
    "image/jpx": _jpeg2000,
}
CHECKED_MIMES: Final = frozenset(_CHECKS)
