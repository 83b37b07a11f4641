"""A picture like no other: a known one, or a copy of one, would be answered without the provider."""

import io
import random

from PIL import Image, ImageDraw

WIDTH, HEIGHT, SHAPES = 1024, 768, 14


def make(seed: int) -> bytes:
    """Draw a JPEG of disks in random colors."""
    chance = random.Random(seed)  # noqa: S311 - no secret comes of it
    image = Image.new("RGB", (WIDTH, HEIGHT), _color(chance))
    draw = ImageDraw.Draw(image)
    for _ in range(SHAPES):
        x, y = chance.randrange(WIDTH), chance.randrange(HEIGHT)
        size = chance.randrange(WIDTH // 16, WIDTH // 2)
        draw.ellipse((x - size, y - size, x + size, y + size), fill=_color(chance))
    body = io.BytesIO()
    image.save(body, "JPEG", quality=90)
    return body.getvalue()


def _color(chance: random.Random) -> tuple[int, int, int]:
    return chance.randrange(256), chance.randrange(256), chance.randrange(256)
