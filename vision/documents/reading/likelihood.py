"""
How likely a text is, by its characters: pure functions, natural logarithms of rough probabilities.

Only differences between readings of the same bytes mean anything.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from vision.documents.reading.alphabets import HAN, HANGUL, RUSSIAN_PAIRS

_ASCII, _SPACE, _SIGN, _ODD, _NEVER = -3.0, -1.7, -5.0, -9.0, -14.0
_SIGNS: Final = frozenset("«»„“”‘’–—…•·№§©®™°±×€£\xa0\xad¿¡،؛؟ªº")
_IN_FOREIGN_WORD: Final = -5.0
"""Of a letter beside one of ASCII, where the script is not Latin."""
_SIDE_BY_SIDE: Final = -2.0
"""Of two letters that are not in ASCII, where the script is Latin; each of them is rare, too."""
_RARE: Final = -3.0
_STRANGE: Final = -9.0
_WITHIN: Final = frozenset("’‘–—·\xad\xa0•…»«")
_IN_WORD: Final = -4.0
_BEGINS, _ALL_CAPITALS, _CAPITAL_INSIDE = -1.5, -0.5, -5.0
_COMMON_PAIR, _RARE_PAIR = 0.4, -1.6
_COMMON_WORD: Final = 1.5
_WORD: Final = re.compile(r"[^\W\d_]+")

_HIRAGANA, _KATAKANA, _COMMON, _IN_USE, _UNUSED = -3.2, -4.2, -4.5, -8.6, -12.5

_MIXED: Final = re.compile(
    r"[a-zA-Z](?=[^\W\d_a-zA-Z])|[^\W\d_a-zA-Z](?=[a-zA-Z])|[a-zA-Z](?=[^\w\x00-\u2fff][a-zA-Z])"
)

LEVELS: Final = {
    "gb2312": (0xB0, 0xD7),
    "big5": (0xA4, 0xC6),
    "euc_jp": (0xB0, 0xCF),
    "euc_kr": (0xB0, 0xC8),
}
"""First bytes of the characters that are in use: each set has the frequent ones before the others."""


def of_script(text: str, *, languages: Sequence[str]) -> float:
    """How likely a text is in a script of its own, in the language of these that suits it best."""
    letters, rest = _walk(text, _in_own_script)
    return rest + max(_of_letters(letters, language) for language in languages)


def of_latin(text: str, *, languages: Sequence[str]) -> float:
    """
    How likely a text in Latin letters is, in the language of these that suits it best.

    A language is a string of its letters and, after them, of words that its texts have.
    """
    letters, rest = _walk(text, _in_latin)
    words = Counter(_WORD.findall(text.lower()))
    return rest + max(_of_latin(letters, words, language) for language in languages)


def of_ascii(text: str) -> float:
    """The part of a likelihood that comes of ASCII, which all readings have in common."""
    return sum(_other(char) for char in text if char.isascii())


def _walk(text: str, beside: Callable[[str, str, str], float]) -> tuple[Counter[str], float]:
    letters, rest, before = Counter[str](), 0.0, " "
    for char, after in zip(text, text[1:] + " ", strict=True):
        if char.isascii() or not _is_letter(char):
            rest += _other(char) + _between(before, char, after)
        else:
            letters["ı" if char == "İ" else char.lower()] += 1
            rest += _case(before, char, after) + beside(before, char, after)
        before = char
    return letters, rest


def _between(before: str, char: str, after: str) -> float:
    """A sign within a word is a letter that was read wrongly."""
    goes_on = before.isalpha() and (after.isalpha() or not after.isascii())
    return _IN_WORD if goes_on and not char.isascii() and char not in _WITHIN else 0.0


def _is_letter(char: str) -> bool:
    return char.isalpha() or unicodedata.combining(char) > 0


def _other(char: str) -> float:
    if char.isascii():
        return _SPACE if char == " " else _ASCII
    if char in _SIGNS:
        return _SIGN
    return _NEVER if char == "\ufffd" or unicodedata.category(char)[0] == "C" else _ODD


def _case(before: str, char: str, after: str) -> float:
    if not char.isupper():
        return _CAPITAL_INSIDE / 2 if before.isupper() and after.isupper() else 0.0
    if before.isupper():
        return _ALL_CAPITALS
    return _CAPITAL_INSIDE if before.isalpha() else _BEGINS


def _in_latin(before: str, _char: str, _after: str) -> float:
    return _RARE + _SIDE_BY_SIDE * (not before.isascii() and before.isalpha())


def _in_own_script(before: str, char: str, after: str) -> float:
    foreign = _IN_FOREIGN_WORD * sum(c.isascii() and c.isalpha() for c in (before, after))
    if not ("Ѐ" <= before <= "ӿ" and "Ѐ" <= char <= "ӿ"):
        return foreign
    return foreign + (_COMMON_PAIR if (before + char).lower() in RUSSIAN_PAIRS else _RARE_PAIR)


def _of_latin(letters: Counter[str], words: Counter[str], language: str) -> float:
    alphabet, *common = language.split()
    return _of_letters(letters, alphabet) + _COMMON_WORD * sum(words[word] for word in common)


def _of_letters(letters: Counter[str], language: str) -> float:
    known = _of_language(language)
    return sum(count * known.get(letter, _STRANGE) for letter, count in letters.items())


@cache
def _of_language(language: str) -> dict[str, float]:
    """By rank: letters thin out more slowly than words."""
    shares = [1 / (rank + 3) for rank in range(len(language))]
    return {c: math.log(share / sum(shares)) for c, share in zip(language, shares, strict=True)}


def of_characters(text: str, *, encoding: str) -> float:
    """How likely a Chinese, Japanese or Korean text is; `encoding` is a key of LEVELS."""
    alone = sum(_of_character(char, encoding) * count for char, count in Counter(text).items())
    return alone + _IN_FOREIGN_WORD * len(_MIXED.findall(text))


@cache
def _of_character(char: str, encoding: str) -> float:
    if char.isascii() or char in _SIGNS:
        return _other(char)
    if "\u3001" <= char <= "\u301f" or "\uff01" <= char <= "\uff5e":
        return _SIGN
    if "\u3041" <= char <= "\u30ff" and encoding == "euc_jp":
        return _HIRAGANA if char < "\u30a0" else _KATAKANA
    if not ("\u4e00" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3"):
        return _other(char) + _ODD - _SIGN
    if char in (HANGUL if encoding == "euc_kr" else HAN):
        return _COMMON
    return _IN_USE if _is_in_use(char, encoding) else _UNUSED


def _is_in_use(char: str, encoding: str) -> bool:
    first, last = LEVELS[encoding]
    try:
        return first <= char.encode(encoding)[0] <= last
    except UnicodeEncodeError:
        return False
