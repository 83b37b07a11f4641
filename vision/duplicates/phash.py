"""
Perceptual hashes: a number for a picture that its re-encoded and resized copies share.

The hash only suggests. Pictures that differ in a digit have hashes 2 bits apart, as copies
have, so `vision.duplicates.pixel_match` looks at the pixels before anything is shared.
"""

import random
from dataclasses import dataclass

import imagehash
from PIL import Image, ImageChops

from media.imaging import DEFAULT_MAX_PIXELS, open_upright

DEFAULT_HASH_SIZE = 16
"""256 bits. With 64 bits, pages of text and screenshots of one program fall together."""
MOST_DISTANCE = 12
DEFAULT_DISTANCE = 10
"""
Copies of 177 real pictures (JPEG 30 to 90, WebP, half to double size, Telegram's recompression
twice) lie at most 8 bits from the original; distances are even where no coefficient ties.
"""

_SIDE = 64
_SHAKEN_BITS = 24
"""Bits that a noise of one gray level may turn over before a hash is mere noise."""
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
    None for what is too plain to be told apart: one color, a shade, next to no structure.

    Bytes are decoded as everything else that looks at pictures does; raises ImageRefused.
    """
    picture = open_upright(image, max_pixels=max_pixels) if isinstance(image, bytes) else image
    small = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    found = _hash(small, hash_size)
    shaken = _hash(ImageChops.add(small, _NOISE, scale=1, offset=-1), hash_size)
    plain = distance(found, shaken) > _SHAKEN_BITS * hash_size**2 // DEFAULT_HASH_SIZE**2
    return None if plain else found


def distance(a: PHash, b: PHash) -> int:
    """In how many bits they differ. Raises ValueError for hashes of different sizes."""
    if a.size != b.size:
        raise ValueError(f"hashes of {a.size} and {b.size} bits a side do not compare")
    return (a.bits ^ b.bits).bit_count()


def bands(found: PHash, *, count: int) -> list[int]:
    """
    The hash dealt out into `count` numbers, as cards are dealt.

    Two hashes that differ in fewer than `count` bits have a number in common at the same
    place (pigeonholes). Dealt rather than cut: neighboring bits describe similar frequencies,
    which plain backgrounds make alike in many pictures.
    """
    digits = f"{found.bits:0{found.size**2}b}"
    return [int(digits[start::count], 2) for start in range(count)]


def _hash(small: Image.Image, hash_size: int) -> PHash:
    factor = max(1, _SIDE // hash_size)
    rows = imagehash.phash(small, hash_size=hash_size, highfreq_factor=factor).hash
    return PHash(int("".join("1" if bit else "0" for bit in rows.flatten()), 2), hash_size)
