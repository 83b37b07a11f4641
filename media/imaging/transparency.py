"""
Laying transparent pictures on a ground.

White, where that shows everything: most transparent pictures are made for white pages. Black, or
a gray, where white would swallow what is light.
"""

from collections.abc import Iterator
from typing import Final

from PIL import Image, ImageChops

from media.imaging.visibility import contrast, total

WHITE: Final = 255
BLACK: Final = 0
DARK: Final = 24
"""The ground of what is read in white: on pure black, Tesseract took a word or two for others."""
_GRAYS: Final = (WHITE, BLACK, 128, 192, 64)
"""Grounds in the order in which they are preferred."""
_ENOUGH: Final = 0.97
"""A ground that shows so much of what the best one shows is as good."""
_PLAIN: Final = 80
"""Gray levels between letters and ground from which on they are read as well as black ones."""
_MANY: Final = 0.1
_EXAMINED_SIDE: Final = 1024


def without_transparency(picture: Image.Image) -> Image.Image:
    """Lay a picture on the one ground that shows most of it; the result has mode L or RGB."""
    layers = _layers(picture)
    return laid_on(layers, _best(layers))


def on_readable_grounds(picture: Image.Image) -> Iterator[Image.Image]:
    """
    Yield the picture on white or on a very dark gray, whichever shows it all, or else on both.

    Both have to be read where some letters are light and others dark.
    """
    layers = _layers(picture)
    for ground in _readable(layers):
        yield laid_on(layers, ground)


def laid_on(layers: Image.Image, ground: int) -> Image.Image:
    """Lay a picture in mode LA or RGBA on a gray of 0 to 255."""
    mode = "L" if layers.mode == "LA" else "RGB"
    alpha, opaque = layers.getchannel("A"), layers.convert(mode)
    if alpha.getextrema() == (255, 255):
        return opaque
    sheet = Image.new(mode, layers.size, ground if mode == "L" else (ground,) * 3)
    sheet.paste(opaque, mask=alpha)
    return sheet


def _layers(picture: Image.Image) -> Image.Image:
    mode = "LA" if picture.mode in {"L", "1", "LA"} else "RGBA"
    # A conversion to the same mode would copy all of it.
    return picture if picture.mode == mode else picture.convert(mode)


def _best(layers: Image.Image) -> int:
    """Choose among all grounds by what they show."""
    small = _small(layers)
    if _is_opaque(small):
        return WHITE
    shown = {ground: total(contrast(laid_on(small, ground))) for ground in _GRAYS}
    most = max(shown.values())
    return next(ground for ground in _GRAYS if shown[ground] >= _ENOUGH * most)


def _readable(layers: Image.Image) -> tuple[int, ...]:
    """
    Choose white, dark or both: what either shows has to be on one of those that are chosen.

    Where dark shows it all, both are chosen if white shows much as plainly: letters of a middle
    gray stand out on dark too, but not for Tesseract, if a white panel stands beside them.
    """
    small = _small(layers)
    if _is_opaque(small):
        return (WHITE,)
    on_white, on_dark = (contrast(laid_on(small, ground)) for ground in (WHITE, DARK))
    enough = _ENOUGH * total(ImageChops.lighter(on_white, on_dark))
    if total(on_white) >= enough:
        return (WHITE,)
    if total(on_dark) < enough or _is_plain_at_edges(on_white, small):
        return (WHITE, DARK)
    return (DARK,)


def _is_plain_at_edges(contrasts: Image.Image, layers: Image.Image) -> bool:
    """Whether much of what borders on nothing is plain to see; inside of panels it always is."""
    edges = contrast(layers.getchannel("A")).point(_any)
    plain = ImageChops.darker(contrasts.point(_if_plain), edges)
    return plain.histogram()[255] >= _MANY * edges.histogram()[255]


def _any(value: float) -> int:
    return 255 if value else 0


def _if_plain(value: float) -> int:
    return 255 if value >= _PLAIN else 0


def _is_opaque(layers: Image.Image) -> bool:
    return layers.getchannel("A").getextrema() == (255, 255)


def _small(layers: Image.Image) -> Image.Image:
    """A gray copy of at most about 2000 pixels a side, in which letters still are letters."""
    return layers.convert("LA").reduce(max(1, max(layers.size) // _EXAMINED_SIDE))
