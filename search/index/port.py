"""The port of the index: what it is given, and what it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from search.closeness import Archive
from search.index.entry import Entry, Space
from search.query_terms import Filters, Query


class VectorsUnavailable(Exception):
    """The index has no vectors; the message says why and is shown to people."""


class IndexUnavailable(Exception):
    """The index does not answer, or holds no posts; the message has a remedy and is shown to people."""


class IndexRefused(Exception):
    """The index did not take what it was given; asking again leads to the same."""


class IndexOutdated(IndexRefused):
    """The index is so far from the archive that an answer would lack posts, as after a restore."""


@dataclass(frozen=True, slots=True)
class Scope:
    """
    Where is looked: in the posts of these tenants that fulfil the filters.

    Of `excluded`, each single value excludes the posts that have it; it has no `posted_from` and
    `posted_before`. Without tenants nothing is found: there is no scope that means every tenant.
    """

    tenants: tuple[UUID, ...]
    filters: Filters = field(default_factory=Filters)
    excluded: Filters = field(default_factory=Filters)

    @property
    def has_conditions(self) -> bool:
        return Filters() != self.filters or Filters() != self.excluded


@dataclass(frozen=True, slots=True)
class WordHit:
    """
    A post found by words: its score, the words of the query it has, the #tags it carries.

    `coverage` is the part of the query that those words are, 0 to 1, rare words counting more.
    """

    post_id: UUID
    score: float
    coverage: float = 1.0
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WordHits:
    """
    The best hits by words, and how the query was read.

    `replaced` has words for which others were looked for, too, by the word as typed; `lexemes`
    are all stems that were looked for; `meant` has the words that were typed in the other layout of
    the keyboard, as they were meant.
    """

    hits: Sequence[WordHit] = ()
    replaced: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lexemes: tuple[str, ...] = ()
    meant: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VectorHit:
    """A post found by meaning; `distance` is the cosine distance, 0 to 2."""

    post_id: UUID
    distance: float


@dataclass(frozen=True, slots=True)
class Match:
    """A post found by `search_vectors`: cosine similarity, -1 to 1, and its payload (CONTRACT §12.1)."""

    post_id: UUID
    score: float
    payload: dict[str, Any]


class Index(Protocol):
    """
    Finds posts. The hits are the best `limit`, best first, equal ones newest first.

    `newest` is for queries that have conditions and nothing to look for. `by_meaning` raises VectorsUnavailable where there are none.
    `archive` is the mean of a sample of the tenants' vectors, the same one as long as posts are.

    `search_vectors` is the call of the seed, with the typed filters of `search.query.filters`: raises
    FilterRefused for what is no filter, or for another collection than `telegram_posts` (or how else
    QDRANT_COLLECTION calls it). `tenants` are no filter that may be left out: without any, nothing
    is found. `model` is the encoder's that made the vector.

    Each method may raise IndexUnavailable and IndexRefused.
    """

    def by_words(self, query: Query, scope: Scope, *, limit: int) -> WordHits: ...

    def newest(self, query: Query, scope: Scope, *, limit: int) -> WordHits: ...

    def by_meaning(
        self, query: Query, vector: Sequence[float], model: str, scope: Scope, *, limit: int
    ) -> list[VectorHit]: ...

    def vectors_of(self, post_ids: Sequence[UUID], model: str) -> list[list[float]]: ...

    def archive(self, tenants: Sequence[UUID], model: str) -> Archive: ...

    def search_vectors(
        self,
        collection_name: str,
        query_vector: Sequence[float],
        limit: int = 10,
        filter_conditions: Mapping[str, Any] | None = None,
        *,
        tenants: Sequence[UUID],
        model: str,
    ) -> list[Match]: ...


class Target(Protocol):
    """
    Where posts are written.

    `upsert` writes what differs, in one request, and returns how many differed. `delete` forgets
    posts, those too that it never knew.
    """

    def upsert(self, entries: Sequence[Entry], *, now: datetime) -> int: ...

    def delete(self, post_ids: Sequence[UUID]) -> None: ...


class Rebuild(Target, Protocol):
    """An index that is built anew while the one before serves; `finish` lets it serve instead."""

    def missing(self, post_ids: Sequence[UUID]) -> list[UUID]: ...

    def ids(self, *, after: UUID | None, limit: int) -> list[UUID]: ...

    def finish(self) -> None: ...


class WritableIndex(Index, Target, Protocol):
    """
    The half of the port that writes.

    `fingerprints` are of what is stored, to be compared with the `expected` ones of what should be;
    both are of vectors too, unless `space` is None. `ids` are a
    tenant's, in order of the id, after `after`. `known_vectors` are those that need not be made
    again, by hash of the text; it is asked with the hash of each post's text. Each method may raise
    IndexUnavailable and IndexRefused.
    """

    name: str

    def fingerprints(self, post_ids: Sequence[UUID], space: Space | None) -> dict[UUID, str]: ...

    def expected(self, entries: Sequence[Entry], space: Space | None) -> dict[UUID, str]: ...

    def ids(self, tenant: UUID, *, after: UUID | None, limit: int) -> list[UUID]: ...

    def count(self, tenant: UUID) -> int: ...

    def known_vectors(self, texts: Mapping[UUID, str], space: Space) -> dict[str, list[float]]: ...

    def rebuild(self, space: Space | None) -> Rebuild: ...
