"""Things on paper and for fun: a scan, posters, a meme, a plan, a sticker."""

import math

from PIL import Image, ImageFilter

from tools.sample_channel import scenes, textures
from tools.sample_channel.canvas import Canvas, Picture, Style, seeded

SERIF = "Serif"


def scan(title: str, paragraphs: list[str], signed: str) -> Picture:
    """A typed page, slightly crooked, with a stamp and the noise of an old scanner."""
    canvas = Canvas(900, 1240, "#fbfaf5")
    canvas.write(450, 120, title, Style(34, "#1a1a1a", "Serif-Bold"), anchor="mm")
    y = 200.0
    for text in paragraphs:
        y = canvas.paragraph(110, y, text, Style(26, "#1a1a1a", SERIF), width=690) + 26
    canvas.write(110, y + 30, signed, Style(26, "#1a1a1a", SERIF))
    _stamp(canvas, 670, y + 190)
    page = canvas.finish()
    return Picture(_scanned(page.image), page.lines)


def _stamp(canvas: Canvas, x: float, y: float) -> None:
    canvas.disc(x, y, 96, "#7f95c9")
    canvas.disc(x, y, 89, "#fbfaf5")
    canvas.disc(x, y, 62, "#7f95c9")
    canvas.disc(x, y, 58, "#fbfaf5")
    canvas.shape(
        [(x - 30, y + 26), (x - 30, y - 6), (x, y - 34), (x + 30, y - 6), (x + 30, y + 26)],
        "#7f95c9",
    )


def _scanned(image: Image.Image) -> Image.Image:
    rng = seeded("scanner")
    tilted = image.rotate(0.6, Image.Resampling.BICUBIC, fillcolor="#efeee8")
    paper = textures.noise(rng, image.size, cells=3).point(lambda value: value // 6)
    tilted.paste("#cfc9b5", mask=paper)
    blurred = tilted.filter(ImageFilter.GaussianBlur(0.5))
    return textures.grain(blurred, rng, strength=0.12)


def poster(colors: tuple[str, str, str], kicker: str, title: str, facts: list[str]) -> Picture:
    """Background, ink and accent colors; a big title and the facts below it."""
    background, ink, accent = colors
    canvas = Canvas(860, 1080, background)
    canvas.disc(760, 1000, 260, accent)
    canvas.disc(560, 1060, 120, ink)
    canvas.box(70, 84, 90, 12, accent, radius=6)
    canvas.write(70, 124, kicker, Style(30, ink))
    y = canvas.paragraph(70, 200, title, Style(64, ink, "Sans-Bold"), width=720) + 40
    for fact in facts:
        canvas.write(70, y, fact, Style(32, ink))
        y += 62
    return canvas.finish()


def meme(top: str, bottom: str) -> Picture:
    """A cat in front of a monitor, and what it thinks of it."""
    canvas = Canvas(840, 840, "#f4ead7")
    canvas.write(420, 84, top, Style(46, "#1b1b1b", "Sans-Bold"), anchor="mm")
    canvas.box(0, 610, 840, 110, "#a9744f")
    canvas.box(0, 610, 840, 14, "#8a5a3b")
    _monitor(canvas, 520, 330)
    _cat(canvas, 270, 610)
    canvas.box(0, 720, 840, 120, "#f4ead7")
    canvas.write(420, 780, bottom, Style(46, "#1b1b1b", "Sans-Bold"), anchor="mm")
    return canvas.finish()


def _monitor(canvas: Canvas, x: float, y: float) -> None:
    canvas.box(x + 90, y + 200, 50, 80, "#5a6068")
    canvas.box(x, y, 230, 210, "#3b4148", radius=16)
    canvas.box(x + 14, y + 14, 202, 182, "#9fd0e6", radius=8)
    for place, tall in enumerate((40, 70, 55, 110, 150)):
        canvas.box(x + 34 + place * 35, y + 184 - tall, 24, tall, "#2c6e8f", radius=4)


def _cat(canvas: Canvas, x: float, y: float, *, fur: str = "#6b6f78") -> None:
    """A sitting cat; `x` is its middle, `y` the floor."""
    dark, cream = "#3d4047", "#f2e3cf"
    _tail(canvas, x, y, fur)
    canvas.disc(x, y - 150, 100, fur)
    canvas.shape([(x - 124, y), (x - 98, y - 170), (x + 98, y - 170), (x + 124, y)], fur)
    canvas.shape([(x - 100, y - 300), (x - 96, y - 410), (x - 20, y - 350)], fur)
    canvas.shape([(x + 100, y - 300), (x + 96, y - 410), (x + 20, y - 350)], fur)
    canvas.disc(x, y - 270, 108, fur)
    canvas.disc(x, y - 90, 66, cream)
    for side in (-1, 1):
        canvas.disc(x + side * 44, y - 286, 27, "#f7e06e")
        canvas.disc(x + side * 44 + 8, y - 286, 13, "#15171a")
        canvas.line([(x + side * 40, y - 232), (x + side * 130, y - 246)], dark, width=3)
        canvas.line([(x + side * 40, y - 224), (x + side * 130, y - 218)], dark, width=3)
        canvas.disc(x + side * 52, y - 14, 30, cream)
    canvas.shape([(x - 14, y - 250), (x + 14, y - 250), (x, y - 234)], "#d98880")
    canvas.line([(x - 20, y - 214), (x, y - 222), (x + 20, y - 214)], dark, width=4)


def _tail(canvas: Canvas, x: float, y: float, fur: str) -> None:
    """A chain of discs along a bend, thinner towards the tip."""
    for step in range(60):
        way = step / 59
        bend = math.sin(way * math.pi * 0.75)
        canvas.disc(x - 90 - 100 * bend, y - 24 - 150 * way**1.6, 17 - 6 * way, fur)


def quote(text: str, signed: str) -> Picture:
    """A card with a saying; Latin and Cyrillic alike."""
    canvas = Canvas(960, 640, "#273043")
    canvas.box(80, 96, 8, 440, "#f0b429", radius=4)
    y = canvas.paragraph(130, 110, text, Style(44, "#f4f6fa", SERIF), width=720)
    canvas.write(130, y + 40, signed, Style(28, "#b8c4d6"))
    return canvas.finish()


def plan(title: str, places: list[tuple[int, int, str]]) -> Picture:
    """A map of the yard; each place is the corner of a building and its name."""
    canvas = Canvas(1100, 820, "#eef3e6")
    canvas.box(0, 660, 1100, 70, "#d5d7da")
    canvas.line([(0, 695), (1100, 695)], "#ffffff", width=4)
    canvas.box(60, 120, 980, 500, "#dbe8c9", radius=24)
    canvas.write(60, 46, title, Style(36, "#1d2733", "Sans-Bold"))
    for x, y, name in places:
        canvas.card(x, y, 270, 120, "#ffffff", radius=14)
        canvas.write(x + 135, y + 60, name, Style(28, "#1d2733"), anchor="mm")
    canvas.write(60, 755, "улица Липовая", Style(28, "#4d5866"))
    return canvas.finish()


def shop_sign(text: str, hint: str) -> Picture:
    """A board nailed to a park view: text inside a photograph."""
    photo = scenes.draw("park_alley").image.filter(ImageFilter.GaussianBlur(3))
    canvas = Canvas(960, 640)
    canvas.image.paste(photo.resize(canvas.image.size))
    canvas.box(220, 420, 24, 220, "#4b3727")
    canvas.box(716, 420, 24, 220, "#4b3727")
    canvas.card(130, 170, 700, 280, "#f6efe0", radius=18)
    canvas.write(480, 270, text, Style(58, "#27402d", "Sans-Bold"), anchor="mm")
    canvas.write(480, 364, hint, Style(34, "#27402d"), anchor="mm")
    board = canvas.finish()
    return Picture(textures.grain(board.image, seeded("board"), strength=0.06), board.lines)


def avatar() -> Picture:
    """The channel's emblem: a house whose windows are a bar chart."""
    canvas = Canvas(512, 512, "#23513f")
    canvas.shape([(96, 236), (256, 96), (416, 236)], "#f0b429")
    canvas.box(126, 236, 260, 180, "#f6efe0", radius=10)
    for place, tall in enumerate((50, 90, 70, 130)):
        canvas.box(156 + place * 54, 400 - tall, 38, tall, "#2f7ed8", radius=6)
    return canvas.finish()


def sticker() -> Picture:
    """The cat of the meme, alone."""
    canvas = Canvas(512, 512, "#f0b429")
    _cat(canvas, 270, 490)
    return canvas.finish()
