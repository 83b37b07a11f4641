"""Search: by words and by meaning, fused, explained, and bound to what the user may see."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import time_zones
from accounts.access import User, tenants_of
from events.sentences import retold
from media.models import Post
from search.closeness import Closeness, alike
from search.embeddings import chosen
from search.embeddings.port import EncoderUnavailable
from search.fusion import FEEDBACK, WINDOW, towards
from search.index.chosen import Answering, answering
from search.index.port import Scope, VectorHit, VectorsUnavailable, WordHit, WordHits
from search.index.postgresql.conditions import matching
from search.query_terms import Query
from search.services import asked
from search.services.meaning import models_in_use, query_vector
from search.services.meaning.query_vector import AskedVector
from search.services.results import albums
from search.services.results.fused import fuse
from search.services.results.hits import Hit, Hits, by_meaning_alone

__all__ = ["Hit", "Hits", "find", "find_text", "fuse", "search"]

logger = logging.getLogger(__name__)

DEPTH = 2 * WINDOW
"""Candidates that are looked at for `WINDOW` of different albums."""
DEPTH_OF_NEWEST = 10 * WINDOW
"""Where conditions are all there is, every post of a channel may be of an album of ten."""
MOST_NAMED = 20
"""Posts of one number, which every channel may have."""
FIRST_LOOK = 5 * FEEDBACK
"""Nearest posts of which, with those found by words, the best are chosen that pull the query."""


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
    return replace(found, problems=read.problems, understood=read.canonical)


def find(query: Query, scope: Scope, *, limit: int, offset: int = 0) -> Hits:
    """Find posts in `scope`; with conditions alone, the newest that fulfil them."""
    if not scope.tenants:
        return Hits()
    index = answering()
    by_words = _by_words(index, query, scope)
    query = replace(query, words=tuple(by_words.meant.get(one, one) for one in query.words))
    by_meaning, degraded = _by_meaning(index, query, scope, by_words.hits)
    groups = albums.of(_ids(by_words.hits, by_meaning, query.named), scope)
    ranked = fuse(by_words.hits, by_meaning, groups)
    ranked = _named_first(query, scope, ranked, groups)
    page = ranked[offset : offset + limit]
    return Hits(
        hits=albums.with_matching(page, query, scope, by_words.lexemes),
        found=len(ranked),
        near=sum(map(by_meaning_alone, ranked)),
        is_nothing_near=bool(query.text) and not (by_meaning or degraded),
        replaced=by_words.replaced,
        lexemes=by_words.lexemes,
        degraded=(*index.degraded, *degraded),
    )


def nearest_to(post_ids: Sequence[UUID], scope: Scope) -> list[VectorHit]:
    """
    Find posts like the first of `post_ids` that has a vector, by meaning; it is among them.

    Empty where none has one. What is only nearer than the rest is left out. Raises EncoderUnavailable and VectorsUnavailable.
    """
    wanted = chosen.encoder()
    old = models_in_use.predecessor_of(wanted)
    model = old.name if old else wanted.name
    index = answering()
    vectors = index.vectors_of(post_ids, model)[:1]
    if not vectors:
        return []
    found = index.by_meaning(Query(), vectors[0], model, scope, limit=DEPTH)
    return alike(index.archive(scope.tenants, model), model, vectors[0], found)


def having_words(words: Sequence[str], scope: Scope) -> WordHits:
    """Find posts that have any of these words."""
    return answering().by_words(Query(words=tuple(words)), scope, limit=DEPTH)


def _by_words(index: Answering, query: Query, scope: Scope) -> WordHits:
    if query.has_words or not _has_conditions(query, scope):
        return index.by_words(query, scope, limit=DEPTH)
    return _newest(index, query, scope)


def _newest(index: Answering, query: Query, scope: Scope) -> WordHits:
    """Look further back only where albums leave too few: far back is many rows to look through."""
    found = index.newest(query, scope, limit=DEPTH)
    ids = [hit.post_id for hit in found.hits]
    if len(ids) < DEPTH or albums.count_of_hits(ids, scope) >= WINDOW:
        return found
    return index.newest(query, scope, limit=DEPTH_OF_NEWEST)


def _ids(
    by_words: Sequence[WordHit], by_meaning: Sequence[VectorHit], named: Sequence[UUID]
) -> list[UUID]:
    found = [hit.post_id for hit in by_words] + [hit.post_id for hit in by_meaning]
    return [*found, *named]


def _named_first(
    query: Query, scope: Scope, ranked: list[Hit], groups: Mapping[UUID, albums.Item]
) -> list[Hit]:
    """Put the posts that the query names before the others, if they fulfil its conditions."""
    if not query.named:
        return ranked
    allowed = _allowed(query, scope)
    named = [pk for pk in query.named if pk in allowed][:MOST_NAMED]
    return albums.put_first(named, ranked, groups)


def _allowed(query: Query, scope: Scope) -> set[UUID]:
    """The named posts that may be hits; without conditions also one not indexed yet."""
    if query.phrases or _has_conditions(query, scope):
        documents = matching(scope, query).filter(pk__in=query.named)
        return set(documents.values_list("pk", flat=True))
    posts = Post.objects.filter(pk__in=query.named, tenant__in=scope.tenants)
    return set(posts.values_list("pk", flat=True))


def _has_conditions(query: Query, scope: Scope) -> bool:
    return bool(query.excluded) or scope.has_conditions


def _by_meaning(
    index: Answering, query: Query, scope: Scope, by_words: Sequence[WordHit]
) -> tuple[list[VectorHit], tuple[str, ...]]:
    if not query.text:
        return [], ()
    try:
        asked_vector = query_vector.encoded(query.text, scope.tenants)
        found = _nearest(index, query, asked_vector, scope, by_words)
    except (EncoderUnavailable, VectorsUnavailable) as error:
        logger.warning("Search by words only: %s", error)
        return [], (only_by_words(str(error)),)
    return found, (asked_vector.note,) if asked_vector.note else ()


def only_by_words(reason: str) -> str:
    """Say that meaning was not searched, and why, in the language of whoever asks."""
    return _("only by words: %s") % retold(reason, _)


def _nearest(
    index: Answering,
    query: Query,
    by: AskedVector,
    scope: Scope,
    by_words: Sequence[WordHit],
) -> list[VectorHit]:
    """
    Look twice: the second time for what is near to the query and to the best posts of the first.

    What is only nearer than the rest is left out, see `search.closeness`.
    """
    vector, model = by.vector, by.model
    first = index.by_meaning(query, vector, model, scope, limit=FIRST_LOOK)
    if not first:
        return []
    closeness = Closeness(index.archive(scope.tenants, model), model, has_words=bool(by_words))
    first = closeness.first(vector, first)
    if not first:
        return []
    best = [hit.post_id for hit in fuse(by_words, first)[:FEEDBACK]]
    moved = towards(vector, index.vectors_of(best, model))
    found = index.by_meaning(query, moved, model, scope, limit=DEPTH)
    return closeness.near(moved, found)
