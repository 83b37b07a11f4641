"""Which indexes there are, and which one answers: Qdrant where it is configured, else PostgreSQL."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from django.conf import settings

from events.outage import Outage
from search.closeness import Archive
from search.index.port import (
    Index,
    IndexRefused,
    IndexUnavailable,
    Match,
    Scope,
    VectorHit,
    VectorsUnavailable,
    WordHits,
    WritableIndex,
)
from search.index.postgresql.index import PostgresIndex
from search.index.qdrant.index import QdrantIndex
from search.query_terms import Query

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")


outage: Final = Outage()


def written() -> list[WritableIndex]:
    """Every index that is kept up to date; PostgreSQL always."""
    qdrant: list[WritableIndex] = [QdrantIndex()] if settings.QDRANT.configured else []
    return [PostgresIndex(), *qdrant]


def answering() -> "Answering":
    """The index for one search, which notes what did not work."""
    return Answering(QdrantIndex() if settings.QDRANT.configured else None)


class Answering:
    """
    Asks the first index, and PostgreSQL when it fails, for the rest of the search.

    `degraded` says in words what failed; empty where nothing did.
    """

    def __init__(self, first: Index | None) -> None:
        self._first = first
        self._postgresql = PostgresIndex()
        self.degraded: tuple[str, ...] = ()
        if first and outage.lasts:
            self._give_up(outage.reason)

    def by_words(self, query: Query, scope: Scope, *, limit: int) -> WordHits:
        return self._ask(lambda index: index.by_words(query, scope, limit=limit))

    def newest(self, query: Query, scope: Scope, *, limit: int) -> WordHits:
        return self._ask(lambda index: index.newest(query, scope, limit=limit))

    def by_meaning(
        self, query: Query, vector: Sequence[float], model: str, scope: Scope, *, limit: int
    ) -> list[VectorHit]:
        return self._ask(lambda index: index.by_meaning(query, vector, model, scope, limit=limit))

    def vectors_of(self, post_ids: Sequence[UUID], model: str) -> list[list[float]]:
        return self._ask(lambda index: index.vectors_of(post_ids, model))

    def archive(self, tenants: Sequence[UUID], model: str) -> Archive:
        return self._ask(lambda index: index.archive(tenants, model))

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
        return self._ask(
            lambda index: index.search_vectors(
                collection_name,
                query_vector,
                limit,
                filter_conditions,
                tenants=tenants,
                model=model,
            )
        )

    def _ask(self, ask: Callable[[Index], Answer]) -> Answer:
        if self._first is not None:
            try:
                return ask(self._first)
            except IndexUnavailable as error:
                outage.begin(str(error))
                self._give_up(str(error))
            except (IndexRefused, VectorsUnavailable) as error:
                self._give_up(str(error))
        return ask(self._postgresql)

    def _give_up(self, reason: str) -> None:
        logger.warning("PostgreSQL answers: %s", reason)
        self._first = None
        self.degraded = (f"PostgreSQL answers: {reason}",)
