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

    Without tenants nothing is found: there is no scope that means every tenant.
    """

    tenants: tuple[UUID, ...]
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, slots=True)
class WordHit:
    """A post found by words: its score, the words of the query it has, the #tags it carries."""

    post_id: UUID
    score: float
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WordHits:
    """
    The best hits by words, and words of the query that were looked for in another form.

    `replaced` has, by the word as typed, what was found in its place.
    """

    hits: Sequence[WordHit] = ()
    replaced: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VectorHit:
    """A post found by meaning; `distance` is the cosine distance, 0 to 2."""

    post_id: UUID
    distance: float


class Index(Protocol):
    """
    Finds posts. The hits are the best `limit`, best first, equal ones newest first.

    `by_meaning` raises VectorsUnavailable where there are none.
    """

    def by_words(self, query: Query, scope: Scope, *, limit: int) -> WordHits: ...

    def by_meaning(
        self, query: Query, vector: Sequence[float], model: str, scope: Scope, *, limit: int
    ) -> list[VectorHit]: ...
