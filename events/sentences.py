"""
Sentences with figures that are stored or logged in English and shown in the reader's language.

Outcomes of jobs, problems of imports and refusals are made where nobody reads, and told later in the
console. Their text alone is kept; a sentence that is known here is found in it again, with its figures.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Final

_PLACE: Final = re.compile(r"%\((\w+)\)s")
_WITHIN: Final = "(?:(?!: |; ).)+?"
"""Between the words of a sentence no other sentence begins; at its end anything may stand."""
_known: "list[Sentence]" = []

Translate = Callable[[str], str]


def gettext_noop(text: str) -> str:
    """Mark a text to be translated where it is shown; Django's would make pure modules depend on it."""
    return text


class Sentence:
    """
    An English sentence with places as `%(name)s`, which stand between words that it has of its own.

    Whoever makes one marks its text by `gettext_noop`, so that it is collected for translation.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        _known.append(self)

    def __mod__(self, figures: Mapping[str, object]) -> str:
        return self.text % figures

    @property
    def pattern(self) -> re.Pattern[str]:
        return _pattern_of(self.text)

    @property
    def weight(self) -> int:
        """How much it says itself: of two that fit, the one with more words is meant."""
        return len(_PLACE.sub("", self.text))


@cache
def _pattern_of(text: str) -> re.Pattern[str]:
    pieces = _PLACE.split(text)
    pieces[::2] = [re.escape(words.replace("%%", "%")) for words in pieces[::2]]
    last = len(pieces) - 2 if not pieces[-1] else None
    for at in range(1, len(pieces), 2):
        pieces[at] = f"(?P<{pieces[at]}>{'.+' if at == last else _WITHIN})"
    return re.compile("".join(pieces), re.DOTALL)


def retold(text: str, translate: Translate) -> str:
    """
    The text in the reader's language; what no sentence is known of stays as it is.

    Of several sentences each is looked for, as of what stands in their places, or behind a file's name.
    """
    if not text or (known := translate(text)) != text:
        return known if text else ""
    if found := _find(text):
        sentence, figures = found
        told = {name: retold(value, translate) for name, value in figures.items()}
        return translate(sentence.text) % told
    for mark in ("; ", ": "):
        first, _, rest = text.partition(mark)
        if rest:
            return f"{retold(first, translate)}{mark}{retold(rest, translate)}"
    return text


@lru_cache(maxsize=2000)
def _find(text: str) -> tuple[Sentence, dict[str, str]] | None:
    fitting = [(one, found) for one in _known if (found := one.pattern.fullmatch(text))]
    if not fitting:
        return None
    sentence, found = max(fitting, key=lambda one: one[0].weight)
    return sentence, found.groupdict()
