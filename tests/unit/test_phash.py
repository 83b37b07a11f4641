"""Hashes of pictures, and the pigeonholes they are found by."""

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from media.imaging import ImageRefused
from vision.duplicates.phash import DEFAULT_DISTANCE, MOST_DISTANCE, PHash, bands, distance, phash
from vision.models.duplicates import BANDS

ANY_BITS = st.integers(min_value=0, max_value=2**256 - 1)
SOME_PLACES = st.sets(st.integers(min_value=0, max_value=255), max_size=MOST_DISTANCE)


def scene(seed: int = 1, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Colored shapes: as different from one another as photos are."""
    dice = random.Random(seed)
    picture = Image.new("RGB", size, tuple(dice.randrange(256) for _ in range(3)))
    pen = ImageDraw.Draw(picture)
    for _ in range(30):
        x, y = dice.randrange(size[0]), dice.randrange(size[1])
        box = (x, y, x + dice.randrange(20, 200), y + dice.randrange(20, 200))
        pen.ellipse(box, fill=tuple(dice.randrange(256) for _ in range(3)))
    return picture


def encoded(picture: Image.Image, kind: str = "JPEG", **options) -> bytes:
    body = io.BytesIO()
    picture.save(body, kind, **options)
    return body.getvalue()


@pytest.mark.parametrize(
    "copy",
    [
        lambda p: encoded(p, quality=90),
        lambda p: encoded(p, quality=30),
        lambda p: encoded(p, "WEBP", quality=60),
        lambda p: encoded(p.resize((320, 240)), quality=80),
        lambda p: encoded(p.resize((1280, 960)), quality=80),
    ],
)
def test_copies_have_almost_the_hash_of_their_original(copy):
    original = scene()

    found = phash(copy(original))

    assert distance(phash(original), found) <= DEFAULT_DISTANCE


def test_different_pictures_are_far_apart():
    hashes = [phash(scene(seed)) for seed in range(10)]

    assert min(distance(a, b) for a in hashes for b in hashes if a is not b) > 40


@pytest.mark.parametrize("shade", [0, 1, 127, 255])
def test_a_picture_of_one_color_has_no_hash(shade):
    assert phash(Image.new("L", (300, 200), shade)) is None


def test_a_noise_that_nobody_sees_is_not_a_structure():
    dice = random.Random(7)
    nearly_black = Image.frombytes("L", (64, 64), bytes(dice.choices(range(2), k=64 * 64)))

    assert phash(nearly_black) is None


def test_what_is_not_a_picture_is_refused():
    with pytest.raises(ImageRefused):
        phash(b"no picture")


def test_a_hash_of_another_size_is_possible_and_not_comparable():
    small, usual = phash(scene(), hash_size=8), phash(scene())

    assert (len(str(small)), len(str(usual))) == (16, 64)
    with pytest.raises(ValueError, match="do not compare"):
        distance(small, usual)


@given(bits=ANY_BITS, turned=SOME_PLACES)
def test_hashes_within_the_distance_share_a_pigeonhole(bits, turned):
    other = bits
    for place in turned:
        other ^= 1 << place

    first, second = PHash(bits, 16), PHash(other, 16)

    assert distance(first, second) == len(turned)
    pairs = zip(bands(first, count=BANDS), bands(second, count=BANDS), strict=True)
    assert any(a == b for a, b in pairs)
