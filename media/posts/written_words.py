"""
Words with marks, as C++, C# and .NET, in a query: pure functions.

The index of words knows `c` and `net` of them. So each is sought as it is written, too, among what
the index finds. A single letter is one of them: C is not C++.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from media.posts.word_forms import folded

_UNIT: Final = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')
_APART: Final = re.compile(r"[/\\|,;–—]|(?<=[\w+#])-")
"""C/C++ and C++-разработчик are two words each."""
_BEFORE: Final = "#@()[]{}<>«»„“”‚‘’'\"!?:…*~`"
"""A # at the front makes a hashtag, one at the end a language."""
_AFTER: Final = _BEFORE.replace("#", ".")


@dataclass(frozen=True, slots=True)
class Written:
    """A word as it is written: a regular expression of PostgreSQL; a letter has no marks."""

    pattern: str
    is_letter: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """
    What a text must have, or must not: words as the index finds them, and as they are written.

    `words` are in the syntax of web searches.
    """

    words: str
    written: tuple[Written, ...] = ()
    is_refused: bool = False


def alternatives(term: str) -> list[list[Unit]]:
    """
    Take a query in the syntax of web searches apart; a text must fulfil all units of one alternative.

    What has no words with marks stays one unit.
    """
    found: list[list[Unit]] = [[]]
    for unit in map(_unit, _UNIT.finditer(folded(term))):
        if unit.words.lower() == "or":
            found.append([])
        else:
            found[-1].append(unit)
    if not any(unit.written for units in found for unit in units):
        return [[Unit(term)]]
    return [_together(units) for units in found if units]


def _together(units: list[Unit]) -> list[Unit]:
    """The units without marks as one, so that the index is asked once for them."""
    plain = " ".join(unit.words for unit in units if not unit.written)
    return [Unit(plain)] * bool(plain) + [unit for unit in units if unit.written]


def _unit(found: re.Match[str]) -> Unit:
    minus, phrase, word = found.groups()
    words = word if phrase is None else f'"{phrase}"'
    written = tuple(map(_written, _marked(word if phrase is None else phrase)))
    if written:
        return Unit(words, written, is_refused=bool(minus))
    return Unit(minus + words)


def _marked(text: str) -> Iterator[str]:
    """The words that the index would take for others."""
    for word in text.split():
        if "://" in word:
            continue
        pieces = [_bare(piece) for piece in _APART.split(word)]
        if len(pieces) == 1 and len(pieces[0]) == 1 and pieces[0].isalpha():
            yield pieces[0]
        yield from filter(_has_marks, pieces)


def _bare(piece: str) -> str:
    bare = piece.lstrip(_BEFORE).rstrip(_AFTER)
    return bare.lstrip(".") if bare.startswith("..") else bare


def _has_marks(piece: str) -> bool:
    has_sign = "+" in piece or "#" in piece or (piece[:1] == "." and piece[1:2].isalpha())
    return has_sign and any(map(str.isalnum, piece))


def _written(word: str) -> Written:
    """A word with nothing beside it that would make it another one; C++17 is C++."""
    before = r"(?<![\w+.])" if word[0] == "." else r"(?<![\w+]|\w\.)"
    after = r"(?![[:alpha:]_+#])" if word[-1] in "+#" else r"(?![\w+#]|\.\w)"
    return Written(before + re.escape(word) + after, is_letter=word.isalpha())
