"""The port of the index: what it is given, and what it finds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from search.query_terms import Filters, Query


class VectorsUnavailable(Exception):
    """The index has no vectors; the message says why and is shown to people."""


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
    are all stems that were looked for.
    """

    hits: Sequence[WordHit] = ()
    replaced: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lexemes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VectorHit:
    """A post found by meaning; `distance` is the cosine distance, 0 to 2."""

    post_id: UUID
    distance: float


class Index(Protocol):
    """
    Finds posts. The hits are the best `limit`, best first, equal ones newest first.

    `newest` is for queries that have conditions and nothing to look for. `by_meaning` raises VectorsUnavailable where there are none.
    """

    def by_words(self, query: Query, scope: Scope, *, limit: int) -> WordHits: ...

    def newest(self, query: Query, scope: Scope, *, limit: int) -> WordHits: ...

    def by_meaning(
        self, query: Query, vector: Sequence[float], model: str, scope: Scope, *, limit: int
    ) -> list[VectorHit]: ...

    def vectors_of(self, post_ids: Sequence[UUID], model: str) -> list[list[float]]: ...
