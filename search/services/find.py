"""Search: by words and by meaning, fused, explained, and bound to what the user may see."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from accounts.access import User, tenants_of
from search.embeddings.chosen import encoder
from search.embeddings.port import EncoderUnavailable
from search.fusion import WINDOW, reciprocal_ranks
from search.index.port import Index, Scope, VectorHit, VectorsUnavailable, WordHit
from search.index.postgresql.index import PostgresIndex
from search.query_terms import Query

logger = logging.getLogger(__name__)

_index: Index = PostgresIndex()


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

    `replaced` has words of the query for which others were looked for. `degraded` says in words
    what did not work; empty where everything did.
    """

    hits: Sequence[Hit] = ()
    found: int = 0
    replaced: dict[str, tuple[str, ...]] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()


def search(user: User, query: Query, *, limit: int = 10, offset: int = 0) -> Hits:
    """Find posts that `user` may see. Pages of one query fit together, see `fusion.WINDOW`."""
    scope = Scope(tuple(tenants_of(user).values_list("pk", flat=True)), query.filters)
    return find(query, scope, limit=limit, offset=offset)


def find(query: Query, scope: Scope, *, limit: int, offset: int = 0) -> Hits:
    """Find posts in `scope`; for those who have asked `accounts.access` already."""
    by_words = _index.by_words(query, scope, limit=WINDOW)
    by_meaning, degraded = _by_meaning(query, scope)
    ranked = fuse(by_words.hits, by_meaning)
    return Hits(ranked[offset : offset + limit], len(ranked), by_words.replaced, degraded)


def _by_meaning(query: Query, scope: Scope) -> tuple[list[VectorHit], tuple[str, ...]]:
    if not query.text or not scope.tenants:
        return [], ()
    try:
        [vector] = encoder().encode_queries([query.text])
        found = _index.by_meaning(query, vector, encoder().name, scope, limit=WINDOW)
    except (EncoderUnavailable, VectorsUnavailable) as error:
        logger.warning("Search by words only: %s", error)
        return [], (f"only by words: {error}",)
    return found, ()


def fuse(by_words: Sequence[WordHit], by_meaning: Sequence[VectorHit]) -> list[Hit]:
    """
    One list of two, by reciprocal ranks; posts that carry a #tag of the query come first.

    Of equal ones the newer comes first: the lists have them in that order.
    """
    words = {hit.post_id: hit for hit in by_words}
    distances = {hit.post_id: hit.distance for hit in by_meaning}
    scores = reciprocal_ranks([list(words), list(distances)])
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
