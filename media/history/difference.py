"""The difference of two texts, word by word. Pure."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final, NamedTuple

SAME: Final = "same"
ADDED: Final = "added"
REMOVED: Final = "removed"
_WORDS: Final = re.compile(r"\w+|\s+|[^\w\s]")
_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")
_MOST_WORDS: Final = 3_000
"""Longer texts, which Telegram does not have, are compared by lines: the work grows squarely."""
_MOST_LINES: Final = 1_000


class Part(NamedTuple):
    """A piece of text that is the same in both, added or removed."""

    kind: str
    text: str


def difference(before: str, after: str) -> list[Part]:
    """Find what was removed from and added to a text, in the order of reading."""
    for pattern, most in ((_WORDS, _MOST_WORDS), (_LINES, _MOST_LINES)):
        one, other = pattern.findall(before), pattern.findall(after)
        if max(len(one), len(other)) <= most:
            return list(_parts(one, other))
    return [Part(kind, text) for kind, text in ((REMOVED, before), (ADDED, after)) if text]


def _parts(one: list[str], other: list[str]) -> Iterator[Part]:
    matcher = SequenceMatcher(None, one, other)  # of long texts, frequent words are no anchors
    for operation, a, b, c, d in matcher.get_opcodes():
        if operation == "equal":
            yield Part(SAME, "".join(one[a:b]))
            continue
        if a < b:
            yield Part(REMOVED, "".join(one[a:b]))
        if c < d:
            yield Part(ADDED, "".join(other[c:d]))
