"""Transparent pictures lie on a ground that shows them; what shows nothing is blank."""

import io
import itertools
import random
import shutil
from datetime import UTC, datetime

import pytest
from PIL import Image, ImageDraw, ImageFilter

from media import thumbnails
from media.imaging import is_blank, open_on_grounds, open_upright
from tests.unit.pictures import LINES, encoded, found, page, report
from vision.providers.gigachat.preprocess import PreprocessOptions, prepare
from vision.providers.ocr.tesseract import TesseractOcr
from vision.providers.port import ProviderRefused

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CLEAR = (0, 0, 0, 0)
INKS = {
    "white": (255, 255, 255), "cream": (255, 250, 220), "yellow": (255, 235, 0), "silver": (200, 200, 200),
    "gray": (128, 128, 128), "red": (200, 0, 0), "navy": (0, 0, 90), "black": (0, 0, 0),
}  # fmt: skip
needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed"
)


def bars(*inks, alpha=255):
    """Bars on nothing, as letters are."""
    picture = Image.new("RGBA", (160, 90), CLEAR)
    draw = ImageDraw.Draw(picture)
    for number, ink in enumerate(inks):
        for bar in range(8):
            draw.rectangle(
                (8 + 18 * bar, 10 + 25 * number, 14 + 18 * bar, 25 + 25 * number), (*ink, alpha)
            )
    return picture


def as_rgba(picture):
    return encoded(picture)


def as_palette(picture):
    """One transparent entry of a palette, as GIF has it."""
    return encoded(picture.quantize(16))


def as_keyed(picture):
    """One color that counts as transparent."""
    flat = Image.new("RGB", picture.size, (1, 2, 3))
    flat.paste(picture, mask=picture.getchannel("A"))
    return encoded(flat, transparency=(1, 2, 3))


def as_gif(picture):
    return encoded(picture, "GIF")


def as_webp(picture):
    return encoded(picture, "WEBP", lossless=True)


def as_gray(picture):
    return encoded(picture.convert("LA"))


def as_apng(picture):
    frames = [Image.new("RGBA", picture.size, CLEAR), picture]
    return encoded(frames[0], save_all=True, append_images=frames[1:], duration=100)


def as_tiff(picture):
    return encoded(picture, "TIFF")


WAYS = (as_rgba, as_palette, as_keyed, as_gif, as_webp, as_gray, as_apng, as_tiff)


def contrast_at(picture, box) -> int:
    low, high = picture.convert("L").crop(box).getextrema()
    return high - low


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("ink", INKS)
def test_every_color_on_nothing_can_be_seen(way, ink):
    shown = open_upright(way(bars(INKS[ink])))

    assert contrast_at(shown, (0, 0, 160, 35)) >= 80
    assert not is_blank(shown)


@pytest.mark.parametrize("inks", [*itertools.combinations(INKS, 2), ("white", "gray", "black")])
def test_on_one_of_the_grounds_or_the_other_every_ink_can_be_read(inks):
    image = encoded(bars(*(INKS[ink] for ink in inks)))

    grounds = list(open_on_grounds(image))

    for number in range(len(inks)):
        box = (0, 8 + 25 * number, 160, 28 + 25 * number)
        assert max(contrast_at(ground, box) for ground in grounds) >= 80


def test_on_a_single_ground_white_and_black_are_seen_together():
    shown = open_upright(encoded(bars(INKS["white"], INKS["black"])))

    assert contrast_at(shown, (0, 8, 160, 28)) >= 60
    assert contrast_at(shown, (0, 33, 160, 53)) >= 60


@pytest.mark.parametrize("ink", ["black", "navy", "red"])
def test_what_is_dark_lies_on_white_and_is_read_once(ink):
    image = encoded(bars(INKS[ink]))

    assert open_upright(image).getpixel((0, 0)) == (255, 255, 255)
    assert len(list(open_on_grounds(image))) == 1


def test_a_white_panel_with_black_letters_is_read_once():
    panel = Image.new("RGBA", (200, 130), CLEAR)
    panel.paste("white", (15, 15, 185, 115))
    panel.alpha_composite(bars(INKS["black"]), (20, 20))

    (ground,) = open_on_grounds(encoded(panel))

    assert contrast_at(ground, (25, 25, 165, 45)) >= 80


def test_middle_gray_letters_beside_a_white_panel_are_laid_on_both_grounds():
    image = encoded(gray_letters_above_a_panel())

    on_white, on_dark = open_on_grounds(image)

    assert contrast_at(on_white, (0, 30, 760, 100)) >= 80
    assert contrast_at(on_dark, (0, 30, 760, 100)) >= 80


def gray_letters_above_a_panel():
    picture = page(LINES[:2], ground=None, ink=(127, 127, 127))
    sheet = Image.new("RGBA", (760, 400), CLEAR)
    sheet.paste(picture, (0, 0))
    sheet.paste("white", (40, 180, 720, 380))
    sheet.alpha_composite(page(LINES[2:4], ground=None, ink="black"), (20, 200))
    return sheet


@pytest.mark.parametrize("ink", ["white", "cream", "yellow", "silver"])
def test_light_letters_are_read_once_and_not_on_pure_black(ink):
    (ground,) = open_on_grounds(encoded(bars(INKS[ink])))

    assert 16 <= ground.getpixel((0, 0))[0] <= 48


def test_letters_cut_out_of_a_white_sheet_can_be_seen():
    sheet = Image.new("RGBA", (160, 90), "white")
    sheet.putalpha(Image.eval(bars(INKS["black"]).getchannel("A"), lambda value: 255 - value))

    assert contrast_at(open_upright(encoded(sheet)), (0, 8, 160, 28)) >= 80


def test_a_thumbnail_shows_white_on_nothing():
    with Image.open(io.BytesIO(thumbnails.shrink(as_webp(bars(INKS["white"]))))) as small:
        assert contrast_at(small, (0, 0, *small.size)) >= 80


def noisy(color, sigma, seed=1):
    dice = random.Random(seed)
    picture = Image.new("L", (200, 150))
    picture.putdata([min(max(round(dice.gauss(color, sigma)), 0), 255) for _ in range(200 * 150)])
    return picture.convert("RGB")


BLANK = {
    "white": encoded(Image.new("RGB", (300, 200), "white")),
    "black": encoded(Image.new("L", (300, 200))),
    "red": encoded(Image.new("RGB", (300, 200), "red"), "JPEG"),
    "one pixel": encoded(Image.new("RGB", (1, 1), "blue")),
    "one bit": encoded(Image.new("1", (300, 200), 1)),
    "nothing": encoded(Image.new("RGBA", (300, 200), CLEAR)),
    "glass": encoded(Image.new("RGBA", (300, 200), (90, 120, 10, 70)), "WEBP"),
    "blank frames": encoded(Image.new("RGB", (30, 20), "white"), "GIF", save_all=True,
                            append_images=[Image.new("RGB", (30, 20), "white")] * 3),
    "a noisy jpeg": encoded(noisy(180, 2), "JPEG", quality=70),
    "a noisy scan": encoded(noisy(250, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", BLANK)
def test_a_picture_of_one_color_is_sent_to_nobody(name):
    with pytest.raises(ProviderRefused) as refused:
        prepare(BLANK[name], PreprocessOptions())

    assert refused.value.reason == "blank_picture"
    assert refused.value.usage is None


def test_what_is_of_one_color_only_without_colors_is_not_sent_without_colors():
    picture = Image.new("RGB", (300, 200), (255, 0, 0))
    picture.paste((0, 130, 0), (50, 50, 250, 150))  # as bright as the red

    assert prepare(encoded(picture), PreprocessOptions())
    with pytest.raises(ProviderRefused, match="nothing"):
        prepare(encoded(picture), PreprocessOptions(grayscale=True))


@pytest.mark.parametrize("ink", [225, 200, 0])
def test_faint_letters_are_no_blank_sheet(ink):
    sheet = page(("Едва видно",), ink=(ink, ink, ink), ground=(255, 255, 255))

    assert not is_blank(sheet)
    assert prepare(encoded(sheet), PreprocessOptions())


def test_a_gradient_and_a_blurred_photo_are_no_blank_sheets():
    assert not is_blank(Image.linear_gradient("L"))
    assert not is_blank(noisy(128, 80).filter(ImageFilter.GaussianBlur(1)))


@needs_tesseract
def test_report_09_white_letters_on_nothing_are_read(shared_data):
    expected, pictures = report(shared_data, "09-white-on-transparent")
    provider = TesseractOcr()
    pages = [f for f in pictures if f.stem == "white_on_transparent"]

    texts = [provider.analyze(f.read_bytes(), mime="", prompt="", now=NOW).ocr.text for f in pages]

    assert len(texts) == 2
    for text in texts:
        assert found(text) >= expected["words_at_least"]
        assert all(phrase in text for phrase in expected["contains"])


def test_report_09_three_pictures_are_three_uploads(shared_data):
    _, pictures = report(shared_data, "09-white-on-transparent")
    pair = [f for f in pictures if f.parent.parent.name == "25-transparent-pair"]

    sent = {prepare(f.read_bytes(), PreprocessOptions()) for f in pair}

    assert len(sent) == len(pair) == 3


@pytest.mark.costly
@needs_tesseract
def test_white_and_black_letters_of_one_picture_are_read_in_their_order():
    picture = page(("Причал открыт", "", "Касса работает", ""), ground=None)
    dark = page(("", "Лодки выдают", "", "Дети только"), ground=None, ink="black")
    picture.alpha_composite(dark)

    read = TesseractOcr().analyze(encoded(picture), mime="", prompt="", now=NOW)

    lines = [line for line in read.ocr.text.splitlines() if line]
    assert lines == ["Причал открыт", "Лодки выдают", "Касса работает", "Дети только"]


@needs_tesseract
def test_one_line_in_two_colors_is_read_as_one_line():
    picture = page(("Причал открыт",), ground=None)
    dark = page(("                           Касса работает",), ground=None, ink="black")
    picture.alpha_composite(dark)

    read = TesseractOcr().analyze(encoded(picture), mime="", prompt="", now=NOW)

    assert read.ocr.text == "Причал открыт Касса работает"


@pytest.mark.costly
@pytest.mark.slow
@needs_tesseract
def test_middle_gray_letters_are_read_beside_a_white_panel():
    image = encoded(gray_letters_above_a_panel())

    read = TesseractOcr().analyze(image, mime="", prompt="", now=NOW).ocr.text

    assert [line for line in read.splitlines() if line] == list(LINES[:4])


@pytest.mark.costly
@pytest.mark.slow
@needs_tesseract
@pytest.mark.parametrize("way", [as_rgba, as_gray, as_webp])
def test_white_letters_on_nothing_are_read_word_for_word(way):
    """On pure black `булок` was read in Latin letters."""
    lines = ("The quick brown fox jumps over", "the lazy dog near the river bank",
             "Съешь ещё этих мягких булок", "и выпей чаю сегодня вечером")  # fmt: skip
    image = way(page(lines, ground=None, size=28))

    read = TesseractOcr().analyze(image, mime="", prompt="", now=NOW).ocr.text

    assert [line for line in read.splitlines() if line] == list(lines)
