"""
Facets: how many of the posts that a query finds are of each channel, tag, class and month.

Counted are the posts that fulfil the conditions and have words that weigh half of the query, or are
named by it; what only meaning finds is not counted, since every post is near to any query to some
degree. Exact up
to `COUNTED` posts; of more, a fixed sample is counted, and the figures are extrapolated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from math import ceil, log2
from typing import Final

from django.core.exceptions import EmptyResultSet
from django.db import connection

from search.index.port import Scope
from search.index.postgresql import planning
from search.index.postgresql.candidates.keys import SAMPLES, Keys, Rows, carrying, of_sample, only
from search.index.postgresql.candidates.selection import having, part_of_the_words
from search.index.postgresql.conditions import matching
from search.index.postgresql.vocabulary import terms_of
from search.query_terms import Query

COUNTED = 4000
"""
Posts that are counted one by one. A sample has half of them at least: what is a tenth of the posts
is right to within 14 % then, in 19 of 20 cases.
"""
_PART = 0.5
"""Of the query, that the words of a counted post weigh."""
_TRIED = 500
"""Posts of a first sample, which says how large the other may be."""


class Facet(StrEnum):
    CHANNEL = "channel"
    TAG = "tag"
    CLASS = "class"
    MONTH = "month"


MOST: Final = {Facet.CHANNEL: 10, Facet.TAG: 10, Facet.CLASS: 10, Facet.MONTH: 24}
"""Values that are given: the most frequent ones, of months the newest."""
_VALUES = {
    Facet.CHANNEL: "SELECT channel_id::text AS value FROM chosen",
    Facet.TAG: "SELECT unnest(tags) AS value FROM chosen",
    Facet.CLASS: "SELECT classification AS value FROM chosen WHERE classification <> ''",
    Facet.MONTH: "SELECT to_char(posted_at AT TIME ZONE %s, 'YYYY-MM') AS value FROM chosen",
}
_COLUMNS = ("channel_id", "tags", "classification", "posted_at")


def _counting(facet: Facet) -> str:
    order = "value DESC" if facet == Facet.MONTH else "posts DESC, value"
    return (
        f"SELECT '{facet}' AS facet, value, count(*) AS posts FROM ({_VALUES[facet]}) AS v"  # noqa: S608 - constants
        f" GROUP BY value ORDER BY {order} LIMIT {MOST[facet]}"
    )


_COUNT = {facet: _counting(facet) for facet in Facet}


@dataclass(frozen=True, slots=True)
class Counts:
    """
    How many posts there are, in all and by value of each facet.

    `exact` is false where they are extrapolated from a sample: then values of few posts may be
    missing. Values of channels are their ids; months are YYYY-MM.
    """

    posts: int = 0
    exact: bool = True
    values: Mapping[Facet, Sequence[tuple[str, int]]] = field(default_factory=dict)


def count(query: Query, scope: Scope, facets: Sequence[Facet], *, zone: tzinfo) -> Counts:
    """Count what a query finds; months are those of `zone`."""
    if not scope.tenants:
        return Counts(values=dict.fromkeys(facets, ()))
    with planning.settings():
        chosen = _chosen(query, scope)
        rows = Keys(scope).find(chosen)
        halvings = _halvings(_expected(chosen), rows)
        posts, values = _count(of_sample(rows, halvings) if halvings else rows, facets, str(zone))
    times = 2**halvings
    return Counts(
        posts=posts * times,
        exact=not halvings,
        values={
            facet: [(value, number * times) for value, number in values.get(facet, ())]
            for facet in facets
        },
    )


def _chosen(query: Query, scope: Scope) -> Rows:
    """The posts that are counted."""
    rows = matching(scope, query)
    if not query.has_words:
        return rows if query.excluded or scope.has_conditions else rows.none()
    terms = [term for term in terms_of((*query.words, *query.tags), scope.tenants) if term.lexemes]
    either = []
    if terms:
        either.append(having(part_of_the_words(terms, _PART)))
    if query.tags:
        either.append(carrying(query.tags))
    if query.named:
        either.append(("search_documents.post_id = ANY(%s)", [list(query.named)]))
    if not either:  # phrases alone are conditions, and words that no post has find none
        return rows if query.phrases and not query.words else rows.none()
    where = " OR ".join(sql for sql, _ in either)
    return only(rows, where, parameters=[value for _, values in either for value in values])


def _halvings(expected: int, rows: Rows) -> int:
    """How often the posts are halved until `COUNTED` are left; a small sample tells."""
    if expected <= COUNTED:
        return 0
    tried = min(SAMPLES, max(1, ceil(log2(expected / _TRIED))))
    sample = of_sample(rows, tried).values("pk")
    sql, parameters = sample.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({sql}) AS sample", parameters)  # noqa: S608 - SQL of the ORM
        [found] = cursor.fetchone()
    return min(SAMPLES, max(0, ceil(log2(max(1, found) * 2**tried / COUNTED))))


def _expected(chosen: Rows) -> int:
    """What the planner expects; without keys, which it would take for further conditions."""
    try:
        return planning.expected_rows(*chosen.values("pk").query.sql_with_params())
    except EmptyResultSet:
        return 0


def _count(
    rows: Rows, facets: Sequence[Facet], zone: str
) -> tuple[int, dict[Facet, list[tuple[str, int]]]]:
    try:
        sql, parameters = rows.values(*_COLUMNS).query.sql_with_params()
    except EmptyResultSet:
        return 0, {}
    parts = ["SELECT NULL AS facet, NULL AS value, count(*) AS posts FROM chosen"]
    parts += [f"({_COUNT[facet]})" for facet in facets]
    zones = [zone] * (Facet.MONTH in facets)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH chosen AS MATERIALIZED ({sql}) {' UNION ALL '.join(parts)}",
            [*parameters, *zones],
        )
        [(_, _, posts), *counted] = cursor.fetchall()
    values: dict[Facet, list[tuple[str, int]]] = {}
    for facet, value, number in counted:
        values.setdefault(Facet(facet), []).append((value, number))
    return posts, values
