"""
The adapter of the port `Index` for Qdrant.

What it finds is looked up in PostgreSQL before it is shown: a post that is gone, has been edited,
or belongs to another tenant is left out, whatever Qdrant says. What Qdrant cannot do (phrases,
excluded words) PostgreSQL answers, as fully as ever.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from events.sentences import Sentence, gettext_noop
from search.closeness import Archive
from search.embeddings import chosen
from search.index.collection import require_collection
from search.index.entry import Entry, Space
from search.index.port import (
    IndexOutdated,
    IndexRefused,
    Match,
    Scope,
    VectorHit,
    VectorsUnavailable,
    WordHits,
)
from search.index.postgresql.conditions import matching
from search.index.postgresql.index import PostgresIndex
from search.index.qdrant import collections, points, ranking
from search.index.qdrant.client import answering, client, models
from search.index.qdrant.collection import Collection
from search.index.qdrant.completeness import require_complete
from search.index.qdrant.conditions import can_answer, of_scope, of_tenants
from search.query.filters.qdrant import qdrant_filter
from search.query.filters.read import read_filters
from search.query_terms import Query

MORE: Final = 20
"""Points asked for beyond the limit, in place of those that are gone or outdated."""
Found = TypeVar("Found")
_CHANGING: Final = Sentence(
    gettext_noop(
        "%(model)s serves until all posts have a vector of %(wanted)s, and Qdrant gets those of the"
        " latter only: `manage.py rebuild_index` does both"
    )
)


class QdrantIndex:
    name = "qdrant"

    def __init__(self) -> None:
        self._postgresql = PostgresIndex()

    def by_words(self, query: Query, scope: Scope, *, limit: int) -> WordHits:
        if not scope.tenants or not can_answer(query, scope):
            return self._postgresql.by_words(query, scope, limit=limit)
        found = ranking.by_words(_complete(), query, scope, limit=limit + MORE)
        hits = _standing(found.hits, lambda hit: hit.post_id, query, scope, limit=limit)
        return WordHits(hits, found.replaced, found.lexemes)

    def newest(self, query: Query, scope: Scope, *, limit: int) -> WordHits:
        if not scope.tenants or not can_answer(query, scope):
            return self._postgresql.newest(query, scope, limit=limit)
        found = ranking.newest(_complete(), scope, limit=limit + MORE)
        return WordHits(_standing(found, lambda hit: hit.post_id, query, scope, limit=limit))

    def by_meaning(
        self, query: Query, vector: Sequence[float], model: str, scope: Scope, *, limit: int
    ) -> list[VectorHit]:
        if not scope.tenants or not can_answer(query, scope):
            return self._postgresql.by_meaning(query, vector, model, scope, limit=limit)
        _require_kept_up(model)
        found = _nearest(vector, model, of_scope(scope), limit=limit + MORE)
        hits = [VectorHit(UUID(str(one.id)), 1 - one.score) for one in found]
        hits.sort(key=lambda hit: (hit.distance, str(hit.post_id)))
        return _standing(hits, lambda hit: hit.post_id, query, scope, limit=limit)

    def vectors_of(self, post_ids: Sequence[UUID], model: str) -> list[list[float]]:
        if not post_ids:
            return []
        _require_kept_up(model)
        found = Collection(collections.require_serving()).vectors(post_ids, model)
        return [found[post_id] for post_id in post_ids if post_id in found]

    def archive(self, tenants: Sequence[UUID], model: str) -> Archive:
        """PostgreSQL's, which has the same vectors; else, without its extension, of this one."""
        try:
            known = self._postgresql.archive(tenants, model)
        except VectorsUnavailable:
            known = Archive()
        if known.posts or not tenants:
            return known
        return Collection(collections.require_serving()).archive(tenants, model)

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
        asked = qdrant_filter(read_filters(filter_conditions))
        if not tenants:
            return []
        _require_kept_up(model)
        asked["must"].insert(0, of_tenants(tenants))
        found = _nearest(query_vector, model, asked, limit=limit + MORE, with_payload=True)
        matches = [Match(UUID(str(one.id)), one.score, points.shown(one.payload)) for one in found]
        scope = Scope(tuple(tenants))
        return _standing(matches, lambda one: one.post_id, Query(), scope, limit=limit)

    def upsert(self, entries: Sequence[Entry], *, now: datetime) -> int:
        """Write to each collection; returns how many points of the last one differed."""
        changed = [Collection(name).upsert(entries) for name in collections.every()]
        return changed[-1] if changed else 0

    def delete(self, post_ids: Sequence[UUID]) -> None:
        for name in collections.every():
            Collection(name).delete(post_ids)

    def fingerprints(self, post_ids: Sequence[UUID], space: Space | None) -> dict[UUID, str]:
        return Collection(collections.require_serving()).fingerprints(post_ids)

    def expected(self, entries: Sequence[Entry], space: Space | None) -> dict[UUID, str]:
        return {entry.post_id: points.expected(entry, space) for entry in entries}

    def ids(self, tenant: UUID, *, after: UUID | None, limit: int) -> list[UUID]:
        name = collections.require_serving()
        return Collection(name).ids(tenant, after=after, limit=limit)

    def count(self, tenant: UUID) -> int:
        return Collection(collections.require_serving()).count(tenant)

    def known_vectors(self, texts: Mapping[UUID, str], space: Space) -> dict[str, list[float]]:
        name = collections.serving()
        if name is None or not texts or not collections.has_vectors(name, space):
            return {}
        return Collection(name).known_vectors(texts, space)

    def rebuild(self, space: Space | None) -> "Building":
        """Go on with the collection that was begun, if its vectors are of this model."""
        now = collections.serving()
        begun = [name for name in collections.every() if name != now]
        usable = [n for n in begun if space is None or collections.has_vectors(n, space)]
        for name in set(begun) - set(usable[-1:]):
            collections.drop(name)
        return Building(usable[-1] if usable else collections.create(space))


class Building:
    """A collection that is filled while the one before serves."""

    def __init__(self, name: str) -> None:
        self.collection = Collection(name)

    def upsert(self, entries: Sequence[Entry], *, now: datetime) -> int:
        return self.collection.upsert(entries)

    def missing(self, post_ids: Sequence[UUID]) -> list[UUID]:
        return self.collection.missing(post_ids)

    def delete(self, post_ids: Sequence[UUID]) -> None:
        self.collection.delete(post_ids)

    def ids(self, *, after: UUID | None, limit: int) -> list[UUID]:
        """Ids of all tenants."""
        return self.collection.ids(None, after=after, limit=limit)

    def finish(self) -> None:
        collections.let_serve(self.collection.name)


def _complete() -> str:
    """The collection that serves; raises IndexUnavailable, and IndexOutdated where it lacks posts."""
    name = collections.require_serving()
    require_complete(name)
    return name


def _require_kept_up(model: str) -> None:
    """
    Raise VectorsUnavailable for a model that is not the one of the settings: posts that are new or
    changed have no vector of it in Qdrant, while PostgreSQL keeps both.
    """
    if chosen.configured() and model != (wanted := chosen.encoder().name):
        raise VectorsUnavailable(_CHANGING % {"model": model, "wanted": wanted})


def _nearest(
    vector: Sequence[float],
    model: str,
    asked: dict[str, Any],
    *,
    limit: int,
    with_payload: bool = False,
) -> Any:
    name, space = _complete(), Space(model, len(vector))
    try:
        with answering():
            return (
                client()
                .query_points(
                    name,
                    query=list(vector),
                    using=points.meaning(space),
                    query_filter=models().Filter(**asked),
                    limit=limit,
                    with_payload=with_payload,
                )
                .points
            )
    except IndexRefused as error:
        if collections.has_vectors(name, space):
            raise
        raise VectorsUnavailable(
            f"Qdrant has no vectors of {model}: `manage.py rebuild_index` makes them"
        ) from error


def _standing(
    hits: Iterable[Found],
    post_id: Callable[[Found], UUID],
    query: Query,
    scope: Scope,
    *,
    limit: int,
) -> list[Found]:
    """
    The first hits that are in PostgreSQL, too, and fulfil the conditions there.

    Raises IndexOutdated where so many are not that others, which Qdrant did not come to, are lacking.
    """
    listed = list(hits)
    rows = matching(scope, query).filter(pk__in=list(map(post_id, listed)))
    standing = set(rows.values_list("pk", flat=True))
    found = [hit for hit in listed if post_id(hit) in standing]
    if len(found) < limit and len(listed) >= limit + MORE:
        raise IndexOutdated(
            f"of {len(listed)} posts that Qdrant found, {len(listed) - len(found)} are not in the"
            " archive, or not like that: `manage.py verify_projections --repair` brings it in line"
        )
    return found[:limit]
