"""
Search by words: candidates from the index of words, ranked like BM25 by PostgreSQL's own function.

A word counts by its inverse document frequency times `ts_rank(…, 1)` of that word alone, which
grows ever less with each further occurrence and is divided by 1 + the logarithm of the length.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from search.index.port import Scope, WordHit, WordHits
from search.index.postgresql import planning
from search.index.postgresql.candidates.keys import Keys, carrying, only
from search.index.postgresql.candidates.ranked import newest_of, ranked
from search.index.postgresql.candidates.selection import (
    Selection,
    any_word,
    having,
    part_of_the_words,
)
from search.index.postgresql.candidates.weeks import Week, newest_first, take, weeks_of
from search.index.postgresql.conditions import matching
from search.index.postgresql.vocabulary import Term, meant_by, replaced_of, terms_of
from search.models import SearchDocument
from search.query_terms import Query

CANDIDATES = 1000
"""Posts that are ranked. Where more have a common word, the newest of them are."""
_ENOUGH = CANDIDATES // 2
"""Posts with half of the words, from which on posts with a smaller part are not looked at."""
_PART, _PAIR = 0.5, 2
_READ = 3 * CANDIDATES
"""Posts of which the newest are found by reading all: looking for weeks costs as much."""
_FURTHER = 4, 32
"""How many times as many posts are looked at next, at least and at most."""
Row = tuple[Any, ...]
"""Id, date, score, candidates of which this is one, #tags of the query, a rank for each term."""


def by_words(query: Query, scope: Scope, *, limit: int) -> WordHits:
    """Return the best hits by words; those that carry a #tag of the query come first."""
    with planning.settings():
        words = (*query.words, *query.phrases, *query.tags)
        asked = terms_of(words, scope.tenants) if scope.tenants else []
        terms = [term for term in asked if term.lexemes]
        if not terms and not query.tags:
            return WordHits()
        rows = {row[0]: row for row in _Ranked(terms, query, scope, limit).rows()}
    best = sorted(rows.values(), key=_order)[:limit]
    whole = sum(term.weight for term in asked)
    lexemes = tuple(lexeme for term in terms for lexeme in term.lexemes)
    hits = [_hit(row, terms, whole) for row in best]
    return WordHits(hits, replaced_of(terms), lexemes, meant_by(terms))


def newest(query: Query, scope: Scope, *, limit: int) -> WordHits:
    """
    Return the newest of the posts that may be hits.

    Where many are, going through all posts by date soon meets enough of them; where few are, they
    are found by their keys. The planner takes a key for a further condition and knows less.
    """
    if not scope.tenants:
        return WordHits()
    rows = matching(scope, query)
    with planning.settings():
        expected = planning.expected_rows(*rows.values("pk").query.sql_with_params())
        if expected**2 < limit * planning.rows_in("search_documents"):
            rows = Keys(scope).find(rows)
        ids = list(rows.order_by("-posted_at", "pk").values_list("pk", flat=True)[:limit])
    return WordHits([WordHit(post_id, score=0.0) for post_id in ids])


def _order(row: Row) -> tuple[int, float, float, UUID]:
    post_id, posted_at, score, _, carried, *_ = row
    return -len(carried), -score, -posted_at.timestamp(), post_id


def _hit(row: Row, terms: Sequence[Term], whole: float) -> WordHit:
    post_id, _, score, _, tags, *ranks = row
    matched = [term for term, rank in zip(terms, ranks, strict=True) if rank > 0]
    return WordHit(
        post_id,
        score,
        coverage=sum(term.weight for term in matched) / whole if whole else 1.0,
        words=tuple(dict.fromkeys([term.word for term in matched])),
        tags=tuple(tags),
    )


@dataclass(frozen=True, slots=True)
class _Best:
    """The best rows of some candidates, and how many candidates these were."""

    rows: list[Row] = field(default_factory=list)
    of: int = 0

    def __add__(self, other: "_Best") -> "_Best":
        return _Best(self.rows + other.rows, self.of + other.of)


class _Ranked:
    """
    The candidates of a query, ranked: however big the archive is, a bounded number of them.

    All posts with a rare word; the newest with a tag; and the newest with half of the query's
    common words, or both of two; or, if those are few, with any of them.
    """

    def __init__(self, terms: Sequence[Term], query: Query, scope: Scope, limit: int) -> None:
        self.terms, self.tags, self.limit = terms, list(query.tags), limit
        self.allowed, self.scope, self.keys = matching(scope, query), scope, Keys(scope)
        self._weeks: list[Week] | None = None

    def rows(self) -> list[Row]:
        """The best `limit` of each choice; a post may come twice."""
        rare = [term for term in self.terms if term.posts <= CANDIDATES // len(self.terms)]
        common = [term for term in self.terms if term not in rare]
        best = self._rank(self._having(any_word(rare))) if rare else _Best()
        if self.tags:
            where, parameters = carrying(self.tags)
            tagged = only(self.allowed, where, parameters=parameters)
            best += self._newest(tagged, self._share_of_tags())
        return (best + self._common(common)).rows if common else best.rows

    def _common(self, terms: Sequence[Term]) -> _Best:
        some, best = any_word(terms), _Best()
        if len(terms) > 1 and sum(term.posts for term in terms) > CANDIDATES:
            # Each of two words may be half of the query, so that is no choice.
            most = part_of_the_words(terms, _PART if len(terms) > _PAIR else 1.0)
            best = self._newest(self._having(most), most.share)
        if best.of < _ENOUGH:
            best += self._newest(self._having(some), some.share)
        return best

    def _newest(self, chosen: QuerySet[SearchDocument], share: float) -> _Best:
        """
        Go back in time until there are enough candidates, each time several times as far.

        `share` is how many of all posts are probably chosen. Of so many weeks all chosen posts are
        read and nothing else, which is what an index by date alone cannot do.
        """
        weeks, wanted = self._all_weeks(), 2 * CANDIDATES / max(share, 1e-9)
        if share * sum(week.posts for week in weeks) <= _READ:
            return self._rank(chosen)
        best = _Best()
        while weeks and best.of < CANDIDATES // 2:
            some, weeks = take(weeks, posts=wanted)
            best += self._rank(chosen, weeks=(some[-1].number, some[0].number))
            wanted = sum(week.posts for week in some) * _further(best.of)
        return best

    def _all_weeks(self) -> list[Week]:
        if self._weeks is None:
            dated = weeks_of(self.scope.filters)
            self._weeks = newest_first(self.scope.tenants, dated)
        return self._weeks

    def _share_of_tags(self) -> float:
        """The share of all posts that the planner expects to have a tag of the query."""
        rows = SearchDocument.objects.filter(tenant__in=self.scope.tenants)
        tagged = rows.filter(tags__overlap=self.tags).values("pk")
        expected = planning.expected_rows(*tagged.query.sql_with_params())
        return min(1.0, expected / max(1, sum(week.posts for week in self._all_weeks())))

    def _having(self, selection: Selection) -> QuerySet[SearchDocument]:
        where, parameters = having(selection)
        return only(self.allowed, where, parameters=parameters)

    def _rank(
        self, rows: QuerySet[SearchDocument], *, weeks: tuple[int, int] | None = None
    ) -> _Best:
        """The best `limit` of the newest `CANDIDATES` of `rows`."""
        rows = self.keys.find(rows, weeks=weeks)
        sql, parameters = ranked(
            self.terms, self.tags, newest_of(rows, CANDIDATES), limit=self.limit
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            found = cursor.fetchall()
        return _Best(found, found[0][3] if found else 0)


def _further(found: int) -> float:
    least, most = _FURTHER
    return min(max((CANDIDATES - found) / max(found, 1), least), most)
