"""The OCR provider: on pictures drawn here, with the real Tesseract."""

import io
import os
import random
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from pytesseract import pytesseract

from vision.providers.ocr import preprocess
from vision.providers.ocr import text as ocr_text
from vision.providers.ocr.boxes import Box
from vision.providers.ocr.installed import TesseractMissing
from vision.providers.ocr.tesseract import TesseractOcr
from vision.providers.ocr.text import OcrWord
from vision.providers.port import ProviderRefused

NOW = datetime(2025, 1, 28, 12, tzinfo=UTC)
MEADOW = (70, 110, 60)


def noise(size, sigma):
    """As Pillow's own effect, but the same at every run."""
    chance = random.Random(7)
    values = (min(max(chance.gauss(128, sigma), 0), 255) for _ in range(size[0] * size[1]))
    return Image.frombytes("L", size, bytes(map(int, values)))


pytestmark = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed"
)


@pytest.fixture(scope="module")
def provider():
    return TesseractOcr()


@pytest.fixture
def drawn():
    """Text on plain ground, with Pillow's own font (Latin letters only)."""

    def _(text, size=(700, 160), ink="black", ground="white", font_size=40, **outline):
        picture = Image.new("RGB", size, ground)
        font = ImageFont.load_default(font_size)
        ImageDraw.Draw(picture).text((20, 15), text, fill=ink, font=font, **outline)
        return picture

    return _


@pytest.fixture
def analyzed(provider):
    def _(picture, provider=provider):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return provider.analyze(buffer.getvalue(), mime="image/png", prompt="", now=NOW)

    return _


@pytest.fixture
def fake_tesseract(tmp_path, monkeypatch):
    """Replaces the program by a shell script that runs `body`."""

    def _(body):
        program = tmp_path / "tesseract"
        program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(pytesseract, "tesseract_cmd", str(program))

    return _


def word(text, confidence=95.0, line=1, paragraph=1):
    return OcrWord(text, confidence, (1, paragraph, line))


def texts(words):
    return [w.text for w in words]


@pytest.mark.costly
def test_text_is_read_and_costs_no_tokens(analyzed, drawn):
    analysis = analyzed(drawn("Alice and Bob met in Moscow"))

    assert analysis.ocr.text == "Alice and Bob met in Moscow"
    assert (analysis.ocr.engine, analysis.ocr.words) == ("tesseract", 6)
    assert 0.8 < analysis.ocr.confidence <= 1
    assert (analysis.provider, analysis.tokens_used) == ("ocr_fallback", 0)
    assert analysis.analyzed_at == NOW


def test_the_model_names_the_version_and_the_languages(provider):
    assert provider.model.startswith("tesseract-")
    assert provider.model.endswith("-rus+eng")


def test_lines_and_paragraphs_are_kept(analyzed, drawn):
    page = drawn("The first line\nThe second line\n\n\n\nA new paragraph", size=(700, 400))

    assert analyzed(page).ocr.text == "The first line\nThe second line\n\nA new paragraph"


def test_a_picture_without_text_has_no_ocr_but_a_description(analyzed):
    analysis = analyzed(Image.new("RGB", (400, 300), MEADOW))

    assert analysis.ocr is None
    assert analysis.classification == "other"
    assert analysis.description == "Изображение без читаемого текста"


@pytest.mark.costly
def test_noise_is_not_taken_for_text(analyzed):
    assert analyzed(noise((400, 400), 90)).ocr is None


def test_text_that_touches_the_edge_is_read(provider, drawn):
    line = drawn("Nothing beyond these words")
    tight = line.crop(line.convert("L").point(lambda v: 255 - v).getbbox())

    assert provider.recognize(tight).text == "Nothing beyond these words"


@pytest.mark.costly
def test_a_page_that_stands_on_its_head_is_read(analyzed, drawn):
    page = drawn("The quick brown dog jumped over\nthe lazy fox and went away\n" * 4, (800, 480))

    analysis = analyzed(page.transpose(Image.Transpose.ROTATE_180))

    assert "quick brown dog" in analysis.ocr.text


def test_a_page_in_the_shade_is_read_to_its_dark_end(analyzed, drawn):
    lines = "\n".join(f"Line number {n} in the letter" for n in range(1, 9))
    page = drawn(lines, size=(640, 480), font_size=36).convert("L")
    shade = Image.linear_gradient("L").resize(page.size).point(lambda v: 60 + int(v * 0.76))

    read = analyzed(Image.composite(page, Image.new("L", page.size), shade)).ocr.text

    assert "number 1 in the letter" in read
    assert "number 8 in the letter" in read


@pytest.mark.costly
def test_a_white_outlined_caption_is_read_from_a_busy_picture(analyzed, drawn):
    busy = noise((700, 500), 120).convert("RGB").point(lambda v: min(v, 225))
    caption = drawn(
        "WHEN YOU SEE IT", (700, 90), "white", MEADOW, 60, stroke_width=5, stroke_fill="black"
    )
    busy.paste(caption, (0, 20))

    analysis = analyzed(busy)

    assert "WHEN YOU SEE IT" in analysis.ocr.text
    assert (analysis.is_meme, analysis.classification) == (True, "meme")


def test_a_flat_page_and_a_design_of_blocks_are_not_relit(drawn):
    page = drawn("Words").convert("L")
    blocks = page.copy()
    blocks.paste(60, (0, 0, 200, 160))

    assert preprocess.evenly_lit(page) is page
    assert preprocess.evenly_lit(blocks) is blocks


def test_eight_lines_make_a_document(analyzed, drawn):
    eight = "\n".join(["One line of a letter"] * 8)

    assert analyzed(drawn(eight, size=(600, 480))).classification == "document"
    assert analyzed(drawn("One line of a letter")).classification == "other"


def test_a_clock_in_the_first_line_makes_a_screenshot(analyzed, drawn):
    assert analyzed(drawn("13:00\nSettings")).classification == "screenshot"


def test_a_long_text_is_described_by_its_beginning(analyzed, drawn):
    page = drawn("Alice was beginning to get very tired\n" * 8, size=(800, 480))

    description = analyzed(page).description

    assert description.startswith("Текст на изображении: Alice was beginning")
    assert description.endswith("…")
    assert len(description) == 160


def test_a_meme_word_in_a_long_text_does_not_make_a_meme(analyzed, drawn):
    page = drawn("This is what you do when you are free\n" * 8, size=(800, 480))

    assert analyzed(page).is_meme is False


@pytest.mark.parametrize("text", ["Memento mori", "Lolita, a novel"])
def test_a_word_that_only_begins_like_a_meme_word_does_not_make_a_meme(analyzed, drawn, text):
    assert analyzed(drawn(text)).is_meme is False


@pytest.mark.costly
def test_threads_share_one_provider(analyzed, drawn):
    pages = [drawn(f"Ticket number {n}") for n in range(4)]

    with ThreadPoolExecutor(3) as pool:
        analyses = list(pool.map(analyzed, pages))

    assert [a.ocr.text for a in analyses] == [f"Ticket number {n}" for n in range(4)]


@pytest.mark.parametrize(
    ("image", "reason"),
    [(b"", "empty_image"), (b"%PDF-1.7 is no picture", "unsupported_format")],
)
def test_what_is_no_picture_is_refused_with_the_reason(provider, image, reason):
    with pytest.raises(ProviderRefused) as refused:
        provider.analyze(image, mime="image/png", prompt="", now=NOW)

    assert refused.value.reason == reason


def test_a_picture_over_the_pixel_limit_is_refused(analyzed, drawn):
    with pytest.raises(ProviderRefused) as refused:
        analyzed(drawn("Large"), provider=TesseractOcr(max_pixels=1000))

    assert refused.value.reason == "too_many_pixels"


def test_a_picture_that_takes_too_long_is_refused(analyzed, drawn, fake_tesseract):
    provider = TesseractOcr(timeout_seconds=0.2)
    fake_tesseract("exec sleep 20")

    with pytest.raises(ProviderRefused) as refused:
        analyzed(drawn("Slow"), provider=provider)

    assert refused.value.reason == "timeout"


def test_a_picture_that_tesseract_rejects_is_refused(analyzed, drawn, fake_tesseract):
    fake_tesseract("echo Image too large >&2; exit 1")

    with pytest.raises(ProviderRefused, match="Image too large") as refused:
        analyzed(drawn("Huge"))

    assert refused.value.reason == "tesseract_failed"


def test_a_missing_program_is_named_with_its_remedy(analyzed, drawn, monkeypatch):
    monkeypatch.setattr(pytesseract, "tesseract_cmd", "/nowhere/tesseract")

    with pytest.raises(TesseractMissing, match="apt-get install tesseract-ocr"):
        analyzed(drawn("Text"))
    with pytest.raises(TesseractMissing, match="apt-get install tesseract-ocr"):
        TesseractOcr()


def test_missing_language_data_are_named_with_their_remedy():
    with pytest.raises(TesseractMissing, match="tesseract-ocr-tlh"):
        TesseractOcr(languages="rus+tlh")


def test_the_child_runs_on_one_thread_and_our_environment_is_left_alone(
    analyzed, drawn, fake_tesseract, tmp_path, monkeypatch
):
    monkeypatch.delenv("OMP_THREAD_LIMIT", raising=False)
    monkeypatch.setenv("ALICE", "here")
    fake_tesseract(f'echo "$OMP_THREAD_LIMIT $ALICE" > {tmp_path}/seen; : > "$2.tsv"')

    analyzed(drawn("Text"))

    assert (tmp_path / "seen").read_text().strip() == "1 here"
    assert "OMP_THREAD_LIMIT" not in os.environ


def test_tesseract_is_given_an_uncompressed_picture_that_is_removed(
    analyzed, drawn, fake_tesseract, tmp_path
):
    fake_tesseract(f'echo "$1" > {tmp_path}/path; head -c 2 "$1" > {tmp_path}/magic; : > "$2.tsv"')

    analyzed(drawn("Text"))

    assert (tmp_path / "magic").read_text() in {"P5", "P6"}
    assert not Path((tmp_path / "path").read_text().strip()).exists()


def test_tsv_becomes_words_and_other_rows_are_ignored():
    header = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"
    line = "4\t1\t1\t1\t1\t0\t5\t5\t9\t9\t-1\t"
    blank = "5\t1\t1\t1\t1\t1\t5\t5\t9\t9\t95\t "
    real = "5\t1\t2\t1\t3\t1\t5\t5\t9\t9\t91.5\tМосква"

    words = ocr_text.parse(f"{header}\n{line}\n{blank}\n{real}")

    assert words == [OcrWord("Москва", 91.5, (2, 1, 3), Box(5, 5, 14, 14))]


def test_without_one_sure_word_there_is_no_text():
    assert ocr_text.readable([word("uf", 54), word("Г", 90), word("|", 97)]) == []


def test_a_doubtful_word_is_kept_in_a_clear_line_and_dropped_in_a_doubtful_one():
    clear = [word("мы", 96), word("видели", 95), word("мелководье", 20), word("здесь", 96)]
    doubtful = [word("tite", 53, line=2), word("Vi", 35, line=2), word("spd", 29, line=2)]

    assert texts(ocr_text.readable([*clear, *doubtful])) == texts(clear)


def test_lines_made_of_signs_are_dropped():
    assert texts(ocr_text.readable([word("да"), word("="), word("©", line=2)])) == ["да", "="]


def test_latin_homoglyphs_in_a_russian_text_become_cyrillic():
    russian = [word("Система"), word("очистки"), word("Mycop"), word("c"), word("МАC"), word("PC")]

    assert texts(ocr_text.repaired(russian))[2:] == ["Мусор", "с", "МАС", "PC"]


def test_cyrillic_homoglyphs_in_an_english_text_become_latin():
    english = [word("Alice"), word("was"), word("а"), word("guest"), word("Боб")]

    assert texts(ocr_text.repaired(english)) == ["Alice", "was", "a", "guest", "Боб"]


def test_a_bar_before_an_english_word_is_a_pronoun():
    poem = [word("|"), word("talk"), word("and"), word("|"), word("Home"), word("|")]

    assert texts(ocr_text.repaired(poem)) == ["I", "talk", "and", "|", "Home", "|"]


def test_the_layout_separates_lines_and_paragraphs():
    words = [word("a"), word("b"), word("c", line=2), word("d", paragraph=2)]

    assert ocr_text.layout(words) == "a b\nc\n\nd"
    assert ocr_text.layout([]) == ""
