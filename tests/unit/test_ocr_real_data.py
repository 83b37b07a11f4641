"""
What the OCR provider reads in real pictures, against what bare Tesseract read in them.

Accuracy is difflib's ratio of truth and reading, every run of white space taken for one blank;
a phrase is found where some stretch of the reading is at least 90 % like it. Both are the
measures of the baselines in `ocr/ground_truth.json`.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from difflib import SequenceMatcher
from pathlib import Path
from statistics import fmean

import pytest

from vision.providers.ocr.tesseract import TesseractOcr
from vision.providers.port import Analysis, ProviderRefused

DATA = Path(
    os.environ.get("SHARED_DATA_DIR") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
NOW = datetime(2025, 1, 28, tzinfo=UTC)
FOUND = 0.9
REFUSED = {
    "bomb.ico": "unsupported_format",
    "bomb_65535x65535.gif": "too_many_pixels",
    "empty.heic": "empty_image",
    "png_broken_header.png": "unsupported_format",
    "truncated_jpeg.jpg": "broken_image",
    "video_cockatoo.mp4": "unsupported_format",
}

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not (DATA / "ocr" / "ground_truth.json").is_file(),
        reason=f"REAL DATA MISSING: {DATA} (set SHARED_DATA_DIR)",
    ),
]


def blanks_as_one(text):
    return " ".join(text.split())


def ratio(truth, reading):
    return SequenceMatcher(None, truth, reading, autojunk=False).ratio()


def is_found(phrase, reading):
    if phrase in reading:
        return True
    starts = range(max(1, len(reading) - len(phrase) + 1))
    return any(is_like(phrase, reading[start : start + len(phrase)]) for start in starts)


def is_like(phrase, stretch):
    matcher = SequenceMatcher(None, phrase, stretch, autojunk=False)
    return matcher.quick_ratio() >= FOUND and matcher.ratio() >= FOUND


@pytest.fixture
def report(capsys):
    """Prints a figure although pytest captures output."""

    def _(figure):
        with capsys.disabled():
            sys.stdout.write(f"\n{figure}\n")

    return _


@pytest.fixture(scope="module")
def provider():
    return TesseractOcr()


@pytest.fixture(scope="module")
def read(provider):
    """Analyses (or refusals) of files, two at a time."""

    def one(path):
        try:
            return provider.analyze(path.read_bytes(), mime="", prompt="", now=NOW)
        except ProviderRefused as refusal:
            return refusal

    def _(*paths):
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(one, paths))

    return _


@pytest.fixture(scope="module")
def readings(read):
    """(ground truth, text read) for every picture of `ocr/`."""
    truths = json.loads((DATA / "ocr" / "ground_truth.json").read_text("utf-8"))["images"]
    analyses = read(*[DATA / "ocr" / truth["file"] for truth in truths])
    texts = [blanks_as_one(a.ocr.text) if a.ocr else "" for a in analyses]
    return list(zip(truths, texts, strict=True))


@pytest.mark.long
@pytest.mark.parametrize(("lang", "name"), [("rus", "Russian"), ("eng", "English")])
def test_characters_are_read_at_least_as_well_as_by_bare_tesseract(readings, report, lang, name):
    known = [(t, text) for t, text in readings if t["lang"] == lang and t["text"]]

    ours = fmean(ratio(blanks_as_one(truth["text"]), text) for truth, text in known)
    bare = fmean(t["baseline_tesseract_5_3_rus_eng"]["ratio"] for t, _ in known)

    report(f"{name}: {ours:.1%} of characters (bare Tesseract {bare:.1%}), {len(known)} files")
    assert ours >= bare


@pytest.mark.long
def test_phrases_are_found_at_least_as_often_as_by_bare_tesseract(readings, report):
    known = [(t, text) for t, text in readings if t["must_contain"]]

    missing = [
        f"{truth['file']}: {phrase}"
        for truth, text in known
        for phrase in truth["must_contain"]
        if not is_found(phrase, text)
    ]

    total = sum(len(t["must_contain"]) for t, _ in known)
    bare = sum(t["baseline_tesseract_5_3_rus_eng"]["phrases_found_90pct"] for t, _ in known)
    report(f"phrases: {total - len(missing)} of {total} (bare Tesseract {bare}); not {missing}")
    assert total - len(missing) >= bare


@pytest.mark.long
def test_a_black_picture_gives_no_text(readings):
    assert [text for truth, text in readings if truth["lang"] == "none"] == [""]


@pytest.mark.costly
def test_photos_without_text_give_no_text(read):
    photos = sorted((DATA / "photos").iterdir())

    assert photos
    assert [analysis.ocr for analysis in read(*photos)] == [None] * len(photos)


@pytest.mark.costly
def test_captions_of_memes_are_read(read, report):
    memes = json.loads((DATA / "memes" / "ground_truth.json").read_text("utf-8"))
    truths = [blanks_as_one(m["text"].split("(")[0].replace("/", " ")) for m in memes]

    analyses = read(*[DATA / "memes" / meme["file"] for meme in memes])

    accuracy = fmean(
        ratio(truth, blanks_as_one(a.ocr.text) if a.ocr else "")
        for truth, a in zip(truths, analyses, strict=True)
    )
    report(f"memes: {accuracy:.1%} of characters, {len(memes)} files")
    assert accuracy >= 0.85


@pytest.mark.long
def test_every_format_gives_a_result_or_a_clear_refusal(read):
    files = sorted((DATA / "formats").iterdir())

    outcomes = dict(zip((f.name for f in files), read(*files), strict=True))

    refused = {n: o.reason for n, o in outcomes.items() if isinstance(o, ProviderRefused)}
    assert refused == REFUSED
    assert all(len(o.description) >= 5 for o in outcomes.values() if isinstance(o, Analysis))
    assert "WebP document" in outcomes["doc_webp.webp"].ocr.text
    assert "Page 1." in outcomes["multipage.tiff"].ocr.text
