"""Pictures that are longer than Tesseract takes: every line once, in order, with its words."""

import itertools
import random
import shutil
from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tests.examples import examples
from tests.unit.pictures import LINES, encoded, found, page, report
from tests.unit.test_transparency import NOW
from vision.providers.ocr import strips
from vision.providers.ocr import text as ocr_text
from vision.providers.ocr.boxes import Box
from vision.providers.ocr.tesseract import TesseractOcr
from vision.providers.ocr.text import OcrWord
from vision.providers.port import ProviderRefused

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed"
)
LONG = 45_000


def sheet(rows, *, size):
    """Words are rectangles; a word's place in `rows` is its gray, so a reader can tell them apart."""
    picture = Image.new("L", size, 255)
    draw = ImageDraw.Draw(picture)
    for number, row in enumerate(rows):
        for left, top, right, bottom in row:
            draw.rectangle((left, top, right - 1, bottom - 1), fill=number % 200)
    return picture


def runs(profile: bytes):
    """The stretches of one gray along a line of pixels, without the ground."""
    at = 0
    for gray, run in groupby(profile):
        start, at = at, at + len(list(run))
        if gray != 255:
            yield gray, start, at


class Reader:
    """Reads as Tesseract does: boxes are a little off, and words at a cut are read in pieces."""

    def __init__(self, seed=0):
        self.dice = random.Random(seed)
        self.largest = 0

    def __call__(self, strip):
        self.largest = max(self.largest, *strip.size)
        return [
            OcrWord(
                f"w{gray}", 95.0, (1, 1, line), Box(*(v + self.dice.randint(-2, 2) for v in box))
            )
            for line, gray, box in self.seen(strip)
        ]


class TallReader(Reader):
    """Lines of one word each."""

    def seen(self, strip):
        found = runs(strip.crop((20, 0, 21, strip.height)).tobytes())
        for line, (gray, top, bottom) in enumerate(found):
            yield line, gray, (10, top, 300, bottom)


class WideReader(Reader):
    """Lines one below the other, each of many words of the line's gray."""

    def seen(self, strip):
        for line in range(strip.height // 60):
            top = 60 * line + 10
            found = runs(strip.crop((0, top + 20, strip.width, top + 21)).tobytes())
            yield from ((line, gray, (left, top, right, top + 40)) for gray, left, right in found)


@settings(max_examples=examples(15))
@given(st.integers(0, 2**32), st.integers(12, 200), st.integers(2, 150))
def test_every_line_of_a_tall_picture_is_read_once(seed, height, gap):
    tops = range(5, LONG - height - 5, height + gap)
    rows = [[(10, top, 300, top + height)] for top in tops]
    reader = TallReader(seed)

    words = strips.read(sheet(rows, size=(320, LONG)), reader)

    assert [w.text for w in words] == [f"w{number % 200}" for number in range(len(rows))]
    assert len({w.line for w in words}) == len(rows)
    assert reader.largest <= strips.LONGEST_SIDE


@settings(max_examples=examples(15))
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_every_word_of_a_wide_picture_is_read_once_and_its_lines_stay_whole(seed, lines):
    dice = random.Random(seed)
    rows, expected = [], []
    for number in range(lines):
        left, row = 10, []
        while left < LONG - 500:
            width = dice.randint(20, 400)
            row.append((left, 60 * number + 10, left + width, 60 * number + 50))
            left += width + dice.randint(8, 60)
        rows.append(row)
        expected.append([f"w{number}"] * len(row))

    words = strips.read(sheet(rows, size=(LONG, 60 * lines)), WideReader(seed))

    assert [
        [w.text for w in words if w.line == key] for key in dict.fromkeys(w.line for w in words)
    ] == expected
    for key in dict.fromkeys(w.line for w in words):
        lefts = [w.box.left for w in words if w.line == key]
        assert lefts == sorted(lefts)


@pytest.mark.parametrize("is_backwards", [False, True])
def test_lines_of_a_page_on_its_side_come_in_the_order_in_which_each_strip_has_them(is_backwards):
    class Sideways(Reader):
        """Lines of one word, each as high as the picture, from the left or from the right."""

        def seen(self, strip):
            found = list(runs(strip.crop((0, 20, strip.width, 21)).tobytes()))
            for line, (gray, left, right) in enumerate(reversed(found) if is_backwards else found):
                yield line, gray, (left, 10, right, 300)

    rows = [[(left, 10, left + 40, 300)] for left in range(5, LONG - 50, 230)]

    words = strips.read(sheet(rows, size=(LONG, 320)), Sideways(1))

    expected = [f"w{number % 200}" for number in range(len(rows))]
    assert [w.text for w in words] == (expected[::-1] if is_backwards else expected)
    lefts = [w.box.left for w in words]
    assert lefts == sorted(lefts, reverse=is_backwards)


@pytest.mark.parametrize("is_backwards", [False, True])
def test_a_long_line_that_runs_down_or_up_stays_one_line_in_its_order(is_backwards):
    class Turned(Reader):
        """One line, of which every word is a gray of its own."""

        def seen(self, strip):
            found = list(runs(strip.crop((20, 0, 21, strip.height)).tobytes()))
            for gray, top, bottom in reversed(found) if is_backwards else found:
                yield 0, gray, (10, top, 60, bottom)

    rows = [[(10, top, 60, top + 250)] for top in range(5, LONG - 260, 290)]

    words = strips.read(sheet(rows, size=(70, LONG)), Turned(2))

    expected = [f"w{number}" for number in range(len(rows))]
    assert [w.text for w in words] == (expected[::-1] if is_backwards else expected)
    assert len({w.line for w in words}) == 1


def test_lines_that_repeat_are_all_kept_with_something_busy_behind_them():
    """No row is quiet then, so the seam goes through a line."""
    rows = [[(10, top, 300, top + 40)] for top in range(5, LONG - 50, 42)]
    picture = sheet([[]] * 7 + rows, size=(320, LONG))
    for x in range(302, 320):
        ImageDraw.Draw(picture).line((x, 0, x, LONG), fill=x % 2 * 255)

    class Same(TallReader):
        def __call__(self, strip):
            return [replace(w, text="да") for w in super().__call__(strip)]

    words = strips.read(picture, Same(3))

    assert len(words) == len(rows)
    assert ocr_text.layout(words).split() == ["да"] * len(rows)


def test_strips_are_bounded_whatever_the_shape():
    seen = []
    for size in ((1, 70_000), (700, 34_000), (1500, 33_000), (60_000, 800), (32_768, 1)):
        strips.read(Image.new("L", size, 255), lambda strip: seen.append(strip.size) or [])

    assert max(max(size) for size in seen) <= 16_000
    assert max(width * height for width, height in seen) <= 13_000_000


def test_what_is_wide_is_read_in_short_strips_and_what_is_not_long_in_none():
    """Time grows with the square of the length of lines: 32 000 pixels took over a minute."""
    seen = []
    strips.read(Image.new("L", (40_000, 500), 255), lambda strip: seen.append(strip.size) or [])

    assert max(width for width, _ in seen) <= 8_000
    assert strips.is_too_long(Image.new("1", (32_000, 500)))
    assert not strips.is_too_long(Image.new("1", (8_000, 4_000)))
    assert not strips.is_too_long(Image.new("1", (500, 32_000)))


def words_except_in(strips_that_hang):
    """Stands for Tesseract: one word in each strip, in some of them nothing in time."""
    numbers = itertools.count()

    def run_on(_self, strip, *, until):
        if (number := next(numbers)) in strips_that_hang:
            raise ProviderRefused("timeout", "more than 60.0 s")
        return [OcrWord(f"Полоса{number}", 95.0, (1, 1, 1), Box(10, 10, 300, 40))]

    return run_on


@needs_tesseract
def test_a_strip_that_takes_too_long_costs_only_its_own_text(monkeypatch):
    monkeypatch.setattr(TesseractOcr, "_run_on", words_except_in({1}))
    tall = encoded(sheet([[(10, 10, 300, 40)]], size=(500, LONG)))

    analysis = TesseractOcr().analyze(tall, mime="", prompt="", now=NOW)

    assert "Полоса" in analysis.ocr.text
    assert "Полоса1" not in analysis.ocr.text
    assert analysis.description.startswith("Текст на изображении (прочитан не весь): Полоса")


@pytest.mark.costly
@needs_tesseract
def test_a_picture_of_which_every_strip_takes_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(TesseractOcr, "_run_on", words_except_in(range(99)))
    tall = encoded(sheet([[(10, 10, 300, 40)]], size=(500, LONG)))

    with pytest.raises(ProviderRefused) as refused:
        TesseractOcr().analyze(tall, mime="", prompt="", now=NOW)

    assert refused.value.reason == "timeout"


@needs_tesseract
def test_a_strip_that_fails_otherwise_is_no_missing_text(monkeypatch):
    def fails(_self, strip, *, until):
        raise ProviderRefused("tesseract_failed", "")

    monkeypatch.setattr(TesseractOcr, "_run_on", fails)
    with pytest.raises(ProviderRefused) as refused:
        TesseractOcr().recognize(sheet([[(10, 10, 300, 40)]], size=(500, LONG)))

    assert refused.value.reason == "tesseract_failed"


@pytest.mark.slow
@needs_tesseract
def test_report_10_a_tall_picture_is_read_line_by_line(shared_data):
    expected, (picture,) = report(shared_data, "10-tall-picture")

    read = TesseractOcr().analyze(picture.read_bytes(), mime="", prompt="", now=NOW).ocr.text

    lines = [line for line in read.splitlines() if line]
    assert (len(lines), lines[0], lines[-1]) == (
        expected["lines"],
        expected["first"],
        expected["last"],
    )
    assert lines == [f"{LINES[n % 10]} {n}" for n in range(expected["lines"])]


@pytest.mark.sampled(1)
@pytest.mark.slow
@needs_tesseract
@pytest.mark.parametrize("turn", [90, 270])
def test_a_tall_page_on_its_side_is_read_from_its_first_line_to_its_last(turn):
    rows = [f"Строка номер {number}" if number % 2 else "" for number in range(66)]
    tall = page(rows, ink="black", ground="white", size=36, step=506).convert("L")
    narrow = tall.crop((0, 0, 460, tall.height))

    read = TesseractOcr().recognize(narrow.rotate(turn, expand=True)).text

    assert read.split("\n\n") == [row for row in rows if row]


@pytest.mark.long
@needs_tesseract
@pytest.mark.parametrize("turn", [90, 270])
def test_a_dark_tall_page_on_its_side_is_read_from_its_first_line_to_its_last(turn):
    rows = [f"Строка номер {number}" for number in range(100)]
    tall = page(rows, size=36, step=400).convert("L").crop((0, 0, 460, 40_000))

    read = TesseractOcr().recognize(tall.rotate(turn, expand=True)).text

    assert read.split("\n\n") == rows


@pytest.mark.costly
@pytest.mark.slow
@needs_tesseract
def test_a_wide_picture_is_read_as_the_lines_it_has(shared_data):
    narrow = [page((line,), ink="black", ground="white", size=40) for line in LINES]
    picture = Image.new("L", (33_400, narrow[0].height), 255)
    for number, one in enumerate(narrow):
        picture.paste(one.convert("L"), (20 + 3300 * number, 0))

    read = TesseractOcr().recognize(picture).text

    assert len(read.split()) == len(" ".join(LINES).split())
    assert found(read) >= 30
