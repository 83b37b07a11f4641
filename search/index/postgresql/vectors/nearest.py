"""Search by meaning: the nearest vectors among the posts that may be hits."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection

from search.index.port import Scope, VectorHit
from search.index.postgresql import planning
from search.index.postgresql.candidates.keys import Keys, Rows, of_sample
from search.index.postgresql.conditions import matching
from search.index.postgresql.vectors import vector_table
from search.query_terms import Filters, Query

_SEARCHED = 2
"""Neighbors that the index looks at before it stops, for each one that is asked for."""
_STEP = 1.2
"""A step through the index of vectors takes as long as to look up so many vectors and compare them."""
_STEPS = 4000
"""Steps that are worth taking: some 30 ms. Under conditions they decide how many posts are found."""
_ENOUGH = 0.25
"""The part of `limit` that has to be found under conditions: of 200 posts, five pages."""
_SAMPLED = 6
"""A 64th of the posts with a phrase is counted; the planner takes its words for independent."""
_HNSW = {
    # Of the nearest of all posts none may be allowed: the index goes on until enough are, or until
    # it is clear that few are, which are compared then.
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.max_scan_tuples": "8000",
}
Found = tuple[UUID, float]


def by_meaning(
    query: Query, vector: Sequence[float], model: str, scope: Scope, *, limit: int
) -> list[VectorHit]:
    """Return the nearest posts, raise VectorsUnavailable where there are no vectors."""
    vector_table.require()
    if not scope.tenants:
        return []
    if Filters() == scope.filters == scope.excluded and not (query.phrases or query.excluded):
        return nearest(vector, model, scope.tenants, limit=limit)
    rows = matching(scope, query)
    by_keys = Keys(scope).find(rows)
    return nearest(
        vector,
        model,
        scope.tenants,
        among=rows,
        by_keys=by_keys,
        limit=limit,
        enough=ceil(limit * _ENOUGH),
        at_least=_sampled(by_keys) if query.phrases else 0,
    )


def nearest(
    vector: Sequence[float],
    model: str,
    tenants: Sequence[UUID],
    *,
    among: Rows | None = None,
    by_keys: Rows | None = None,
    limit: int,
    enough: int | None = None,
    at_least: int = 0,
) -> list[VectorHit]:
    """
    Return the nearest of the posts of these tenants, or of some documents of theirs.

    `by_keys` are the same documents as `among`, found by their keys, and probably `at_least` so
    many. Where it saves time, only the `enough` nearest are found, by default `limit`.
    """
    wanted = _Wanted(vector, model, tenants, limit)
    least = limit if enough is None else enough
    with planning.settings(_HNSW | {"hnsw.ef_search": str(max(_SEARCHED * limit, 40))}):
        most = wanted.worth_finding(among, least=least, at_least=at_least)
        found = wanted.by_index(among, most) if most else []
        if len(found) < min(least, limit):
            found = wanted.by_comparison(by_keys if among is not None else None)
    return [VectorHit(post_id, distance) for post_id, distance in sorted(found, key=_order)]


def _sampled(rows: Rows) -> int:
    """How many documents there are, by a sample."""
    try:
        return of_sample(rows, _SAMPLED).count() << _SAMPLED
    except EmptyResultSet:
        return 0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The nearest `limit` posts of some tenants, to be found in one of two ways."""

    vector: Sequence[float]
    model: str
    tenants: Sequence[UUID]
    limit: int

    def worth_finding(self, among: Rows | None, *, least: int, at_least: int) -> int:
        """
        How many posts to find by a walk through the index of vectors; 0 if to compare all is faster.

        The index knows neither conditions nor tenants. Where a share of all posts may be hits, it
        makes a step for each and as many for others, and comparing takes as long as there are such posts.
        """
        rows, parameters = _vectors(self.model, self.tenants, among)
        expected = planning.expected_rows(f"SELECT 1 {rows}", parameters)
        expected = max(expected, at_least, 1)
        share = expected / max(planning.rows_in("search_vectors"), expected)
        most = min(self.limit, max(least, int(_STEPS * share)))
        return 0 if expected <= _STEP * most / share else most

    def by_index(self, among: Rows | None, limit: int | None = None) -> list[Found]:
        with planning.settings(planning.WALK):
            return self._rows("{distance}", among, limit or self.limit)

    def by_comparison(self, among: Rows | None) -> list[Found]:
        # An expression that the index does not have.
        return self._rows("({distance}) + 0", among, self.limit)

    def _rows(self, order: str, among: Rows | None, limit: int) -> list[Found]:
        size = len(self.vector)
        distance = order.format(distance=f"vector::halfvec({size}) <=> %s::halfvec({size})")
        rows, parameters = _vectors(self.model, self.tenants, among)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT post_id, {distance} AS distance {rows} ORDER BY distance LIMIT %s",
                [vector_table.as_text(self.vector), *parameters, limit],
            )
            rows_found: list[Found] = cursor.fetchall()
        return rows_found


def _vectors(model: str, tenants: Sequence[UUID], among: Rows | None) -> tuple[str, list[Any]]:
    """The vectors that are compared, from FROM on."""
    rows = (
        f"FROM search_vectors WHERE model = {vector_table.literal(model)} AND tenant_id = ANY(%s)"
    )
    if among is None:
        return rows, [list(tenants)]
    allowed, parameters = among.values("pk").query.sql_with_params()
    return f"{rows} AND post_id IN ({allowed})", [list(tenants), *parameters]


def vectors_of(post_ids: Sequence[UUID], model: str) -> list[list[float]]:
    """The vectors of those of the posts that have one, in the order of the posts."""
    vector_table.require()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT vector::text FROM unnest(%s::uuid[]) WITH ORDINALITY AS asked (post_id, n)"
            " JOIN search_vectors USING (post_id) WHERE model = %s ORDER BY n",
            [list(post_ids), model],
        )
        return [json.loads(row[0]) for row in cursor.fetchall()]


def _order(row: Found) -> tuple[float, str]:
    return row[1], str(row[0])
