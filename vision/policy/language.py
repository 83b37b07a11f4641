"""
Guessing the language of a post for the policy's language rule, without a library.

The alphabet decides between Russian and the rest; frequent words tell English from other Latin ones.
"""

import re
from typing import Final

OTHER = "other"
_MIN_LETTERS = 20
_WORD = re.compile(r"[^\W\d_]+")
_LINK = re.compile(r"https?://\S+|[@#]\w+")
_CYRILLIC = re.compile(r"[Ѐ-ӿ]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_NOT_RUSSIAN = re.compile(r"[іїєґўјљњћђџқғңөұүһәѓќѕ]")
_MAX_NOT_RUSSIAN_SHARE: Final = 0.03
"""Up to this share, letters that Russian does not have are taken for a typo or a quotation."""

_ENGLISH: Final = frozenset(
    """
    the of and to in is that it for was on are as with be this have from or by not but you
    at they we an has will can more about what all one new our your how their
    """.split()  # noqa: SIM905 - a list of a hundred quoted words is not read by anybody
)
# German, French, Spanish, Italian, Portuguese, Polish, Turkish, Uzbek.
_FOREIGN: Final = frozenset(
    """
    der die das und ist nicht ein eine mit von zu den auf für wir ich auch sich dem le la
    les des et est une un dans que qui pour pas sur avec sont nous vous au du el los las y
    es en por con para una del se lo como más pero il di che è non per sono della nel con
    gli alla questo anche o os as um uma não em com mais foi são ao da do i w na z nie się
    jest że do to jak od po ale ve bir bu için ile çok da de ne gibi olarak va bu uchun
    bilan ham bir
    """.split()  # noqa: SIM905 - a list of a hundred quoted words is not read by anybody
)


def detect(text: str) -> str | None:
    """Return `ru`, `en`, `other`, or None where the text is too short or ambiguous."""
    lower = _LINK.sub(" ", text).lower()
    cyrillic, latin = len(_CYRILLIC.findall(lower)), len(_LATIN.findall(lower))
    letters = sum(map(str.isalpha, lower))
    if letters < _MIN_LETTERS:
        return None
    if cyrillic >= letters / 3:  # a third is enough: Russian posts are full of Latin names
        return _detect_cyrillic(lower, cyrillic)
    if latin >= letters / 2:
        return _detect_latin(_WORD.findall(lower))
    return OTHER


def _detect_cyrillic(lower: str, letters: int) -> str:
    if len(_NOT_RUSSIAN.findall(lower)) > letters * _MAX_NOT_RUSSIAN_SHARE:
        return OTHER
    return "ru"


def _detect_latin(words: list[str]) -> str | None:
    english = sum(word in _ENGLISH for word in words)
    foreign = sum(word in _FOREIGN for word in words)
    if english == foreign or max(english, foreign) < 2:  # noqa: PLR2004 - one word proves nothing
        return None
    return "en" if english > foreign else OTHER
