"""The part of a text that shows why it was found: a pure function."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

START, STOP = "\x01", "\x02"
"""Around matching words in a marked text: characters that no text of a post needs."""
CHARS: Final = 240
_BEFORE: Final = 40


@dataclass(frozen=True, slots=True)
class Fragment:
    """
    A part of a text. `spans` are the matching words in it, as start and end of each.

    `text` is plain: whoever shows it as HTML escapes it.
    """

    text: str
    spans: tuple[tuple[int, int], ...] = ()
    cut_before: bool = False
    cut_after: bool = False


def fragment_of(marked: str, original: str) -> Fragment:
    """
    Cut about `CHARS` characters with the most matching words out of `marked`.

    `original` is the text as people wrote it; it is shown where its characters stand in the same
    places, and the searched form where they do not.
    """
    text, spans = _unmarked(marked)
    shown = original if len(original) == len(text) else text
    start = _start(spans)
    if start:
        start = shown.rfind(" ", 0, start) + 1
    end = _end(shown, start)
    inside = [(a - start, b - start) for a, b in spans if a >= start and b <= end]
    return Fragment(shown[start:end], tuple(inside), start > 0, end < len(shown))


def _unmarked(marked: str) -> tuple[str, list[tuple[int, int]]]:
    first, *rest = marked.split(START)
    text, spans = [first], []
    length = len(first)
    for part in rest:
        word, _, after = part.partition(STOP)
        spans.append((length, length + len(word)))
        text += [word, after]
        length += len(word) + len(after)
    return "".join(text), spans


def _start(spans: Sequence[tuple[int, int]]) -> int:
    """Where most spans follow within `CHARS`; the first such place, a little before it."""
    if not spans or spans[-1][1] <= CHARS:
        return 0
    best = max(
        spans, key=lambda span: sum(span[0] <= a < span[0] + CHARS - _BEFORE for a, _ in spans)
    )
    return max(0, best[0] - _BEFORE)


def _end(text: str, start: int) -> int:
    if len(text) <= start + CHARS:
        return len(text)
    space = text.rfind(" ", start + 1, start + CHARS + 1)
    return space if space > start else start + CHARS
