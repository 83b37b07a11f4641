"""
Reads pictures in overlapping strips that are longer than Tesseract takes, or takes well.

Every line is read at least once as a whole, and those in an overlap twice. What is the same is
told by its place, never by its words: a list may repeat a line. A line across the strips belongs
to the strip on whose side of the seam it stands; of a line along them each word does, and its
parts are joined. A page that lies on its side may begin at the far end: then the strips are put
together from there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, pairwise
from math import ceil

from django.utils.functional import cached_property
from PIL import Image

from media.imaging.visibility import contrast
from vision.providers.ocr.boxes import Box, around, is_same_place, is_touching
from vision.providers.ocr.text import LineKey, OcrWord

LONGEST_SIDE = 32_767
"""Tesseract refuses pictures with a longer side: it has its coordinates in 16 bits."""
_WIDEST = 12_000
"""Long lines take Tesseract a time that grows with the square of their length: four lines took
4 s across 8 000 pixels, 13 s across 15 000, and more than a minute across 32 000."""
_PIXELS = 12_000_000
_ACROSS, _DOWN = 0, 1
_LENGTH = {_ACROSS: (8_000, 8_000), _DOWN: (8_000, 16_000)}
_OVERLAP = (1_000, 4_000)
_OVERLAP_SHARE = {_ACROSS: 4, _DOWN: 2}
"""Times the short side. A word in a strip of one line is several times as long as high."""

Find = Callable[[Image.Image], list[OcrWord]]


def is_too_long(picture: Image.Image) -> bool:
    return picture.height > LONGEST_SIDE or picture.width > _WIDEST


def read(picture: Image.Image, find: Find) -> list[OcrWord]:
    """Find the words of a picture of any length; `find` reads one strip."""
    axis = _DOWN if picture.height >= picture.width else _ACROSS
    strips = [
        _Strip(begin, end, _moved(find(_cut(picture, axis, begin, end)), axis, begin))
        for begin, end in _spans(picture, axis)
    ]
    seams = [_quiet_place(picture, axis, b.begin, a.end) for a, b in pairwise(strips)]
    if not _is_backwards(strips, axis):
        return _put_together(strips, seams, axis)
    total = picture.size[axis]
    mirrored = [strip.mirrored(axis, total) for strip in reversed(strips)]
    words = _put_together(mirrored, [total - seam for seam in reversed(seams)], axis)
    return _mirrored(words, axis, total)


@dataclass(frozen=True)
class _Strip:
    """From `begin` to `end`, with its words at their places in the whole picture."""

    begin: int
    end: int
    words: list[OcrWord]

    def mirrored(self, axis: int, total: int) -> "_Strip":
        words = _mirrored(self.words, axis, total)
        return _Strip(total - self.end, total - self.begin, words)


def _moved(words: Sequence[OcrWord], axis: int, by: int) -> list[OcrWord]:
    return [replace(word, box=word.box.moved(axis, by)) for word in words]


def _mirrored(words: Sequence[OcrWord], axis: int, total: int) -> list[OcrWord]:
    return [replace(word, box=word.box.mirrored(axis, total)) for word in words]


def _is_backwards(strips: Sequence[_Strip], axis: int) -> bool:
    """Whether most words and lines that stand apart follow from the far end to the near."""
    forth = back = 0
    for one, following in chain.from_iterable(_steps(strip, axis) for strip in strips):
        forth += one[axis + 2] <= following[axis]
        back += following[axis + 2] <= one[axis]
    return back > forth


def _steps(strip: _Strip, axis: int) -> Iterator[tuple[Box, Box]]:
    """From word to word in lines along the axis, and from line to line of those across it."""
    lines = _lines(strip.words)
    for line in lines:
        if line.runs_along(axis):
            yield from pairwise(word.box for word in line.words)
    yield from pairwise(line.box for line in lines if not line.runs_along(axis))


def _put_together(strips: Sequence[_Strip], seams: Sequence[int], axis: int) -> list[OcrWord]:
    words = strips[0].words
    for (before, after), seam in zip(pairwise(strips), seams, strict=True):
        words = _join(words, after.words, axis=axis, seam=seam, zone=(after.begin, before.end))
    return words


def _spans(picture: Image.Image, axis: int) -> Iterator[tuple[int, int]]:
    """Share the length out among strips of equal length."""
    total, short = picture.size[axis], min(picture.size)
    length = _within(_LENGTH[axis], _PIXELS // short)
    overlap = _within(_OVERLAP, _OVERLAP_SHARE[axis] * short)
    number = ceil((total - overlap) / (length - overlap))
    step = (total - overlap) / number
    for nth in range(number):
        begin = round(nth * step)
        yield begin, total if nth == number - 1 else round(begin + step + overlap)


def _within(bounds: tuple[int, int], value: int) -> int:
    return min(max(value, bounds[0]), bounds[1])


def _cut(picture: Image.Image, axis: int, begin: int, end: int) -> Image.Image:
    if axis == _DOWN:
        return picture.crop((0, begin, picture.width, end))
    return picture.crop((begin, 0, end, picture.height))


def _quiet_place(picture: Image.Image, axis: int, begin: int, end: int) -> int:
    """Find the middle of the widest gap with least to see, away from the edges of the overlap."""
    quarter = (end - begin) // 4
    begin, end = begin + quarter, end - quarter
    busy = contrast(_cut(picture, axis, begin, end).convert("L")).point(_any)
    profile = busy.resize(
        (1, end - begin) if axis == _DOWN else (end - begin, 1), Image.Resampling.BOX
    )
    values = list(profile.tobytes())
    least, at, widest = min(values), 0, (0, 0)
    for value, run in groupby(values):
        length = len(list(run))
        if value == least:
            widest = max(widest, (length, at + length // 2))
        at += length
    return begin + widest[1]


def _any(value: float) -> int:
    return 255 if value else 0


@dataclass(frozen=True)
class _Line:
    words: tuple[OcrWord, ...]

    @property
    def key(self) -> LineKey:
        return self.words[0].line

    @cached_property
    def box(self) -> Box:
        return around(word.box for word in self.words)

    def runs_along(self, axis: int) -> bool:
        return self.box.extent(axis) > self.box.extent(1 - axis)


def _join(
    before: Sequence[OcrWord],
    after: Sequence[OcrWord],
    *,
    axis: int,
    seam: int,
    zone: tuple[int, int],
) -> list[OcrWord]:
    """Join what was read on both sides of a seam; words in the `zone` were read twice."""
    blocks = 1 + max((word.line[0] for word in before), default=0)
    renumbered = [replace(w, line=(w.line[0] + blocks, *w.line[1:])) for w in after]
    first = _lines(before)
    read_twice = _lines([word for word in before if word.box[axis + 2] > zone[0]])
    kept = {line.key: _part(line, axis, lambda at: at < seam) for line in first}
    for line in _lines(renumbered):
        twin = _counterpart(read_twice, line) if line.box[axis] < zone[1] else None
        if twin is None:
            kept[line.key] = _part(line, axis, lambda at: at >= seam)
        elif line.runs_along(axis):
            kept[twin.key] += _rest(twin, line, axis, seam)
        elif not kept[twin.key]:
            kept[line.key] = list(line.words)
    return [word for words in kept.values() for word in words]


def _lines(words: Sequence[OcrWord]) -> list[_Line]:
    return [_Line(tuple(line)) for _, line in groupby(words, key=lambda w: w.line)]


def _part(line: _Line, axis: int, mine: Callable[[float], bool]) -> list[OcrWord]:
    """The words on one's own side of the seam: all or none of a line across the strips."""
    if line.runs_along(axis):
        return [word for word in line.words if mine(word.box.center(axis))]
    return list(line.words) if mine(line.box.center(axis)) else []


def _counterpart(lines: Sequence[_Line], line: _Line) -> _Line | None:
    """The line of the strip before that has a word at the place of one of this line's."""
    for other in lines:
        near = [word for word in line.words if is_touching(word.box, other.box)]
        if any(is_same_place(a.box, b.box) for a in near for b in other.words):
            return other
    return None


def _rest(line: _Line, again: _Line, axis: int, seam: int) -> list[OcrWord]:
    """
    What continues a line beyond the seam, as the second strip has read it.

    A word close to the seam may stand before it in the one strip and behind it in the other.
    """
    begun = [word.box for word in line.words if word.box.center(axis) < seam]
    ends = [word.box for word in again.words if word.box.center(axis) < seam]
    lost = [
        word
        for word in line.words
        if word.box.center(axis) >= seam and any(is_same_place(word.box, end) for end in ends)
    ]
    found = [
        replace(word, line=line.key)
        for word in again.words
        if word.box.center(axis) >= seam and not any(is_same_place(word.box, b) for b in begun)
    ]
    return lost + found
