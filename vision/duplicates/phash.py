"""
Perceptual hashes: numbers that hardly differ for a picture and its re-encoded or resized copies.

The hash only proposes. Pictures that differ in a digit have hashes 2 bits apart, as duplicates
have, so `vision.duplicates.pixel_match` compares the pixels before an analysis is reused.
"""

import random
from dataclasses import dataclass

from PIL import Image, ImageChops

from media.imaging import DEFAULT_MAX_PIXELS, open_upright

DEFAULT_HASH_SIZE = 16
"""256 bits. With 64 bits, pages of text and screenshots of one program get equal hashes."""
MAX_DISTANCE = 12
DEFAULT_DISTANCE = 10
"""
Copies of 177 real pictures (JPEG 30 to 90, WebP, half to double size, Telegram's recompression
twice) are at most 8 bits from the original. Distances are even numbers, unless a frequency equals
the median exactly.
"""

_SIDE = 64
_SHAKEN_BITS = 24
"""Bits that noise of one gray level may flip; a picture with more of them is too plain to hash."""
_DICE = random.Random(64)  # noqa: S311 - the same noise at every run, nothing secret
_NOISE = Image.frombytes("L", (_SIDE, _SIDE), bytes(_DICE.choices(range(3), k=_SIDE * _SIDE)))


@dataclass(frozen=True, slots=True)
class PHash:
    """`size` × `size` bits, the lowest frequencies first. As text it is hexadecimal."""

    bits: int
    size: int

    def __str__(self) -> str:
        return f"{self.bits:0{self.size**2 // 4}x}"


def phash(
    image: Image.Image | bytes,
    *,
    hash_size: int = DEFAULT_HASH_SIZE,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> PHash | None:
    """
    The hash of a picture, or None where it is too plain: one color, a gradient, no structure.

    Raises ImageRefused where bytes cannot be decoded.
    """
    picture = open_upright(image, max_pixels=max_pixels) if isinstance(image, bytes) else image
    small = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    found = _hash(small, hash_size)
    shaken = _hash(ImageChops.add(small, _NOISE, scale=1, offset=-1), hash_size)
    plain = distance(found, shaken) > _SHAKEN_BITS * hash_size**2 // DEFAULT_HASH_SIZE**2
    return None if plain else found


def distance(a: PHash, b: PHash) -> int:
    """The number of bits that differ. Raises ValueError for hashes of different sizes."""
    if a.size != b.size:
        raise ValueError(f"hashes of {a.size} and {b.size} bits a side do not compare")
    return (a.bits ^ b.bits).bit_count()


def bands(found: PHash, *, count: int) -> list[int]:
    """
    The bits of a hash dealt out into `count` numbers, as cards are dealt to players.

    Two hashes that differ in fewer than `count` bits have an equal number at the same position
    (pigeonhole principle). Dealt rather than cut into pieces: neighboring bits describe similar
    frequencies, which are alike in many pictures with plain backgrounds.
    """
    digits = f"{found.bits:0{found.size**2}b}"
    return [int(digits[start::count], 2) for start in range(count)]


def _hash(small: Image.Image, hash_size: int) -> PHash:
    import imagehash  # noqa: PLC0415 - late

    factor = max(1, _SIDE // hash_size)
    rows = imagehash.phash(small, hash_size=hash_size, highfreq_factor=factor).hash
    return PHash(int("".join("1" if bit else "0" for bit in rows.flatten()), 2), hash_size)
