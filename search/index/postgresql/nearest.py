"""Search by meaning: the nearest vectors among the posts that may be hits."""

import json
from collections.abc import Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from search.index.port import Scope, VectorHit
from search.index.postgresql import vector_table
from search.index.postgresql.conditions import matching
from search.models import SearchDocument
from search.query_terms import Query

_SEARCHED = 200
"""Neighbors that the index looks at before it stops; at least as many as are asked for."""


def by_meaning(
    query: Query, vector: Sequence[float], model: str, scope: Scope, *, limit: int
) -> list[VectorHit]:
    """Return the nearest posts, raise VectorsUnavailable where there are no vectors."""
    vector_table.require()
    if not scope.tenants:
        return []
    return nearest(vector, model, scope.tenants, matching(scope, query), limit=limit)


def nearest(
    vector: Sequence[float],
    model: str,
    tenants: Sequence[UUID],
    among: QuerySet[SearchDocument],
    *,
    limit: int,
) -> list[VectorHit]:
    """Return the nearest of the posts of these documents."""
    allowed, parameters = among.values("pk").query.sql_with_params()
    size, text = len(vector), vector_table.as_text(vector)
    with transaction.atomic(), connection.cursor() as cursor:
        # Of the nearest of all posts none may be allowed: the index goes on until enough are.
        cursor.execute("SET LOCAL hnsw.iterative_scan = strict_order")
        cursor.execute(f"SET LOCAL hnsw.ef_search = {max(_SEARCHED, limit)}")
        cursor.execute(
            f"SELECT post_id, vector::halfvec({size}) <=> %s::halfvec({size}) AS distance"  # noqa: S608 - numbers, and SQL of the ORM
            f" FROM search_vectors WHERE model = {vector_table.literal(model)}"
            f" AND tenant_id = ANY(%s) AND post_id IN ({allowed})"
            " ORDER BY distance LIMIT %s",
            [text, list(tenants), *parameters, limit],
        )
        rows = cursor.fetchall()
    return [VectorHit(post_id, distance) for post_id, distance in sorted(rows, key=_order)]


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


def _order(row: tuple[object, float]) -> tuple[float, str]:
    return row[1], str(row[0])
