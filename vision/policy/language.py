"""
Detection of the language of a post, for the policy's language rule.

py3langid decides, among the languages below only. On 4 700 short posts and sentences (Russian,
Ukrainian, Belarusian, English) it took 4.5 MB of disk and 75 MB of memory and was never wrong
about Ukrainian; lingua took 96 and 370 MB, and took 2.6 % of the Ukrainian ones for Kazakh.
"""

import re
from copy import copy
from functools import cache, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LANGUAGES: Final = frozenset(
    """
    ru uk be bg sr mk kk ky tg tt uz az mn hy ka en de fr es it pt pl tr ro lt lv et fi
    el he ar fa hi th vi zh ja ko
    """.split()  # noqa: SIM905 - forty quoted codes are not read by anybody
)
"""
ISO 639-1 codes that are always told apart. The model knows a hundred more: with them, two of three
English posts full of product names were ambiguous, with these one in four.
"""

ON_REQUEST: Final = frozenset(
    "bn ca cs da eo eu ga hr hu id is ms nl no sk sl sq sv sw ta ur".split()  # noqa: SIM905 - see above
)
"""Codes that are told apart from LANGUAGES where a policy names them; each was tried on sentences."""

ACCEPTED: Final = LANGUAGES | ON_REQUEST
"""All codes that a policy may name."""

_MIN_LETTERS = 20
_MIN_CONFIDENCE = 0.6
"""At 0.5 one Russian post in 200 was taken for Bulgarian, at 0.7 one in eight was ambiguous."""
_NO_PROSE = re.compile(r"(?:https?://|www\.|t\.me/)\S+|[@#]\w+|[^\W\d_]*\d\w*")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]+")
_CYRILLIC = re.compile(r"[Ѐ-ӿ]")
_loading = Lock()


def detect(text: str, *, named: frozenset[str] = frozenset()) -> str | None:
    """
    Return one of LANGUAGES or of `named`, or None where the text is too short or ambiguous.

    `named` are the codes of the policy in force: only these of ON_REQUEST are looked for.
    """
    prose = _NO_PROSE.sub(" ", text).lower()
    letters = sum(map(str.isalpha, prose))
    if letters < _MIN_LETTERS:
        return None
    if len(_CYRILLIC.findall(prose)) >= letters / 3:
        # Posts in Cyrillic are full of Latin names, which say nothing about their language.
        prose = _LATIN.sub(" ", prose)
    with _loading:  # of ten threads one loads the model, which takes a second
        model = _model(LANGUAGES | (named & ON_REQUEST))
    code, confidence = model.classify(prose)
    return code if confidence >= _MIN_CONFIDENCE else None


@lru_cache(maxsize=16)
def _model(languages: frozenset[str]) -> "LanguageIdentifier":
    model = copy(_whole_model())  # shares the tables of the model
    model.set_languages(languages)
    return model


@cache
def _whole_model() -> "LanguageIdentifier":
    # With it comes numpy: most commands need neither.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - see above

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
