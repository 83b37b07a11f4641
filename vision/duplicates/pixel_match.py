"""
Whether two pictures are copies of one: decided by their pixels, after the hashes agreed.

Hashes of 256 bits see a picture at 16 × 16 waves. Two road signs that differ in a digit are
2 bits apart, two captions on one meme 6, and a copy may be 8. What a digit changes is small
but strong: blurred over 5 pixels it still differs by 25 gray levels and more, whereas a copy
differs by less than 21, once what its JPEG encoder did is done to the other one too.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from PIL import Image, ImageChops, ImageFilter

from media.imaging import DEFAULT_MAX_PIXELS, jpeg_tables, open_upright

LIGHT = 22
"""
Gray levels. On 130 real pictures copies stayed at 20 (JPEG 30 to 90, WebP from 40, half to
double size) and a digit of 8 × 8 pixels started at 25; copies made with a soft filter (box,
bilinear) reach 47, are told apart, and cost a look of their own.
"""
COLOR = 30
"""
Levels of the two color channels, blurred over 17 pixels. Copies of real pictures stay at 12,
of drawings in glaring colors at 25, since WebP keeps a quarter of the color only.
"""

_PROPORTION = 0.02
_MOST_LARGER = 2.5
"""The newcomer may have so many times the pixels a side: more, and it shows what was lost."""
_SIDE = 1600
"""Longest side that is compared, in pixels; Telegram sends 1280, or 2560 where asked for."""
_SHARP, _SOFT = 2, 8


@dataclass(frozen=True)
class Original:
    """A picture as it was uploaded; decoded when it is first looked at."""

    body: bytes
    max_pixels: int = DEFAULT_MAX_PIXELS

    @cached_property
    def pixels(self) -> Image.Image:
        upright = open_upright(self.body, max_pixels=self.max_pixels).convert("RGB")
        upright.thumbnail((2 * _SIDE, 2 * _SIDE), Image.Resampling.LANCZOS)
        return upright

    @cached_property
    def tables(self) -> list[list[int]]:
        return jpeg_tables(self.body)


def is_copy(newcomer: Original, known: Original) -> bool:
    """
    Whether what is known of `known` may be said of `newcomer`. Raises ImageRefused.

    In doubt it is no: a second look costs tokens, a wrong answer costs the text.
    """
    if not _same_shape(newcomer.pixels, known.pixels):
        return False
    return any(_agree(a, b) for a, b in _histories(newcomer, known))


def _same_shape(new: Image.Image, old: Image.Image) -> bool:
    if new.width > _MOST_LARGER * old.width:
        return False
    rounding = 1 / min(new.size) + 1 / min(old.size)
    proportion = new.width * old.height / (new.height * old.width)
    return abs(proportion - 1) <= max(_PROPORTION, rounding)


def _histories(a: Original, b: Original) -> Iterator[tuple[Image.Image, Image.Image]]:
    """
    What both would look like if one was made from the other, or both from a third.

    Most of what an encoder changes is known from its tables, so it can be done again.
    """
    yield a.pixels, b.pixels
    like_b = _encoded_like(a.pixels, b)
    if b.tables:
        yield like_b, b.pixels
    if a.tables:
        like_a = _encoded_like(b.pixels, a)
        yield a.pixels, like_a
        yield like_b, like_a


def _encoded_like(picture: Image.Image, other: Original) -> Image.Image:
    if not other.tables:
        return picture
    body = io.BytesIO()
    tables = other.tables[:2]
    _sized(picture, other.pixels.size).save(body, "JPEG", qtables=tables, subsampling="4:2:0")
    return open_upright(body.getvalue()).convert("RGB")


def _agree(a: Image.Image, b: Image.Image) -> bool:
    width, height = min(a.width, b.width), min(a.height, b.height)
    shrink = min(1.0, _SIDE / max(width, height))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    light, *colors = zip(_channels(_sized(a, size)), _channels(_sized(b, size)), strict=True)
    if _most_apart(*light, blur=_SHARP) > LIGHT:
        return False
    return all(_most_apart(*color, blur=_SOFT) <= COLOR for color in colors)


def _channels(picture: Image.Image) -> tuple[Image.Image, ...]:
    return picture.convert("YCbCr").split()


def _most_apart(a: Image.Image, b: Image.Image, *, blur: int) -> int:
    """Of the differences, not of the pictures: noise cancels out, a stroke does not."""
    smooth = ImageChops.difference(a, b).filter(ImageFilter.BoxBlur(blur))
    return int(smooth.getextrema()[1])  # type: ignore[arg-type]


def _sized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    same = picture.size == size
    return picture if same else picture.resize(size, Image.Resampling.LANCZOS)
