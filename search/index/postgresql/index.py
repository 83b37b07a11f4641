"""The adapter of the port `Index` for PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet

from search import sources
from search.closeness import Archive
from search.index.collection import require_collection
from search.index.entry import Entry, Space
from search.index.port import Match, Scope, VectorHit, WordHits
from search.index.postgresql import ranking, writing
from search.index.postgresql.typed import typed_rows
from search.index.postgresql.vectors import archive, nearest, vector_table
from search.models import SearchDocument
from search.payload import payload_of
from search.query.filters.read import read_filters
from search.query_terms import Query


class PostgresIndex:
    name = "postgresql"

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

    def archive(self, tenants: Sequence[UUID], model: str) -> Archive:
        return archive.sampled(tuple(tenants), model)

    def search_vectors(
        self,
        collection_name: str,
        query_vector: Sequence[float],
        limit: int = 10,
        filter_conditions: Mapping[str, Any] | None = None,
        *,
        tenants: Sequence[UUID],
        model: str,
    ) -> list[Match]:
        require_collection(collection_name)
        filters = read_filters(filter_conditions)
        vector_table.require()
        rows = typed_rows(SearchDocument.objects.filter(tenant__in=tenants).order_by(), filters)
        try:
            hits = nearest.nearest(
                query_vector, model, tenants, among=rows, by_keys=rows, limit=limit
            )
        except EmptyResultSet:  # no row can fulfil the conditions
            return []
        found = sources.read([hit.post_id for hit in hits], with_data=True)
        payloads = {one.post.pk: payload_of(one) for one in found}
        return [
            Match(hit.post_id, 1 - hit.distance, payloads[hit.post_id])
            for hit in hits
            if hit.post_id in payloads
        ]

    def upsert(self, entries: Sequence[Entry], *, now: datetime) -> int:
        changed = writing.upsert_documents(entries, now=now)
        if vector_table.exists():
            writing.upsert_vectors(entries)
        return len(changed)

    def delete(self, post_ids: Sequence[UUID]) -> None:
        """A trigger takes the vectors along."""
        SearchDocument.objects.filter(pk__in=post_ids).delete()

    def fingerprints(self, post_ids: Sequence[UUID], space: Space | None) -> dict[UUID, str]:
        return writing.fingerprints(post_ids, space if vector_table.exists() else None)

    def expected(self, entries: Sequence[Entry], space: Space | None) -> dict[UUID, str]:
        return writing.expected(entries, space if vector_table.exists() else None)

    def ids(self, tenant: UUID, *, after: UUID | None, limit: int) -> list[UUID]:
        rows = SearchDocument.objects.filter(tenant=tenant).order_by("pk")
        rows = rows.filter(pk__gt=after) if after else rows
        return list(rows.values_list("pk", flat=True)[:limit])

    def count(self, tenant: UUID) -> int:
        return SearchDocument.objects.filter(tenant=tenant).count()

    def known_vectors(self, texts: Mapping[UUID, str], space: Space) -> dict[str, list[float]]:
        if not vector_table.exists():
            return {}
        return writing.known_vectors(list(texts.values()), space.model)

    def rebuild(self, space: Space | None) -> "InPlace":
        return InPlace(self)


class InPlace:
    """The index is built anew where it stands: what is right is left, so that it serves meanwhile."""

    def __init__(self, index: PostgresIndex) -> None:
        self._index = index

    def upsert(self, entries: Sequence[Entry], *, now: datetime) -> int:
        return self._index.upsert(entries, now=now)

    def missing(self, post_ids: Sequence[UUID]) -> list[UUID]:
        there = SearchDocument.objects.filter(pk__in=post_ids).values_list("pk", flat=True)
        return list(set(post_ids) - set(there))

    def delete(self, post_ids: Sequence[UUID]) -> None:
        self._index.delete(post_ids)

    def ids(self, *, after: UUID | None, limit: int) -> list[UUID]:
        rows = SearchDocument.objects.order_by("pk")
        rows = rows.filter(pk__gt=after) if after else rows
        return list(rows.values_list("pk", flat=True)[:limit])

    def finish(self) -> None:
        pass
