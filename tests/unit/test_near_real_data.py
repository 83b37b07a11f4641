"""
What near-duplicates of real pictures are found, and what is taken for one that is none.

Copies are made here, as channels and people make them. A picture is *found* where its hash lies
within the distance and its pixels agree. No two pictures that say different things may be.
"""

import io
import itertools
import json
import os
import sys
from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from media.imaging import ImageRefused, open_upright
from vision.duplicates.phash import DEFAULT_DISTANCE, distance, phash
from vision.duplicates.pixel_match import Original, is_duplicate

DATA = Path(
    os.environ.get("SHARED_DATA_DIR") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
FOLDERS = ("photos", "memes", "ocr", "telegram/en_shop_photos/ChatExport_2022-12-01/photos")
KINDS = {".png", ".jpg", ".tif", ".webp"}
EVERY = 6
"""Copies are made of every sixth picture: all of them take three minutes and show the same."""
TELEGRAM = 1280

pytestmark = [
    pytest.mark.long,  # hundreds of pictures are decoded and turned into many copies
    pytest.mark.real_data,
    pytest.mark.skipif(
        not (DATA / "near_duplicates" / "pairs.json").is_file(),
        reason=f"REAL DATA MISSING: {DATA} (set SHARED_DATA_DIR)",
    ),
]


def encoded(picture, kind="JPEG", **options):
    body = io.BytesIO()
    picture.convert("RGB").save(body, kind, **options)
    return body.getvalue()


def scaled(picture, factor, how=Image.Resampling.BICUBIC):
    return picture.resize([max(1, round(side * factor)) for side in picture.size], how)


def as_telegram_does(picture):
    return encoded(scaled(picture, min(1, TELEGRAM / max(picture.size))), quality=87)


COPIES = {
    "JPEG 90": lambda p: encoded(p, quality=90),
    "JPEG 30": lambda p: encoded(p, quality=30),
    "WebP 75": lambda p: encoded(p, "WEBP", quality=75),
    "half the size": lambda p: encoded(scaled(p, 0.5), quality=80),
    "twice the size": lambda p: encoded(scaled(p, 2), quality=80),
    "Telegram": as_telegram_does,
    "Telegram twice": lambda p: as_telegram_does(open_upright(as_telegram_does(p))),
}


@pytest.fixture
def report(capsys):
    """Prints a figure although pytest captures output."""

    def _(figure):
        with capsys.disabled():
            sys.stdout.write(f"\n{figure}\n")

    return _


@cache
def pictures():
    files = [f for name in FOLDERS for f in sorted((DATA / name).iterdir())]
    return {str(f.relative_to(DATA)): f.read_bytes() for f in files if f.suffix in KINDS}


@cache
def hash_of(body):
    """Of a file as it is there: many tests ask for it."""
    return phash(body)


def hashes(bodies):
    found = {name: hash_of(body) for name, body in bodies.items()}
    return {name: one for name, one in found.items() if one is not None}


def are_near(one, other):
    return bool(one and other) and distance(one, other) <= DEFAULT_DISTANCE


def is_found(copy, original):
    near = are_near(phash(copy), hash_of(original.body))
    return near and is_duplicate(Original(copy), original)


@cache
def found_of_every_way():
    """By way, for each picture whether its copy is found; a picture is decoded once for all."""
    bodies = itertools.islice(pictures().values(), None, None, EVERY)
    found = {way: [] for way in COPIES}
    for body in bodies:
        if hash_of(body) is not None:
            picture, original = open_upright(body), Original(body)
            for way, copied in COPIES.items():
                found[way].append(is_found(copied(picture), original))
    return found


@pytest.mark.parametrize("way", COPIES)
def test_copies_are_found(way, report):
    found = found_of_every_way()[way]

    share = sum(found) / len(found)
    report(f"{way}: {share:.0%} of {len(found)} copies found")
    assert share >= 0.97


def test_no_two_pictures_that_differ_are_merged(report):
    bodies = pictures()
    hashed = hashes(bodies)
    labelled = json.loads((DATA / "near_duplicates" / "pairs.json").read_text())
    same = {
        frozenset((pair["a"], pair["b"]))
        for pair in labelled["pairs"]
        if pair["expected"] == "duplicate"
    }

    close = [
        (a, b)
        for a, b in itertools.combinations(hashed, 2)
        if distance(hashed[a], hashed[b]) <= DEFAULT_DISTANCE
    ]
    known = {name: Original(bodies[name]) for pair in close for name in pair}
    merged = [(a, b) for a, b in close if is_duplicate(known[a], known[b])]
    wrong = [pair for pair in merged if frozenset(pair) not in same]

    pairs = len(hashed) * (len(hashed) - 1) // 2
    report(f"{pairs} pairs: {len(close)} with near hashes, {len(merged)} merged, wrong: {wrong}")
    assert wrong == []


def test_the_labelled_pairs(report):
    """Brightened pictures and two reposts with an edited picture get a look of their own."""
    labelled = json.loads((DATA / "near_duplicates" / "pairs.json").read_text())
    asked = [pair for pair in labelled["pairs"] if pair["expected"] == "duplicate"]

    lost = []
    for pair in asked:
        a, b = (DATA / pair[side] for side in "ab")
        if not is_found(a.read_bytes(), Original(b.read_bytes())):
            lost.append(f"{b.name}: {pair['relation']}")

    report(f"labelled duplicates: {len(asked) - len(lost)} of {len(asked)} found; not: {lost}")
    assert [one for one in lost if "encoded" in one or "resized" in one] == []
    assert len(lost) <= 6


@cache
def one_letter_apart():
    """
    By JPEG quality, of each page or screen: its name, and whether it and its changed copy are near
    by their hashes and taken for duplicates.
    """
    found = {90: [], 30: []}
    for file in sorted((DATA / "ocr").iterdir())[::3]:
        try:
            page = open_upright(file.read_bytes()).convert("RGB")
        except (ImageRefused, OSError):
            continue
        if min(page.size) < 60 or phash(page) is None:
            continue
        for one, other in (("3", "8"), ("e", "c")):
            a, b = (with_letter(page, letter) for letter in (one, other))
            known_body = encoded(a, "PNG", compress_level=1)
            known_hash, original = phash(known_body), Original(known_body)
            for quality, seen in found.items():
                body = encoded(b, quality=quality)
                near = are_near(known_hash, phash(body))
                seen.append((file.name, near, is_duplicate(Original(body), original)))
    return found


@pytest.mark.parametrize("quality", [90, 30])
def test_pages_and_screens_that_differ_in_one_letter_are_kept_apart(quality, report):
    seen = one_letter_apart()[quality]

    near = sum(is_near for _, is_near, _ in seen)
    merged = [name for name, _, is_merged in seen if is_merged]
    report(f"one letter, JPEG {quality}: {near} of {len(seen)} hashes near, merged: {merged}")
    assert seen
    assert merged == []


def with_letter(page, letter):
    """A letter as small as the text of the page would be at Telegram's size."""
    changed = page.copy()
    size = max(16, max(page.size) * 16 // TELEGRAM)
    x, y = page.width // 3, page.height // 2 - size // 2
    pen = ImageDraw.Draw(changed)
    pen.rectangle((x, y, x + size, y + size + 4), fill="white")
    pen.text((x, y), letter, fill="black", font=ImageFont.load_default(size))
    return changed


def test_signs_that_differ_in_a_digit_have_similar_hashes_and_stay_distinct():
    one, other = (
        (DATA / "formats" / f"exif_landscape_{digit}.jpg").read_bytes() for digit in (6, 8)
    )

    assert distance(phash(one), phash(other)) <= DEFAULT_DISTANCE
    assert not is_duplicate(Original(one), Original(other))
