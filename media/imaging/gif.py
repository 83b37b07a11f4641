"""How large the frames of a GIF make it: they may reach beyond the size in its header."""

import struct
from typing import Final

_FRAME: Final = struct.Struct("<HHHHB")
"""Left, top, width, height, and flags."""
_HEADER_BYTES: Final = 13


def extent(image: bytes, *, at_least: tuple[int, int]) -> int:
    """Width times height of the whole animation, as far as the file goes; no pixel is decoded."""
    width, height = at_least
    at = _HEADER_BYTES + _palette_bytes(image[10])
    while at < len(image) and image[at] != ord(";"):
        kind = image[at]
        at += 1
        if kind == ord(","):
            if at + _FRAME.size > len(image):
                break
            left, top, wide, high, flags = _FRAME.unpack_from(image, at)
            width, height = max(width, left + wide), max(height, top + high)
            at = _behind_blocks(image, at + _FRAME.size + _palette_bytes(flags) + 1)
        elif kind == ord("!"):
            at = _behind_blocks(image, at + 1)
    return width * height


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _behind_blocks(image: bytes, at: int) -> int:
    """Step over blocks, each with its length before it, to behind the empty one that ends them."""
    while at < len(image) and image[at]:
        at += 1 + image[at]
    return at + 1
