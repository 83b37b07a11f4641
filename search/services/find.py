"""Search: by words and by meaning, fused, explained, and bound to what the user may see."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from uuid import UUID

from django.utils import timezone

from accounts import time_zones
from accounts.access import User, tenants_of
from search.embeddings.port import EncoderUnavailable
from search.fusion import FEEDBACK, WINDOW, reciprocal_ranks, towards
from search.index.port import Index, Scope, VectorHit, VectorsUnavailable, WordHit
from search.index.postgresql.index import PostgresIndex
from search.query.problems import Problem
from search.query_terms import Filters, Query
from search.services import asked
from search.services.meaning import query_vector
from search.services.meaning.query_vector import AskedVector

logger = logging.getLogger(__name__)

_index: Index = PostgresIndex()
_FIRST_LOOK = 5 * FEEDBACK
"""Nearest posts of which, with those found by words, the best are chosen that pull the query."""


@dataclass(frozen=True, slots=True)
class Hit:
    """
    A post that was found, and why.

    `words` are those of the query that it has, `tags` the #tags of the query that it carries,
    `distance` is the cosine distance of its meaning, None where meaning did not find it.
    """

    post_id: UUID
    score: float
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """
    The hits of one page. `found` counts all that pages can reach, at most twice `WINDOW`.

    `replaced` has words of the query for which others were looked for, too; `lexemes` are all stems
    that were looked for, for highlighting. `degraded` says in words
    what did not work; empty where everything did. `problems` are those of the text that was read.
    """

    hits: tuple[Hit, ...] = ()
    found: int = 0
    replaced: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lexemes: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def search(user: User, text: str, *, limit: int = 10, offset: int = 0) -> Hits:
    """
    Find posts that `user` may see, by a text in the query language.

    Pages of one query fit together, see `fusion.WINDOW`.
    """
    tenants = tuple(tenants_of(user).values_list("pk", flat=True))
    zone = time_zones.find(getattr(user, "time_zone", ""))
    return find_text(text, tenants, zone=zone, limit=limit, offset=offset)


def find_text(
    text: str,
    tenants: Sequence[UUID],
    *,
    zone: tzinfo | None = None,
    limit: int,
    offset: int = 0,
) -> Hits:
    """
    Find posts of `tenants`; for those who have asked `accounts.access` already.

    Dates are those of `zone`, by default of the current one.
    """
    zone = zone or timezone.get_current_timezone()
    read = asked.read(text, tenants, now=timezone.now(), zone=zone)
    found = find(read.query, read.scope, limit=limit, offset=offset)
    return replace(found, problems=read.problems)


def find(query: Query, scope: Scope, *, limit: int, offset: int = 0) -> Hits:
    """Find posts in `scope`; with conditions alone, the newest that fulfil them."""
    if not scope.tenants:
        return Hits()
    retrieve = _index.by_words if query.text or not _has_conditions(query, scope) else _index.newest
    by_words = retrieve(query, scope, limit=WINDOW)
    by_meaning, degraded = _by_meaning(query, scope, by_words.hits)
    ranked = fuse(by_words.hits, by_meaning)
    return Hits(
        hits=tuple(ranked[offset : offset + limit]),
        found=len(ranked),
        replaced=by_words.replaced,
        lexemes=by_words.lexemes,
        degraded=degraded,
    )


def _has_conditions(query: Query, scope: Scope) -> bool:
    return bool(query.excluded) or Filters() != scope.filters or Filters() != scope.excluded


def _by_meaning(
    query: Query, scope: Scope, by_words: Sequence[WordHit]
) -> tuple[list[VectorHit], tuple[str, ...]]:
    if not query.text:
        return [], ()
    try:
        asked_vector = query_vector.encoded(query.text, scope.tenants)
        found = _nearest(query, asked_vector, scope, by_words)
    except (EncoderUnavailable, VectorsUnavailable) as error:
        logger.warning("Search by words only: %s", error)
        return [], (f"only by words: {error}",)
    return found, (asked_vector.note,) if asked_vector.note else ()


def _nearest(
    query: Query, by: AskedVector, scope: Scope, by_words: Sequence[WordHit]
) -> list[VectorHit]:
    """Look twice: the second time for what is near to the query and to the best posts of the first."""
    vector, model = by.vector, by.model
    first = _index.by_meaning(query, vector, model, scope, limit=_FIRST_LOOK)
    best = [hit.post_id for hit in fuse(by_words, first)[:FEEDBACK]]
    moved = towards(vector, _index.vectors_of(best, model))
    return _index.by_meaning(query, moved, model, scope, limit=WINDOW) if first else []


def fuse(by_words: Sequence[WordHit], by_meaning: Sequence[VectorHit]) -> list[Hit]:
    """
    One list of two, by reciprocal ranks; posts that carry a #tag of the query come first.

    Of equal ones the newer comes first: the lists have them in that order.
    """
    words = {hit.post_id: hit for hit in by_words}
    distances = {hit.post_id: hit.distance for hit in by_meaning}
    scores = reciprocal_ranks(
        [
            [(hit.post_id, hit.coverage) for hit in by_words],
            [(hit.post_id, 1.0) for hit in by_meaning],
        ]
    )
    hits = [_hit(post_id, score, words, distances) for post_id, score in scores.items()]
    places = {post_id: place for place, post_id in enumerate(words)}
    return sorted(hits, key=lambda hit: _order(hit, places))


def _hit(
    post_id: UUID, score: float, words: dict[UUID, WordHit], distances: dict[UUID, float]
) -> Hit:
    by_words = words.get(post_id)
    return Hit(
        post_id=post_id,
        score=score,
        words=by_words.words if by_words else (),
        tags=by_words.tags if by_words else (),
        distance=distances.get(post_id),
    )


def _order(hit: Hit, places: dict[UUID, int]) -> tuple[int, float, str]:
    if hit.tags:  # those are ordered by words alone: all of them are about the tag
        return -len(hit.tags), places[hit.post_id], ""
    return 0, -hit.score, str(hit.post_id)
