"""Gradients, noise and grain: what makes a drawing look less drawn."""

from random import Random

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter, ImageOps

Size = tuple[int, int]


def gradient(size: Size, *colors: str) -> Image.Image:
    """Colors from top to bottom, at equal distances."""
    stops = Image.new("RGB", (1, len(colors)))
    stops.putdata([ImageColor.getrgb(color)[:3] for color in colors])
    # Half a stop is cut off at either end, or the first and last color would be a flat band.
    inner = (0, 0.5, 1, len(colors) - 0.5)
    return stops.resize(size, Image.Resampling.BILINEAR, box=inner)


def noise(rng: Random, size: Size, *, cells: int, octaves: int = 4) -> Image.Image:
    """Clouds in shades of gray, 0 to 255; `cells` is how many blobs fit across."""
    total = Image.new("L", size, 128)
    for octave in reversed(range(octaves)):
        across = cells * 2**octave
        down = max(2, across * size[1] // size[0])
        layer = Image.frombytes("L", (across, down), rng.randbytes(across * down))
        total = Image.blend(total, layer.resize(size, Image.Resampling.BICUBIC), 0.6)
    return ImageOps.autocontrast(total)


def grain(image: Image.Image, rng: Random, *, strength: float) -> Image.Image:
    """The noise of a small sensor: the same in all three channels."""
    width, height = image.size
    speckle = Image.frombytes("L", image.size, rng.randbytes(width * height))
    soft = speckle.filter(ImageFilter.GaussianBlur(0.6)).convert("RGB")
    return Image.blend(image, ImageChops.overlay(image, soft), strength)


def vignette(image: Image.Image, *, strength: float) -> Image.Image:
    """Darker corners, as a cheap lens gives."""
    falloff = Image.radial_gradient("L").resize(image.size)
    mask = falloff.point(lambda value: round(max(0, value - 90) * strength))
    dark = image.copy()
    dark.paste("#000000", mask=mask)
    return dark


def glow(image: Image.Image, center: Size, radius: int, color: str, *, power: int = 255) -> None:
    """A light that spreads around `center`, added in place."""
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).circle(center, radius, power)
    image.paste(color, mask=mask.filter(ImageFilter.GaussianBlur(radius * 0.6)))


def ridge(rng: Random, width: int, *, base: float, height: float, bumps: int) -> list[float]:
    """The outline of hills: one y for each x."""
    line = noise(rng, (width, 4), cells=bumps, octaves=4).crop((0, 1, width, 2))
    return [base - value / 255 * height for value in line.tobytes()]
