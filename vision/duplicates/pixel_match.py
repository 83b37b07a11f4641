"""
Comparison of the pixels of two pictures whose hashes are similar: duplicates, or not.

A hash of 256 bits describes a picture by 16 × 16 low frequencies. Two road signs that differ in
a digit are 2 bits apart, two captions on one meme 6, and a duplicate may be 8. A changed digit
is small but strong: blurred over 5 pixels it still differs by 25 gray levels and more, whereas a
duplicate differs by less than 21, once the loss of its JPEG encoder is done to the other one too.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.functional import cached_property
from PIL import Image, ImageChops, ImageFilter

from media.imaging import DEFAULT_MAX_PIXELS, jpeg_tables, open_upright

LUMA_TOLERANCE = 22
"""
Gray levels. On 130 real pictures duplicates stayed at 20 (JPEG 30 to 90, WebP from 40, half to
double size) and a digit of 8 × 8 pixels started at 25. Duplicates scaled with a soft filter
(box, bilinear) reach 47: they count as different and are paid for.
"""
CHROMA_TOLERANCE = 30
"""
Levels of the two color channels, blurred over 17 pixels. Duplicates of real pictures stay at 12,
of drawings in glaring colors at 25, since WebP keeps only a quarter of the color values.
"""

_PROPORTION = 0.02
_MAX_ENLARGEMENT = 2.5
"""How many times wider the new picture may be: a larger one shows detail that was lost."""
_SIDE = 1600
"""Longest side that is compared, in pixels; Telegram sends 1280, or 2560 on request."""
_SHARP, _SOFT = 2, 8


@dataclass(frozen=True)
class Original:
    """A picture as it was uploaded; decoded at the first use."""

    body: bytes
    max_pixels: int = DEFAULT_MAX_PIXELS

    @cached_property
    def upright(self) -> Image.Image:
        """The whole picture, in mode L or RGB. Raises ImageRefused."""
        return open_upright(self.body, max_pixels=self.max_pixels)

    @cached_property
    def pixels(self) -> Image.Image:
        """The picture in RGB, smaller where it is larger than what is compared needs."""
        whole, longest = self.upright, max(self.upright.size)
        if longest > 2 * _SIDE:
            self.__dict__.pop("upright")  # up to 200 MB that nobody needs any more
            width, height = (max(1, round(side * 2 * _SIDE / longest)) for side in whole.size)
            whole = whole.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2)
        # A conversion to the same mode would copy it.
        return whole if whole.mode == "RGB" else whole.convert("RGB")

    @cached_property
    def tables(self) -> list[list[int]]:
        return jpeg_tables(self.body)


def is_duplicate(newcomer: Original, known: Original) -> bool:
    """
    Whether the analysis of `known` holds for `newcomer`, too. Raises ImageRefused.

    In case of doubt they are different: one more analysis costs tokens, a wrong reuse costs the
    text of the picture.
    """
    if not _same_shape(newcomer.pixels, known.pixels):
        return False
    return any(_agree(a, b) for a, b in _reencodings(newcomer, known))


def _same_shape(new: Image.Image, old: Image.Image) -> bool:
    if new.width > _MAX_ENLARGEMENT * old.width:
        return False
    rounding = 1 / min(new.size) + 1 / min(old.size)
    proportion = new.width * old.height / (new.height * old.width)
    return abs(proportion - 1) <= max(_PROPORTION, rounding)


def _reencodings(a: Original, b: Original) -> Iterator[tuple[Image.Image, Image.Image]]:
    """
    Both pictures as they would be if one was made from the other, or both from a third.

    Most of the loss of a JPEG encoder follows from its quantization tables, so the same loss can
    be done to the other picture.
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
    luma, *chroma = zip(_channels(_sized(a, size)), _channels(_sized(b, size)), strict=True)
    if _max_difference(*luma, blur=_SHARP) > LUMA_TOLERANCE:
        return False
    return all(_max_difference(*one, blur=_SOFT) <= CHROMA_TOLERANCE for one in chroma)


def _channels(picture: Image.Image) -> tuple[Image.Image, ...]:
    return picture.convert("YCbCr").split()


def _max_difference(a: Image.Image, b: Image.Image, *, blur: int) -> int:
    """The difference is blurred, not the pictures: noise cancels out, a stroke does not."""
    smooth = ImageChops.difference(a, b).filter(ImageFilter.BoxBlur(blur))
    return int(smooth.getextrema()[1])  # type: ignore[arg-type]


def _sized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    same = picture.size == size
    return picture if same else picture.resize(size, Image.Resampling.LANCZOS)
