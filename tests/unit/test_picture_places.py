"""How many pixels are decoded at once: bounded, in turn, and never a place lost."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from PIL import Image

from events.supervision.worker_process import WorkerProcess
from events.workers import ending
from media.imaging import places
from media.imaging.decode import pixels_of
from media.imaging.places import NoPlace, Places, Room
from tests.unit.pictures import encoded
from tests.unit.test_imaging import SCREEN_1X1, gif_frame
from tests.unit.test_picture_structure import png_of

AT_ONCE = timedelta(0)
LONG = timedelta(seconds=30)


def enter(room, what, *, patience=LONG):
    """Come in, and go out again."""
    with room.held(what, patience=patience):
        pass


def wait_until_waiting(room: Room, number: int) -> None:
    with room._changed:
        assert room._changed.wait_for(lambda: len(room._queue) == number, 10)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(20) as threads:
        yield threads


@pytest.fixture
def asked(monkeypatch):
    """Ask the process to end."""
    monkeypatch.setattr(ending, "_asked", False)  # and not to, after the test
    return ending.ask


def test_twenty_threads_hold_no_more_than_there_is(pool):
    room, guard, held, most = Room(100), threading.Lock(), 0, 0

    def work(pixels):
        nonlocal held, most
        with room.held(pixels):
            with guard:
                held, most = held + pixels, max(most, held + pixels)
            threading.Event().wait(0.002)
            with guard:
                held -= pixels

    list(pool.map(work, [7, 40, 60, 1] * 10))

    assert 60 <= most <= 100
    assert room._free == 100


def test_what_is_larger_than_all_of_it_comes_in_alone(pool):
    room = Room(100)
    with room.held(1):
        large = pool.submit(enter, room, 5000)
        wait_until_waiting(room, 1)
    large.result(10)

    with room.held(5000), pytest.raises(NoPlace):
        enter(room, 1, patience=AT_ONCE)


def test_the_first_to_ask_is_the_first_to_get_it(pool):
    room, order = Room(100), []

    def work(pixels):
        with room.held(pixels, patience=LONG):
            order.append(pixels)

    with room.held(50):
        works = []
        for number, pixels in enumerate((90, 10, 80), 1):  # 10 would fit in at once
            works.append(pool.submit(work, pixels))
            wait_until_waiting(room, number)
    for one in works:
        one.result(10)

    assert order[0] == 90
    assert sorted(order) == [10, 80, 90]


def test_a_small_picture_does_not_wait_for_giants(pool):
    both = Places(giants=1)
    giant, small = png_of(9000, 5000, b""), png_of(2560, 2560, b"")
    with both.held(giant):
        second = pool.submit(enter, both, giant)
        wait_until_waiting(both._large, 1)

        with both.held(small, patience=AT_ONCE):
            assert not second.done()
    second.result(10)


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_whoever_fails_gives_the_place_back(failure):
    room = Room(10)

    with pytest.raises(failure), room.held(10):
        raise failure

    with room.held(10, patience=AT_ONCE):
        pass


@pytest.mark.costly
def test_whoever_gives_up_lets_those_behind_pass(pool):
    room = Room(10)
    with room.held(4):
        impatient = pool.submit(enter, room, 9, patience=timedelta(seconds=1))
        wait_until_waiting(room, 1)
        behind = pool.submit(enter, room, 5)

        with pytest.raises(NoPlace):
            impatient.result(10)
        behind.result(10)


def test_who_waits_is_told_that_the_process_ends(pool, asked):
    room = Room(10)
    with room.held(10):
        waits = pool.submit(enter, room, 1)
        wait_until_waiting(room, 1)

        asked()

        with pytest.raises(NoPlace) as told:
            waits.result(5)
    assert told.value.after == AT_ONCE  # another worker may begin it at once


def test_no_more_threads_wait_for_a_large_one_than_leave_some_for_small_ones(pool):
    room = Room(10, most_waiting=1)
    with room.held(10):
        first = pool.submit(enter, room, 1)
        wait_until_waiting(room, 1)

        with pytest.raises(NoPlace), room.held(1, patience=LONG):
            pass
    first.result(10)
    assert places.analyzed._large._most_waiting == places.WAITING


def test_the_rooms_are_large_enough_for_a_picture_of_the_largest_size_each():
    assert places.analyzed._large._all >= 50_000_000
    assert places.analyzed._small._all >= places.SMALL


def test_the_pixels_of_a_picture_are_those_of_its_header():
    body = encoded(Image.new("L", (30, 20)), "JPEG")

    assert pixels_of(body) == 600
    assert pixels_of(png_of(9000, 5000, b"")) == 45_000_000
    assert pixels_of(b"") == pixels_of(b"nothing") == 0


@pytest.mark.parametrize(
    ("body", "pixels"),
    [
        (SCREEN_1X1 + gif_frame(1, 1) + gif_frame(3000, 2000) + b";", 6_000_000),
        (SCREEN_1X1 + b"!\xf9\x04\x00\x00\x00\x00\x00" + gif_frame(20, 10), 200),
        (SCREEN_1X1 + gif_frame(20, 10) + b"\x00\x00" + gif_frame(7, 30) + b",\x00", 600),
        (SCREEN_1X1 + gif_frame(20, 10) + b"!\xfe\xff", 200),
    ],
)
def test_a_gif_is_as_large_as_its_frames(body, pixels):
    assert pixels_of(body) == pixels


def test_a_gif_with_a_palette_for_each_frame_is_walked_as_well():
    frames = [Image.effect_noise((30, 20), n).convert("P") for n in (10, 60, 90)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=[50, 60, 70])

    assert pixels_of(file.getvalue()) == 600


@pytest.mark.usefixtures("asked")
def test_a_worker_that_is_told_to_end_tells_those_who_wait():
    process = WorkerProcess([])

    process._end()

    assert ending.is_asked()
