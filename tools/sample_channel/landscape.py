"""Paints one landscape, from back to front, out of gradients, noise and simple shapes."""

from dataclasses import dataclass
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tools.sample_channel import textures

LARGE = (1920, 1280)


@dataclass(frozen=True, slots=True)
class Scene:
    """The parts of a landscape; lengths are in pixels of the large drawing."""

    sky: tuple[str, ...]
    ground: tuple[str, str]
    sun: tuple[int, int, int, str] | None = None
    clouds: float = 0.5
    ridges: tuple[str, ...] = ()
    houses: tuple[str, ...] = ()
    lit: float = 0.0
    trees: tuple[str, ...] = ()
    lamps: int = 0
    water: bool = False
    weather: str = ""
    horizon: int = 860


def paint(scene: Scene, rng: Random) -> Image.Image:
    """The whole scene, at twice the size it will have."""
    image = textures.gradient(LARGE, *scene.sky)
    _light(image, scene)
    _clouds(image, scene, rng)
    _ridges(image, scene, rng)
    _ground(image, scene, rng)
    _houses(image, scene, rng)
    if scene.water:
        _mirror(image, scene, rng)
    _trees(image, scene, rng)
    _lamps(image, scene, rng)
    _weather(image, scene, rng)
    return image


def _light(image: Image.Image, scene: Scene) -> None:
    if scene.sun is None:
        return
    x, y, radius, color = scene.sun
    textures.glow(image, (x, y), radius * 4, color, power=110)
    textures.glow(image, (x, y), radius * 2, color, power=150)
    ImageDraw.Draw(image).circle((x, y), radius, color)


def _clouds(image: Image.Image, scene: Scene, rng: Random) -> None:
    tall = (LARGE[0], LARGE[1] * 3)  # squeezed afterwards: clouds are wider than high
    shapes = textures.noise(rng, tall, cells=4, octaves=5).resize(LARGE)
    thin = shapes.point(lambda value: round(min(110, max(0, value - 112) * 2.2) * scene.clouds))
    # Fewer clouds low down: the haze hides them there.
    fade = textures.gradient(LARGE, "#ffffff", "#a0a0a0", "#000000").convert("L")
    image.paste(scene.sky[-1], mask=ImageChops.multiply(thin, fade))


def _ridges(image: Image.Image, scene: Scene, rng: Random) -> None:
    for depth, color in enumerate(scene.ridges):
        base = scene.horizon + 20 - 40 * (len(scene.ridges) - depth - 1)
        line = textures.ridge(rng, LARGE[0], base=base, height=260 - 60 * depth, bumps=3 + depth)
        mask = Image.new("L", LARGE)
        outline = [*enumerate(line), (LARGE[0], LARGE[1]), (0, LARGE[1])]
        ImageDraw.Draw(mask).polygon(outline, 255)
        rough = textures.noise(rng, LARGE, cells=30, octaves=3)
        image.paste(_textured(color, rough, contrast=0.14), mask=mask)


def _ground(image: Image.Image, scene: Scene, rng: Random) -> None:
    size = (LARGE[0], LARGE[1] - scene.horizon)
    field = textures.gradient(size, *scene.ground)
    rough = textures.noise(rng, size, cells=70, octaves=4).convert("RGB")
    image.paste(Image.blend(field, ImageChops.overlay(field, rough), 0.3), (0, scene.horizon))


def _textured(color: str, rough: Image.Image, *, contrast: float) -> Image.Image:
    flat = Image.new("RGB", rough.size, color)
    return Image.blend(flat, ImageChops.overlay(flat, rough.convert("RGB")), contrast * 3)


def _houses(image: Image.Image, scene: Scene, rng: Random) -> None:
    pen = ImageDraw.Draw(image)
    x = -60
    while scene.houses and x < LARGE[0]:
        floors, columns = rng.randint(4, 9), rng.randint(4, 8)
        wide, tall = columns * 64 + 40, floors * 74 + 60
        top = scene.horizon - tall + rng.randint(0, 30)
        pen.rectangle((x, top, x + wide, scene.horizon + 30), rng.choice(scene.houses))
        pen.rectangle((x - 8, top - 14, x + wide + 8, top), _shade(image, x, top, 0.7))
        pen.rectangle(
            (x + wide - 26, top, x + wide, scene.horizon + 30), _shade(image, x, top, 0.85)
        )
        for row in range(floors):
            for column in range(columns):
                corner = (x + 28 + column * 64, top + 34 + row * 74)
                _window(pen, corner, lit=rng.random() < scene.lit, rng=rng)
        x += wide + rng.choice((0, 24, 90))


def _shade(image: Image.Image, x: int, y: int, factor: float) -> tuple[int, ...]:
    """The color of the wall there, darkened."""
    inside = (min(max(x + 4, 0), LARGE[0] - 1), y + 6)
    pixel = image.getpixel(inside)
    return tuple(round(channel * factor) for channel in pixel) if isinstance(pixel, tuple) else ()


def _window(pen: ImageDraw.ImageDraw, corner: tuple[int, int], *, lit: bool, rng: Random) -> None:
    x, y = corner
    warm = rng.choice(("#ffd98a", "#ffe9b8", "#f8c66a"))
    glass = warm if lit else rng.choice(("#39475a", "#44546a", "#303c4e"))
    pen.rectangle((x - 3, y - 3, x + 37, y + 49), "#8c8a88" if not lit else "#5a5046")
    pen.rectangle((x, y, x + 34, y + 46), glass)
    pen.line((x + 17, y, x + 17, y + 46), "#6d6b6a", 3)
    if not lit and rng.choice((True, False)):
        pen.polygon([(x, y), (x + 15, y), (x, y + 26)], "#7d93ad")


def _mirror(image: Image.Image, scene: Scene, rng: Random) -> None:
    """The lower part reflects the upper one, in waves."""
    depth = LARGE[1] - scene.horizon
    above = image.crop((0, scene.horizon - depth, LARGE[0], scene.horizon))
    calm = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).filter(ImageFilter.GaussianBlur(5))
    shifts = textures.noise(rng, (4, depth), cells=2, octaves=7).tobytes()[::4]
    water = calm.copy()
    for y in range(depth):
        shift = round((shifts[y] - 128) * (0.06 + 0.25 * y / depth))
        water.paste(ImageChops.offset(calm.crop((0, y, LARGE[0], y + 1)), shift, 0), (0, y))
    tint = Image.new("RGB", water.size, scene.ground[1])
    image.paste(Image.blend(water, tint, 0.28), (0, scene.horizon))


def _trees(image: Image.Image, scene: Scene, rng: Random) -> None:
    if not scene.trees:
        return
    for row in range(3):
        for _ in range(7 - row):
            x = rng.randint(-60, LARGE[0] + 60)
            _tree(image, (x, scene.horizon + 30 + row * 70), 100 + row * 45, scene.trees, rng)


def _tree(
    image: Image.Image, foot: tuple[int, int], size: int, colors: tuple[str, ...], rng: Random
) -> None:
    pen = ImageDraw.Draw(image)
    x, y = foot
    pen.polygon([(x - 9, y), (x + 9, y), (x + 5, y - size * 2), (x - 5, y - size * 2)], "#4a3a2c")
    for step in range(420):
        spread = size * (1 - step / 900)
        dx, dy = _scatter(rng) * spread * 0.36, _scatter(rng) * spread * 0.34
        radius = rng.uniform(0.03, 0.11) * size
        center = (x + dx, y - size * 1.7 + dy - step * size / 1100)
        pen.circle(center, radius, rng.choice(colors))


def _scatter(rng: Random) -> float:
    """A normal deviate without outliers: no leaf hangs in the air."""
    return max(-1.9, min(1.9, rng.gauss(0, 1)))


def _lamps(image: Image.Image, scene: Scene, rng: Random) -> None:
    for index in range(scene.lamps):
        x = round(LARGE[0] * (index + 0.5) / scene.lamps + rng.randint(-60, 60))
        top, foot = scene.horizon - 190, scene.horizon + 120
        ImageDraw.Draw(image).line((x, top, x, foot), "#2a2a2e", 9)
        textures.glow(image, (x, top), 90, "#ffd27a", power=170)
        ImageDraw.Draw(image).circle((x, top), 20, "#fff4d6")


def _weather(image: Image.Image, scene: Scene, rng: Random) -> None:
    if scene.weather == "fog":
        haze = textures.gradient(LARGE, "#303030", "#b0b0b0", "#c8c8c8", "#505050").convert("L")
        image.paste("#d5d9db", mask=haze)
    elif scene.weather == "snow":
        _flakes(image, rng)
    elif scene.weather == "rain":
        _drops(image, rng)


def _flakes(image: Image.Image, rng: Random) -> None:
    mask = Image.new("L", LARGE)
    pen = ImageDraw.Draw(mask)
    for _ in range(900):
        spot = (rng.randrange(LARGE[0]), rng.randrange(LARGE[1]))
        pen.circle(spot, rng.uniform(2, 8), rng.randint(120, 240))
    image.paste("#ffffff", mask=mask.filter(ImageFilter.GaussianBlur(1.6)))


def _drops(image: Image.Image, rng: Random) -> None:
    mask = Image.new("L", LARGE)
    pen = ImageDraw.Draw(mask)
    for _ in range(700):
        x, y, long = rng.randrange(LARGE[0]), rng.randrange(LARGE[1]), rng.randint(20, 60)
        pen.line((x, y, x - long // 4, y + long), rng.randint(50, 120), 2)
    image.paste("#dfe6ee", mask=mask.filter(ImageFilter.GaussianBlur(0.8)))
