"""Joins what was read of one transparent picture on a white and on a dark ground."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from vision.providers.ocr.attempts import Attempt
from vision.providers.ocr.boxes import Box, around, continues, is_same_place
from vision.providers.ocr.text import LineKey, OcrWord

_Line = list[OcrWord]


def joined(attempts: Sequence[Attempt]) -> list[OcrWord]:
    """Join the words of all attempts by their places; of one place, the surest word is taken."""
    heaviest = max(attempts, key=lambda a: a.weight)
    # Places in the picture as it is, and in the same picture on its head, do not compare.
    runs = [a.words for a in attempts if a.is_turned == heaviest.is_turned and a.words]
    lines = _lines(runs[0], 0) if runs else []
    for number, more in enumerate(runs[1:], start=1):
        lines = _added(lines, _lines(more, number))
    return [word for line in lines for word in line]


def _lines(words: Sequence[OcrWord], number: int) -> list[_Line]:
    """Lines with keys that differ from those of all other attempts."""

    def own(key: LineKey) -> LineKey:
        return (key[0] + number * 100_000, *key[1:])

    return [
        [replace(word, line=own(key)) for word in line]
        for key, line in groupby(words, key=lambda w: w.line)
    ]


def _added(lines: list[_Line], more: list[_Line]) -> list[_Line]:
    known = [word for line in lines for word in line]
    news = [[w for w in line if not _beaten(w, known)] for line in more]
    fresh = [word for line in news for word in line]
    left = [[w for w in line if not _beaten(w, fresh)] for line in lines]
    old = [line for line in left if line]
    found = list(old)
    for line in filter(None, news):
        _place(found, line, old)
    return found


def _beaten(word: OcrWord, others: Sequence[OcrWord]) -> bool:
    return any(
        other.confidence >= word.confidence and is_same_place(word.box, other.box)
        for other in others
    )


def _place(lines: list[_Line], line: _Line, old: Sequence[_Line]) -> None:
    """Put a line into the old one that it continues, or before the first that stands lower."""
    box = _box(line)
    for other in old:
        if continues(box, _box(other)):
            same = [replace(word, line=other[0].line) for word in line]
            other[:] = sorted(other + same, key=lambda word: word.box.left)
            return
    below = (at for at, other in enumerate(lines) if _box(other).top >= box.bottom)
    lines.insert(next(below, len(lines)), line)


def _box(line: _Line) -> Box:
    return around(word.box for word in line)
