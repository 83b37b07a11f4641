"""
The query language: a text that a person typed becomes a `ParsedQuery`.

No text is refused. What is not a qualifier is words; a qualifier with a bad value is a problem,
and the rest is searched.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Any

from search.query.dates import Clock
from search.query.items import LISTS, MOMENTS, WORDS, Item, Kind
from search.query.parsed import Excluded, Filters, ParsedQuery
from search.query.printing import write
from search.query.problems import Problem, ProblemCode
from search.query.reading.characters import read_characters
from search.query.reading.tokens import Token, tokens_of
from search.query.reading.values import problem_of, read_qualifier
from search.query.reading.words import read_words

MOST_CHARS = 1000
"""Of the text, and of the canonical text, which may be longer: от: is two characters, from: five."""
MOST_ITEMS = 50


def parse(text: str, *, now: datetime, zone: tzinfo) -> ParsedQuery:
    """
    Read a query. `now` is aware; dates are those of the person's time zone.

    Takes any string, and no more than a few milliseconds for it.
    """
    text = text.rstrip()
    head = _cut(text)
    collected = _Collected(Clock(now, zone))
    for token in tokens_of(read_characters(head)):
        collected.add(token)
    if len(head) < len(text):
        collected.left_out(_rest(text, len(head)), ProblemCode.TOO_LONG, MOST_CHARS)
    return collected.query()


def _cut(text: str) -> str:
    """At most MOST_CHARS of the text, whole words where there are any."""
    if len(text) <= MOST_CHARS:
        return text
    head = text[: MOST_CHARS + 1]
    end = max((at for at, char in enumerate(head) if char.isspace()), default=0)
    return text[: end or MOST_CHARS]


def _rest(text: str, start: int) -> Token:
    rest = text[start : start + MOST_CHARS]
    chars = read_characters(rest)
    spaces = len(rest) - len(rest.lstrip())
    return Token("", chars.written(0, len(chars.text)), start + spaces, len(text))


class _Collected:
    """The items so far, in order, each once; and what was wrong."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._items: dict[Item, None] = {}
        self._problems: list[Problem] = []
        self._chars = 0
        self._full = False

    def add(self, token: Token) -> None:
        if self._full:
            return
        if not token.qualifier:
            self._keep(read_words(token), token)
        elif isinstance(found := read_qualifier(token, self._clock), Problem):
            self._problems.append(found)
        else:
            self._keep([found], token)
            self._warn_of_nothing(found, token)

    def _keep(self, items: Iterable[Item], token: Token) -> None:
        for item in items:
            chars = self._chars + len(write(item)) + 1
            if item in self._items or self._full:
                continue
            if len(self._items) == MOST_ITEMS:
                self.left_out(token, ProblemCode.TOO_MANY, MOST_ITEMS)
            elif chars > MOST_CHARS + 1:  # the last one has no space after it
                self.left_out(token, ProblemCode.TOO_LONG, MOST_CHARS)
            else:
                self._items[item] = None
                self._chars = chars

    def left_out(self, token: Token, code: ProblemCode, limit: int) -> None:
        if not self._full:
            self._problems.append(problem_of(token, code, limit=limit))
        self._full = True

    def _warn_of_nothing(self, item: Item, token: Token) -> None:
        """Say once that no date can fit."""
        start, end = self._moments()
        known = any(problem.code == ProblemCode.EMPTY_PERIOD for problem in self._problems)
        if item.kind in MOMENTS and start and end and start >= end and not known:
            self._problems.append(problem_of(token, ProblemCode.EMPTY_PERIOD))

    def query(self) -> ParsedQuery:
        start, end = self._moments()
        filters = Filters(**self._lists(negated=False), posted_from=start, posted_before=end)
        excluded = Excluded(
            **self._words(negated=True), filters=Filters(**self._lists(negated=True))
        )
        return ParsedQuery(
            **self._words(negated=False),
            excluded=excluded,
            filters=filters,
            problems=tuple(self._problems),
        )

    def _moments(self) -> tuple[datetime | None, datetime | None]:
        """All of `after:` and `before:` hold, so the latest and the earliest are what is left."""
        return (
            max(self._values(Kind.FROM), default=None),
            min(self._values(Kind.BEFORE), default=None),
        )

    def _words(self, *, negated: bool) -> dict[str, Any]:
        """The words in the order of the text, which an encoder understands."""
        return {kind.value: tuple(self._values(kind, negated=negated)) for kind in WORDS}

    def _lists(self, *, negated: bool) -> dict[str, Any]:
        """Sorted: the order of conditions means nothing."""
        return {kind.value: tuple(sorted(self._values(kind, negated=negated))) for kind in LISTS}

    def _values(self, kind: Kind, *, negated: bool = False) -> Iterator[Any]:
        return (item.value for item in self._items if item.kind == kind and item.negated == negated)
