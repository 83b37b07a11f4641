"""How much there is to see in a picture: differences between neighboring pixels."""

from typing import Any, Final

from PIL import Image, ImageChops, ImageFilter

_UNSEEN: Final = 12
"""Gray levels between neighbors that nobody sees: noise, dithering, the blocks of a JPEG."""
_PLAIN_TO_SEE: Final = 96
"""Gray levels from which on more contrast shows no more."""
_NOISE_RANGE: Final = 40
_BLANK_RANGE: Final = 8
_BLUR: Final = 2


def contrast(gray: Image.Image) -> Image.Image:
    """Map each pixel of a picture in mode L to its difference from its neighbors, at most 96."""
    width, height = gray.size
    right = ImageChops.difference(gray, gray.crop((1, 0, width + 1, height)))
    below = ImageChops.difference(gray, gray.crop((0, 1, width, height + 1)))
    # What a crop finds beyond the edge is black, and no part of the picture.
    right.paste(0, (width - 1, 0, width, height))
    below.paste(0, (0, height - 1, width, height))
    return ImageChops.lighter(right, below).point(_visible)


def total(contrasts: Image.Image) -> int:
    """Sum a map of `contrast`."""
    return sum(value * count for value, count in enumerate(contrasts.histogram()))


def detail(gray: Image.Image) -> int:
    """Tell how much a picture in mode L shows; to be compared with pictures of the same size."""
    return total(contrast(gray))


def is_blank(picture: Image.Image) -> bool:
    """
    Whether a picture in mode L or RGB shows nothing: one color, apart from noise.

    Noise is what stays below 40 levels and vanishes where five pixels are averaged.
    """
    if _widest(picture) > _NOISE_RANGE:
        return False
    return _widest(picture.filter(ImageFilter.BoxBlur(_BLUR))) <= _BLANK_RANGE


def _visible(value: float) -> int:
    return 0 if value < _UNSEEN else min(int(value), _PLAIN_TO_SEE)


def _widest(picture: Image.Image) -> float:
    """The widest range of values that one of the channels has."""
    extremes: Any = picture.getextrema()  # of one channel a pair, of several a pair for each
    pairs = [extremes] if picture.mode == "L" else extremes
    return max(float(high - low) for low, high in pairs)
