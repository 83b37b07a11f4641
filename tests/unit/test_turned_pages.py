"""Pages in all four positions, light on dark and dark on light; nothing of garbage is stored."""

import random
import shutil
from math import ceil

import pytest
from PIL import Image, ImageOps

from tests.unit.pictures import LINES, found, page, report, words_of
from tests.unit.test_transparency import NOW
from vision.providers.ocr import doubt
from vision.providers.ocr.tesseract import TesseractOcr
from vision.providers.ocr.text import OcrWord

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed"),
]
LOOKS = (
    {"ink": "white", "ground": (24, 34, 44)},
    {"ink": (255, 240, 90), "ground": (30, 0, 70), "font": "DejaVuSerif"},
    {"ink": (150, 200, 150), "ground": "black", "font": "DejaVuSansMono", "size": 24},
    {"ink": "white", "ground": (120, 0, 0), "font": "DejaVuSans-Bold"},
    {"ink": "black", "ground": "white", "font": "DejaVuSerif-Italic"},
)


@pytest.fixture(scope="module")
def provider():
    return TesseractOcr()


def test_report_14_dark_pages_are_read_in_all_positions(shared_data, provider):
    expected, pictures = report(shared_data, "14-dark-and-turned")

    assert len(pictures) == 2
    for picture in pictures:
        read = provider.analyze(picture.read_bytes(), mime="", prompt="", now=NOW).ocr.text
        assert found(read) >= expected["words_at_least"]


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_is_read_in_every_position(provider, turn):
    """The look and the number of lines are the run's; all of them are in the long test."""
    dice = random.Random(turn)
    lines = LINES[: dice.choice((2, 4, 10))]
    sheet = page(lines, **dice.choice(LOOKS))

    read = provider.recognize(sheet.rotate(turn, expand=True)).text

    assert found(read, lines) >= ceil(0.95 * len(words_of(" ".join(lines))))


@pytest.mark.long
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("number", [1, 2, 4, 10])
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look['ink']} on {look['ground']}")
def test_all_looks_of_pages_are_read_in_every_position(provider, look, number, turn):
    sheet = page(LINES[:number], **look)

    read = provider.recognize(sheet.rotate(turn, expand=True)).text

    assert found(read, LINES[:number]) >= ceil(0.95 * len(words_of(" ".join(LINES[:number]))))


GREEK = ("Το λιμάνι ανοίγει στις εννέα", "Οι βάρκες δίνονται μόνο", "Φορέστε το σωσίβιο σας")
GEORGIAN = ("ნავსადგური იხსნება ცხრა საათზე", "ნავები მხოლოდ წევრებს", "გთხოვთ ჩაიცვათ ჟილეტი")


@pytest.mark.costly
@pytest.mark.parametrize(
    "sheet",
    [ImageOps.mirror(page()), page(GREEK), page(GEORGIAN)],
    ids=["mirrored", "Greek", "Georgian"],
)
def test_of_what_cannot_be_read_nothing_is_stored(provider, sheet):
    assert provider.recognize(sheet).text == ""


@pytest.mark.costly
def test_a_dark_page_takes_two_runs_and_an_upright_one_takes_one(provider, monkeypatch):
    runs = []
    once = TesseractOcr._run_on
    monkeypatch.setattr(TesseractOcr, "_run_on", lambda *a, **k: runs.append(1) or once(*a, **k))

    provider.recognize(page())
    upright = len(runs)
    provider.recognize(page().transpose(Image.Transpose.ROTATE_180))

    assert (upright, len(runs) - upright) == (1, 2)


def words(*pairs):
    return [OcrWord(text, confidence, (1, 1, 1)) for text, confidence in pairs]


def test_doubtful_words_of_one_language_are_no_garbage():
    prereform = words(("чаются", 61), ("въ", 55), ("ней", 70), ("небольшія", 50), ("рощи", 66))

    assert not doubt.is_garbage(prereform, prereform)


def test_a_sure_sign_among_noise_is_kept():
    noise = words(("|у", 20), ("3E", 35), ("аБ1", 31), ("Wл", 12), ("0с", 44), ("лЭQ", 30))
    sign = words(("АПТЕКА", 95))

    assert not doubt.is_garbage([*noise, *sign], sign)
    assert doubt.is_garbage(noise, words(("лЭQ", 71)))
