"""An animation is looked at in the frame that shows most, in bounded time."""

import time

import pytest
from PIL import Image

from media.imaging import open_upright
from tests.unit.pictures import encoded, page

SIZE = (760, 154)
TEXT = page(("Причал открыт с девяти", "Лодки выдают"), ground=(0, 60, 30))
BARE = Image.new("RGB", SIZE, (0, 60, 30))


def animation(name, frames, **how):
    return encoded(frames[0], name, save_all=True, append_images=frames[1:], duration=80, **how)


def shows_text(image: bytes) -> bool:
    low, high = open_upright(image).convert("L").getextrema()
    return high - low > 120


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF"])
@pytest.mark.parametrize("at", [0, 3, 7])
def test_text_that_one_frame_shows_is_found(name, at):
    frames = [BARE] * 8
    frames[at] = TEXT
    # Frames that are equal would be joined to one.
    frames = [frame.copy() for frame in frames]
    for number, frame in enumerate(frames):
        frame.putpixel((0, 0), (number * 9, 60, 30))

    assert shows_text(animation(name, frames))


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG"])
def test_a_text_on_nothing_that_appears_and_goes_is_found(name):
    clear = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    text = page(("Причал открыт с девяти", "Лодки выдают"), ground=None)

    assert shows_text(animation(name, [clear, text, clear], disposal=2))


def test_a_caption_that_is_typed_is_taken_when_it_is_whole():
    typed = [page(("Причал открыт"[:n],), ground=(0, 60, 30)) for n in range(1, 14)]

    shown = open_upright(animation("GIF", typed)).convert("L")

    assert shown.tobytes() == open_upright(encoded(typed[-1], "GIF")).convert("L").tobytes()


def test_of_frames_that_show_the_same_the_last_is_taken():
    fading = [page(("Причал открыт",), ink=(v, v, v), ground="black") for v in (120, 180, 240)]

    assert open_upright(animation("PNG", fading)).convert("L").getextrema()[1] == 240


@pytest.mark.costly
def test_a_long_animation_takes_no_longer_than_its_pixels_allow():
    frames = [Image.new("L", (400, 300), number % 256) for number in range(300)]
    image = animation("GIF", frames)

    started = time.process_time()
    shown = open_upright(image, max_pixels=10 * 400 * 300)

    assert shown.getextrema() == ((9, 9), (9, 9), (9, 9))
    assert time.process_time() - started < 2
