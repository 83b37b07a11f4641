"""Posts like a given one: those with nearly the same picture first, then those of like meaning."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.access import User, tenants_of
from albums.models import MediaGroupItem
from events.errors import DomainError
from media.models import Post
from search.embeddings.port import EncoderUnavailable
from search.index.port import Scope, VectorHit, VectorsUnavailable, WordHits
from search.index.postgresql.telling_words import telling_words
from search.query.message_reference import read_reference
from search.services import find
from search.services.named_messages import find_messages
from search.services.results import albums
from search.services.results.fused import fuse
from search.services.results.hits import Hit, Hits, SamePicture
from search.services.similar.pictures import posts_with_same_pictures

logger = logging.getLogger(__name__)

LEAST_OF_THE_WORDS: Final = 0.25
"""Of the rare words of a post, rarer ones counting more, that a post like it has; see docs/search.md."""


class By(StrEnum):
    """What posts are similar by."""

    ANY = "any"
    MEANING = "meaning"
    PICTURE = "picture"


class UnknownPost(DomainError):
    """There is no such post for whoever asks."""

    code: ClassVar[str] = "unknown_post"


@dataclass(frozen=True, slots=True)
class Similar:
    """The post that was asked about, and the hits: `found` of them on all pages."""

    post: Post
    hits: Hits


def similar(
    user: User, named: str, *, by: By = By.ANY, limit: int = 10, offset: int = 0
) -> Similar:
    """
    Find posts like the one that is named by its id or link, in the archive of its tenant.

    Raises UnknownPost also for a post that `user` may not see.
    """
    tenants = tuple(tenants_of(user).values_list("pk", flat=True))
    return similar_to(find_post(named, tenants), by=by, limit=limit, offset=offset)


def find_post(named: str, tenants: Sequence[UUID]) -> Post:
    """Return the post of these tenants with this id, link or number; raises UnknownPost."""
    text = named.strip().replace("\0", "")
    try:
        ids: Sequence[UUID] = [UUID(text)]
    except ValueError:
        reference = read_reference(text)
        ids = find_messages([reference], tenants)[reference] if reference else ()
    post = Post.objects.filter(pk__in=ids[:1], tenant__in=list(tenants)).first()
    if post is None:
        raise UnknownPost(_("There is no such post."))
    return post


def similar_to(post: Post, *, by: By = By.ANY, limit: int = 10, offset: int = 0) -> Similar:
    """Find posts like `post`; for those who have asked `accounts.access` already."""
    scope, own = Scope((post.tenant_id,)), _own(post)
    pictures = posts_with_same_pictures(post) if by != By.MEANING else {}
    alike = _Alike() if by == By.PICTURE else _alike(own, scope)
    hits = _ranked(pictures, alike, own, scope)
    found = Hits(
        hits=tuple(hits[offset : offset + limit]),
        found=len(hits),
        is_nothing_near=alike.is_compared and not any(hit.distance is not None for hit in hits),
        lexemes=alike.by_words.lexemes,
        degraded=alike.degraded,
    )
    return Similar(post, found)


def _own(post: Post) -> list[UUID]:
    """The post and the other items of its album, which are shown as one with it."""
    items = MediaGroupItem.objects.filter(group__items__post=post, post__grouped_id__isnull=False)
    others = items.exclude(post=post).order_by("position")
    return [post.pk, *others.values_list("post", flat=True)]


@dataclass(frozen=True, slots=True)
class _Alike:
    """Posts of like meaning; by words where there is no vector, and then `degraded` says why."""

    by_words: WordHits = field(default_factory=WordHits)
    by_meaning: Sequence[VectorHit] = ()
    degraded: tuple[str, ...] = ()

    @property
    def is_compared(self) -> bool:
        """Whether meaning was compared: the post itself is found then."""
        return bool(self.by_meaning)


def _alike(own: Sequence[UUID], scope: Scope) -> _Alike:
    try:
        if near := find.nearest_to(own, scope):
            return _Alike(by_meaning=near)
        reason = gettext_noop("the meaning of this post is not indexed")
    except (EncoderUnavailable, VectorsUnavailable) as error:
        logger.warning("Similar posts by words only: %s", error)
        reason = str(error)
    words = telling_words(own[0])
    if not words:  # a post without text is like none
        return _Alike()
    by_words = find.having_words(words, scope)
    enough = [hit for hit in by_words.hits if hit.coverage >= LEAST_OF_THE_WORDS]
    by_words = replace(by_words, hits=enough)
    return _Alike(by_words=by_words, degraded=(find.only_by_words(reason),))


def _ranked(
    pictures: Mapping[UUID, SamePicture], alike: _Alike, own: Sequence[UUID], scope: Scope
) -> list[Hit]:
    """Put posts with the same picture first; one hit per album, and none of the post's own."""
    by_words = [hit for hit in alike.by_words.hits if hit.post_id not in own]
    by_meaning = [hit for hit in alike.by_meaning if hit.post_id not in own]
    copies = [pk for pk in pictures if pk not in own]
    found = [hit.post_id for hit in by_words] + [hit.post_id for hit in by_meaning]
    groups = albums.of([*copies, *found], scope)
    ranked = fuse(by_words, by_meaning, groups)
    known = {hit.post_id: hit for hit in ranked}
    first = [replace(known.get(pk) or Hit(pk, 0.0), picture=pictures[pk]) for pk in copies]
    return albums.put_before(albums.one_each(first, groups), ranked)
