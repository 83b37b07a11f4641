"""Search by meaning: the nearest vectors among the posts that may be hits."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from search.index.port import Scope, VectorHit
from search.index.postgresql import planning, vector_table
from search.index.postgresql.conditions import matching
from search.index.postgresql.keys import with_keys
from search.models import SearchDocument
from search.query_terms import Filters, Query

_SEARCHED = 200
"""Neighbors that the index looks at before it stops; at least as many as are asked for."""
_COMPARED = 10_000
"""
Where fewer posts may be hits, each is compared. The index of vectors knows no conditions: for a
hundred posts of one in a hundred it would compare as many, and stop before it has a hundred.
"""


def by_meaning(
    query: Query, vector: Sequence[float], model: str, scope: Scope, *, limit: int
) -> list[VectorHit]:
    """Return the nearest posts, raise VectorsUnavailable where there are no vectors."""
    vector_table.require()
    if not scope.tenants:
        return []
    is_free = Filters() == scope.filters == scope.excluded and not (query.phrases or query.excluded)
    among = None if is_free else with_keys(matching(scope, query), scope)
    return nearest(vector, model, scope.tenants, among, limit=limit)


def nearest(
    vector: Sequence[float],
    model: str,
    tenants: Sequence[UUID],
    among: QuerySet[SearchDocument] | None,
    *,
    limit: int,
) -> list[VectorHit]:
    """Return the nearest of the posts of these tenants and documents; None are all documents."""
    size = len(vector)
    distance = f"vector::halfvec({size}) <=> %s::halfvec({size})"
    rows, parameters = _rows(model, tenants, among)
    with planning.settings(_hnsw(limit)), connection.cursor() as cursor:
        if planning.expected_rows(f"SELECT 1 {rows}", parameters) <= _COMPARED:
            # An expression that the index does not have: all rows are compared.
            distance = f"({distance}) + 0"
        cursor.execute(
            f"SELECT post_id, {distance} AS distance {rows} ORDER BY distance LIMIT %s",  # noqa: S608 - numbers, and SQL of the ORM
            [vector_table.as_text(vector), *parameters, limit],
        )
        found = cursor.fetchall()
    return [VectorHit(post_id, distance) for post_id, distance in sorted(found, key=_order)]


def _rows(
    model: str, tenants: Sequence[UUID], among: QuerySet[SearchDocument] | None
) -> tuple[str, list[Any]]:
    """The vectors that are compared, from FROM on."""
    rows = (
        f"FROM search_vectors WHERE model = {vector_table.literal(model)} AND tenant_id = ANY(%s)"
    )
    if among is None:
        return rows, [list(tenants)]
    allowed, parameters = among.values("pk").query.sql_with_params()
    return f"{rows} AND post_id IN ({allowed})", [list(tenants), *parameters]


def _hnsw(limit: int) -> dict[str, str]:
    return {
        # Of the nearest of all posts none may be allowed: the index goes on until enough are.
        "hnsw.iterative_scan": "strict_order",
        "hnsw.ef_search": str(max(_SEARCHED, limit)),
    }


def vectors_of(post_ids: Sequence[UUID], model: str) -> list[list[float]]:
    """The vectors of those of the posts that have one, in the order of the posts."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT vector::text FROM unnest(%s::uuid[]) WITH ORDINALITY AS asked (post_id, n)"
            " JOIN search_vectors USING (post_id) WHERE model = %s ORDER BY n",
            [list(post_ids), model],
        )
        return [json.loads(row[0]) for row in cursor.fetchall()]


def _order(row: tuple[object, float]) -> tuple[float, str]:
    return row[1], str(row[0])
