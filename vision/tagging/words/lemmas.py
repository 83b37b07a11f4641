"""
Lemmas of Russian and English words; the one home of pymorphy3 and simplemma.

Measured on 3 200 posts (bench/tagging.py): pymorphy3 takes 23 MB and knows nouns; simplemma takes
167 MB for Russian and English, 32 MB for English alone, and knows no parts of speech.
"""

import re
from functools import cache, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pymorphy3 import MorphAnalyzer

_RUSSIAN: Final = re.compile(r"[а-яё]")
_ENGLISH: Final = re.compile(r"[a-z]+")
_SHORTEST: Final = 3
_CATEGORIES: Final = {
    "Geox": "place", "Orgn": "organization", "Name": "person", "Surn": "person", "Patr": "person",
}  # fmt: skip
"""Marks of pymorphy3's dictionary, and what they say a noun names."""
_loading = Lock()

SAY_NOTHING: Final = frozenset(
    """
    год день время раз человек дело случай часть место вид слово сторона вопрос образ неделя месяц
    минута час данные пример канал пост ссылка подробность помощь возможность тысяча миллион миллиард
    процент ряд число количество начало конец момент штука рубль автор друг привет спасибо
    about above after again all also always and any are aren because been before being below
    between both but can cannot could day did does doing don down during each even every few first for from
    get gets getting give goes going good got great had has have having her here hers him his how
    into its itself just know last less let like look made make makes many may might more most much must
    need never new not now off once one only other our ours out over own per please put really same see
    set she should show since some still such take than that the their theirs them then there these they thing
    this those three through time today too try two under until use used using very via want was way
    week well were what when where which while who whom why will with within without won work would
    year years yes yet you your yours best top free link post channel back keep help part lot
    """.split()  # noqa: SIM905 - two hundred quoted words are not read by anybody
)
"""Words that stand in any post and say nothing about it."""


class Lemma(NamedTuple):
    """
    The dictionary form of a word, and whether it may be the name of a topic: a noun.

    `category` is what a noun names, by the marks of the dictionary: topic where it has none.
    """

    text: str
    may_be_topic: bool
    category: str = "topic"


@lru_cache(maxsize=100_000)
def lemma(word: str) -> Lemma:
    """The lemma of a lower-case word; of a language that is not known, the word itself."""
    if _RUSSIAN.search(word):
        return _russian(word)
    text = _english(word) if _ENGLISH.fullmatch(word) else word
    says = not {text, word} & SAY_NOTHING
    return Lemma(text, may_be_topic=says and len(text) >= _SHORTEST)


def _russian(word: str) -> Lemma:
    with _loading:  # pymorphy3 does not promise to be safe for threads
        best = _analyzer().parse(word)[0]
    text = str(best.normal_form)
    is_topic = "NOUN" in best.tag and text not in SAY_NOTHING and len(text) >= _SHORTEST
    found = (category for mark, category in _CATEGORIES.items() if mark in best.tag)
    return Lemma(text, is_topic, next(found, "topic"))


@cache
def _analyzer() -> "MorphAnalyzer":
    from pymorphy3 import MorphAnalyzer  # noqa: PLC0415 - 23 MB that only a tagger needs

    return MorphAnalyzer(lang="ru")


def _english(word: str) -> str:
    import simplemma  # noqa: PLC0415 - see above

    return str(simplemma.lemmatize(word, lang="en"))
