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
    best = _attempt(seen)
    for other, is_turned in () if best.is_convincing else _others(picture, prepared, seen):
        best = max(best, _attempt(find(other), is_turned=is_turned), key=lambda a: a.weight)
        if best.is_convincing:
            break
    return best


def _attempt(seen: Sequence[OcrWord], *, is_turned: bool = False) -> Attempt:
    kept = ocr_text.readable(seen)
    if doubt.is_garbage(seen, kept):
        return Attempt(is_turned=is_turned)
    return Attempt(kept, ocr_text.mean_confidence(seen) >= _GOOD_CONFIDENCE, is_turned)


def _others(
    picture: Image.Image, prepared: Image.Image, seen: Sequence[OcrWord]
) -> Iterator[tuple[Image.Image, bool]]:
    # A dark page looks like a caption, so a page on its head is considered first.
    if doubt.may_be_turned(seen):
        yield prepared.transpose(Image.Transpose.ROTATE_180), True
    caption = preprocess.caption(picture)
    if caption is not None:
        yield caption, False
