"""The form in which a tag is kept: pure functions, the same for hashtags, people and models."""

import re
from collections.abc import Iterable
from typing import Final
from unicodedata import normalize

from media.posts.marks import HASHTAG, MARKS, lowered
from media.posts.word_forms import folded

MOST_CHARS: Final = 64
_OTHER: Final = re.compile(rf"[^\w{MARKS}+#-]+")
_EDGES: Final = "_-"
_LETTER: Final = re.compile(r"[^\W\d_]")
_YO: Final = str.maketrans("ёЁ", "еЕ")
_HASHTAG: Final = re.compile(HASHTAG)


def canonical(text: str) -> str:
    """
    The name of a tag: lower-case, without a leading #, at most MOST_CHARS characters; ё is е.

    Letters with their marks, digits, _, -, + and # stay, whatever else becomes _. Empty where there is no letter.
    """
    name = part_of_name(text)
    return name if _LETTER.search(name) else ""


def part_of_name(text: str) -> str:
    """A part of a name in the same form, which needs no letter; empty where no name can have it."""
    plain = normalize("NFC", lowered(folded(text).translate(_YO)))
    return _OTHER.sub("_", plain).lstrip("#" + _EDGES)[:MOST_CHARS].rstrip(_EDGES)


def hashtags(text: str) -> tuple[str, ...]:
    """The names of the #tags of a text in their order, each once; #1 is a number, not a tag."""
    return each_once(_HASHTAG.findall(folded(text))) if "#" in text else ()


def each_once(texts: Iterable[str]) -> tuple[str, ...]:
    """The canonical names of texts in their order, each once, without empty ones."""
    return tuple(dict.fromkeys(filter(None, map(canonical, texts))))
