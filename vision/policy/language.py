"""Which language a post is written in, roughly and cheaply: enough for a rule, no more."""

import re
from typing import Final

OTHER = "other"
_MIN_LETTERS = 20
_WORD = re.compile(r"[^\W\d_]+")
_LINK = re.compile(r"https?://\S+|[@#]\w+")
_CYRILLIC = re.compile(r"[Ѐ-ӿ]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_NOT_RUSSIAN = re.compile(r"[іїєґўјљњћђџқғңөұүһәѓќѕ]")
_FEW: Final = 0.03
"""Letters no Russian word has are a typo or a quotation up to this share."""

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
    """`ru`, `en`, `other`, or None where there is too little to tell."""
    lower = _LINK.sub(" ", text).lower()
    cyrillic, latin = len(_CYRILLIC.findall(lower)), len(_LATIN.findall(lower))
    letters = sum(map(str.isalpha, lower))
    if letters < _MIN_LETTERS:
        return None
    if cyrillic >= letters / 3:
        return _of_cyrillic(lower, cyrillic)
    if latin >= letters / 2:
        return _of_latin(_WORD.findall(lower))
    return OTHER


def _of_cyrillic(lower: str, letters: int) -> str | None:
    """A third is enough: Russian posts are full of Latin names."""
    if len(_NOT_RUSSIAN.findall(lower)) > letters * _FEW:
        return OTHER
    return "ru"


def _of_latin(words: list[str]) -> str | None:
    english = sum(word in _ENGLISH for word in words)
    foreign = sum(word in _FOREIGN for word in words)
    if english == foreign or max(english, foreign) < 2:  # noqa: PLR2004 - one word proves nothing
        return None
    return "en" if english > foreign else OTHER
