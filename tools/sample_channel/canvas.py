"""A drawing surface that remembers the text written on it."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONTS_DIR = Path("/usr/share/fonts/truetype/dejavu")
OVERSAMPLING = 2  # Pillow does not smooth the edges of shapes; drawing large and shrinking does

Point = tuple[float, float]


class FontsMissing(Exception):
    """The DejaVu fonts are not installed."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished drawing and the lines of text in it, in reading order."""

    image: Image.Image
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """How a piece of text looks; `face` is the part of the file name after "DejaVu"."""

    size: int
    fill: str = "#1c1e21"
    face: str = "Sans"

    def but(self, **changes: int | str) -> "Style":
        return replace(self, **changes)  # type: ignore[arg-type]


@cache
def load_font(face: str, size: int) -> ImageFont.FreeTypeFont:
    path = FONTS_DIR / f"DejaVu{face}.ttf"
    if not path.exists():
        raise FontsMissing(f"{path} is missing: apt-get install fonts-dejavu-core")
    # The basic layout engine is always there, so every machine places the glyphs alike.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def seeded(name: str) -> Random:
    """Random numbers that depend on nothing but the name of the picture."""
    return Random(name)  # noqa: S311 - texture, not secrets


class Canvas:
    """Coordinates are those of the finished picture."""

    def __init__(self, width: int, height: int, background: str = "#ffffff") -> None:
        self.width = width
        self.height = height
        self.image = Image.new("RGB", _enlarged(width, height), background)
        self.lines: list[str] = []
        self._pen = ImageDraw.Draw(self.image)

    def box(self, x: float, y: float, w: float, h: float, fill: str, *, radius: float = 0) -> None:
        corners = (*_enlarged(x, y), *_enlarged(x + w, y + h))
        self._pen.rounded_rectangle(corners, radius * OVERSAMPLING, fill)

    def card(self, x: float, y: float, w: float, h: float, fill: str, *, radius: float) -> None:
        """A box that floats: it has a soft shadow."""
        shade = Image.new("L", self.image.size)
        corners = (*_enlarged(x, y + 5), *_enlarged(x + w, y + h + 5))
        ImageDraw.Draw(shade).rounded_rectangle(corners, radius * OVERSAMPLING, 70)
        self.image.paste("#000000", mask=shade.filter(ImageFilter.GaussianBlur(16)))
        self.box(x, y, w, h, fill, radius=radius)

    def disc(self, x: float, y: float, radius: float, fill: str) -> None:
        self._pen.circle(_enlarged(x, y), radius * OVERSAMPLING, fill)

    def sector(self, x: float, y: float, radius: float, span: Point, fill: str) -> None:
        corners = (*_enlarged(x - radius, y - radius), *_enlarged(x + radius, y + radius))
        self._pen.pieslice(corners, *span, fill)

    def line(self, points: list[Point], fill: str, *, width: int = 2) -> None:
        large = [_enlarged(*point) for point in points]
        self._pen.line(large, fill, width * OVERSAMPLING, joint="curve")

    def shape(self, points: list[Point], fill: str) -> None:
        self._pen.polygon([_enlarged(*point) for point in points], fill)

    def write(self, x: float, y: float, text: str, style: Style, *, anchor: str = "la") -> None:
        """One line of text; the anchor is Pillow's (`la`: left, top of the letters)."""
        font = load_font(style.face, style.size * OVERSAMPLING)
        self._pen.text(_enlarged(x, y), text, style.fill, font, anchor)
        self.lines.append(text)

    def paragraph(self, x: float, y: float, text: str, style: Style, *, width: float) -> float:
        """Text broken into lines of at most `width`; returns where the next line would start."""
        for line in wrap(text, style, width=width):
            self.write(x, y, line, style)
            y += style.size * 1.4
        return y

    def finish(self) -> Picture:
        small = self.image.resize((self.width, self.height), Image.Resampling.LANCZOS)
        return Picture(small, tuple(self.lines))


def text_width(text: str, style: Style) -> float:
    return load_font(style.face, style.size * OVERSAMPLING).getlength(text) / OVERSAMPLING


def wrap(text: str, style: Style, *, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, style) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _enlarged(x: float, y: float) -> tuple[int, int]:
    return round(x * OVERSAMPLING), round(y * OVERSAMPLING)
