"""Marks that belong to letters: vowel signs of Hindi or Tamil, points of Hebrew, accents."""

import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Final

_LAST: Final = 0x1FFFF
"""The letters and signs of all scripts that are written today lie below."""


def _ranges() -> Iterator[str]:
    codes = (
        code for code in range(0x300, _LAST) if unicodedata.category(chr(code)).startswith("M")
    )
    for _, run in groupby(enumerate(codes), key=lambda pair: pair[1] - pair[0]):
        found = [code for _, code in run]
        yield f"{chr(found[0])}-{chr(found[-1])}"


MARKS: Final = "".join(_ranges())
"""For a set of characters of `re`, whose \\w knows letters and no marks."""

_DOTTED_I: Final = "i\u0307"


def lowered(text: str) -> str:
    """The text in small letters; those of the Turkish İ lose a mark that nobody types."""
    return text.lower().replace(_DOTTED_I, "i")


HASHTAG: Final = rf"(?<![\w#&/{MARKS}])#([\w{MARKS}]*[^\W\d_][\w{MARKS}]*)"
"""A #tag as Telegram reads it, its name as the group; #1 is a number, not a tag."""
