"""Pages without a text layer: recognized by Tesseract on this machine, which costs no tokens."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from vision import providers
from vision.documents.findings import Cut
from vision.documents.limits import Limits
from vision.documents.process import Part, Reading
from vision.documents.reading.output import parts_of
from vision.providers.port import ProviderRefused


def recognize(
    reading: Reading,
    limits: Limits,
    *,
    now: datetime,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """
    Put the texts of scanned pages into the reading, each at its place; returns how many had any.

    Stops when their time is over. Raises TesseractMissing.
    """
    until, found = clock() + limits.ocr_seconds, dict[int, str]()
    for page, picture in reading.scans:
        if clock() >= until:
            _cut(reading, Cut.TIME)
            break
        try:
            found[page] = _text(picture, now=now)
        except ProviderRefused:  # one page that takes too long, or cannot be decoded
            _cut(reading, Cut.DAMAGE)
    _merge(reading, {page: text for page, text in found.items() if text}, limits)
    return sum(bool(text) for text in found.values())


def _text(picture: Path, *, now: datetime) -> str:
    analysis = providers.get_ocr().analyze(
        picture.read_bytes(), mime="image/png", prompt="", now=now
    )
    return analysis.ocr.text.strip() if analysis.ocr else ""


def _merge(reading: Reading, found: dict[int, str], limits: Limits) -> None:
    left = limits.chars - sum(len(part.text) for part in reading.parts)
    for page, text in sorted(found.items()):
        if len(text) > left:
            _cut(reading, Cut.CHARS)
        kept = text[: max(left, 0)]
        reading.parts += [Part(part, page, is_recognized=True) for part in parts_of(kept)]
        left -= len(text)
    reading.parts.sort(key=lambda part: part.page or 0)  # stable: pieces of a page keep their order


def _cut(reading: Reading, why: Cut) -> None:
    if why not in reading.cuts:
        reading.cuts.append(why)
