"""
Emoji as words, which PostgreSQL's full text does not have: pure functions, one for both sides.

An emoji is the same with and without its variation selector and in each color of skin. What is
joined of several (a family, a flag on fire) is a word of its own, and has that of its first part
besides: whoever looks for 🤷 finds 🤷‍♂️, too.
"""

import re
from collections.abc import Iterable
from typing import Final

_SIGN: Final = (
    "[\u231a-\u23ff\u24c2\u25b6\u25c0\u2600-\u27bf\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_FLAG: Final = "[\U0001f1e6-\U0001f1ff]{2}"
_LOOK: Final = "[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
"""Variation selectors, colors of skin, and what makes the flag of a region of a black one."""
_ONE: Final = f"(?:{_FLAG}|{_SIGN}){_LOOK}*"
_EMOJI: Final = re.compile(f"{_ONE}(?:\u200d{_ONE})*")
_LOOKS: Final = re.compile(_LOOK)
PREFIX: Final = "emoji"
MOST: Final = 50
"""Different ones of a text that are found."""


def words_in(text: str) -> tuple[str, ...]:
    """The words of the emoji in a text, in order, each once."""
    found = (word for one in _EMOJI.findall(text) for word in _words_of(one))
    return tuple(dict.fromkeys(found))[:MOST]


def spelled(text: str) -> str:
    """A text that is asked for, with a word in place of each emoji."""
    return _EMOJI.sub(lambda found: f" {_word(found[0])} ", text)


def without(text: str) -> str:
    """A text with a space in place of each emoji."""
    return _EMOJI.sub(" ", text)


def marked(text: str, words: Iterable[str], start: str, stop: str) -> str:
    """Put marks around the emoji that have one of these words."""
    wanted = {word for word in words if word.startswith(PREFIX)}
    if not wanted:
        return text

    def mark(found: re.Match[str]) -> str:
        return f"{start}{found[0]}{stop}" if wanted & {*_words_of(found[0])} else found[0]

    return _EMOJI.sub(mark, text)


def _words_of(emoji: str) -> tuple[str, ...]:
    whole, first = _word(emoji), _word(emoji.split("\u200d", maxsplit=1)[0])
    return (whole,) if whole == first else (whole, first)


def _word(emoji: str) -> str:
    """A word with digits: it is neither stemmed nor corrected."""
    parts = _LOOKS.sub("", emoji).split("\u200d")
    return PREFIX + "x".join("".join(f"{ord(char):x}" for char in part) for part in parts)
