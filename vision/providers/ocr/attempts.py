"""
Chooses what Tesseract is run on: the picture, and others made of it where that gave little.

One run is the rule. A second one follows where the words look like those of a page on its head,
or the picture seems to have a caption; a third one where both are so. (Tesseract itself turns
pages that lie on one side, in one of the two directions; the other is the same page on its head.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

from media.imaging import is_blank
from vision.providers.ocr import doubt, preprocess
from vision.providers.ocr import text as ocr_text
from vision.providers.ocr.strips import Find
from vision.providers.ocr.text import OcrWord

_GOOD_CONFIDENCE = 75.0
"""Below this mean another attempt may follow; 30 of 33 known texts are above it."""
_PAGE_WORDS = 12
"""A page on its head yields many words; noise in a photo yields few."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The words of one run; `is_turned`: their places are those of the picture on its head."""

    words: Sequence[OcrWord] = ()
    is_convincing: bool = False
    is_turned: bool = False

    @property
    def weight(self) -> float:
        return ocr_text.weight(self.words)


def best_of(picture: Image.Image, find: Find) -> Attempt:
    """Read a picture in mode L or RGB in as few runs of `find` as it takes."""
    if is_blank(picture):
        return Attempt()
    prepared = preprocess.prepare_for_ocr(picture)
    seen = find(prepared)
    best = first = _attempt(seen)
    for way in () if best.is_convincing else _other_ways(picture, prepared, seen):
        if way.is_last_resort and best is not first:
            continue
        other = _attempt(find(way.picture), is_turned=way.is_turned)
        best = max(best, other, key=lambda a: a.weight)
        if best.is_convincing:
            break
    return best


@dataclass(frozen=True, slots=True)
class _Way:
    """Another picture to run on; the last resort only where no other was better than the first run."""

    picture: Image.Image
    is_turned: bool = False
    is_last_resort: bool = False


def _other_ways(
    picture: Image.Image, prepared: Image.Image, seen: Sequence[OcrWord]
) -> Iterator[_Way]:
    may_be_turned = doubt.may_be_turned(seen)
    # Before the caption: a dark page as a whole looks like one. In a meme the few words of the
    # first run are mostly noise, so there the caption comes first.
    is_page = may_be_turned and len(seen) >= _PAGE_WORDS
    if is_page:
        yield _Way(_on_its_head(prepared), is_turned=True)
    if (caption := preprocess.caption(picture)) is not None:
        yield _Way(caption)
    if may_be_turned and not is_page:
        yield _Way(_on_its_head(prepared), is_turned=True, is_last_resort=True)


def _on_its_head(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.ROTATE_180)


def _attempt(seen: Sequence[OcrWord], *, is_turned: bool = False) -> Attempt:
    kept = ocr_text.readable(seen)
    if doubt.is_garbage(seen, kept):
        return Attempt(is_turned=is_turned)
    return Attempt(kept, ocr_text.mean_confidence(seen) >= _GOOD_CONFIDENCE, is_turned)
