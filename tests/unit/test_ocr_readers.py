"""Processes that have Tesseract's languages loaded: as good as the program, whatever ends them."""

import os
import time

import pytest
from PIL import Image, ImageDraw, ImageFont
from pytesseract import pytesseract

from vision.providers.ocr.tesseract import TesseractOcr
from vision.providers.ocr.warm import ReaderLost, Readers, ReaderTimeout
from vision.providers.port import ProviderRefused


@pytest.fixture
def provider():
    return TesseractOcr()


def page(text, *, mode="L"):
    picture = Image.new(mode, (700, 120), "white")
    font = ImageFont.load_default(size=32)
    ImageDraw.Draw(picture).text((20, 30), text, fill="black", font=font)
    return picture


def by_the_program(provider, picture):
    """The words as the program gives them, which is run for this picture."""
    provider._readers.is_usable = False
    try:
        return provider._run_on(picture, until=time.monotonic() + 60)
    finally:
        provider._readers.is_usable = True


def by_a_reader(provider, picture):
    """The same by a reader, and by nobody else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(TesseractOcr, "_run")
        return provider._run_on(picture, until=time.monotonic() + 60)


@pytest.mark.costly
def test_a_reader_finds_what_the_program_finds_in_whatever_order(provider):
    pages = [
        page("Alice met Bob in 2024", mode="RGB"),
        page("The quick brown fox"),
        Image.new("L", (90, 37), 200),  # nothing to read
        page("Total: 1,234.50 USD", mode="RGB"),
    ]

    found = [by_a_reader(provider, one) for one in pages]
    backwards = [by_a_reader(provider, one) for one in reversed(pages)]

    assert found == backwards[::-1] == [by_the_program(provider, one) for one in pages]
    assert [len(words) for words in found] == [5, 4, 0, 3]
    assert len(provider._readers._idle) == 1  # one after the other takes one reader


@pytest.mark.costly
def test_a_killed_reader_costs_neither_the_picture_nor_the_next(provider):
    by_a_reader(provider, page("First"))
    [reader] = provider._readers._idle
    os.kill(reader._process.pid, 9)
    reader._process.wait()

    assert [word.text for word in by_a_reader(provider, page("Second"))] == ["Second"]


@pytest.mark.costly
def test_a_reader_that_dies_over_a_picture_leaves_it_to_the_program(provider, monkeypatch):
    by_a_reader(provider, page("First"))
    [reader] = provider._readers._idle
    once = reader.answer
    monkeypatch.setattr(
        reader, "answer", lambda *_, **__: (reader._process.kill(), once(b"?", seconds=30))
    )

    assert [word.text for word in provider._run_on(page("Second"), until=time.monotonic() + 60)]
    assert provider._readers._idle == []


@pytest.mark.costly
def test_a_reader_that_takes_too_long_is_killed(provider):
    with pytest.raises(ProviderRefused, match=r"more than 0\.0 s"):
        provider._run_on(page("Slow"), until=time.monotonic() + 0.001)

    by_a_reader(provider, page("First"))
    [reader] = provider._readers._idle
    with pytest.raises(ReaderTimeout):
        reader.answer(seconds=0.05)  # no question, so no answer
    assert reader._process.wait() == -9


def test_a_library_of_another_version_is_not_used():
    readers = Readers(languages="eng", version="0.0.1", environ=pytesseract.environ)

    with pytest.raises(ReaderLost, match=r"the program 0\.0\.1"):
        readers.tsv(page("Text"), seconds=30)

    assert not readers.is_usable


def test_a_fork_has_readers_of_its_own(provider):
    by_a_reader(provider, page("First"))

    child = os.fork()
    if child == 0:  # in the child: no assertion may escape
        os._exit(len(provider._readers._idle))

    assert os.waitpid(child, 0)[1] == 0
    assert [word.text for word in by_a_reader(provider, page("Second"))] == ["Second"]
