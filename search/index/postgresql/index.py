"""The adapter of the port `Index` for PostgreSQL."""

from collections.abc import Sequence
from uuid import UUID

from search.index.port import Scope, VectorHit, WordHits
from search.index.postgresql import nearest, ranking
from search.query_terms import Query


class PostgresIndex:
    def by_words(self, query: Query, scope: Scope, *, limit: int) -> WordHits:
        return ranking.by_words(query, scope, limit=limit)

    def newest(self, query: Query, scope: Scope, *, limit: int) -> WordHits:
        return ranking.newest(query, scope, limit=limit)

    def by_meaning(
        self, query: Query, vector: Sequence[float], model: str, scope: Scope, *, limit: int
    ) -> list[VectorHit]:
        return nearest.by_meaning(query, vector, model, scope, limit=limit)

    def vectors_of(self, post_ids: Sequence[UUID], model: str) -> list[list[float]]:
        return nearest.vectors_of(post_ids, model)
