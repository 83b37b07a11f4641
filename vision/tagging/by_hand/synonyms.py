"""Synonyms: two tags that mean the same become one, on the posts that have them and for ever."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from events.errors import DomainError
from events.postgresql.advisory_locks import in_turn
from vision.models import PostTag, Tag, TagRule, TagState
from vision.tagging import material
from vision.tagging.settle import Change, settle

BATCH = 500


class MergeRefused(DomainError):
    code: ClassVar[str] = "tags_not_merged"
    http_status: ClassVar[int] = 422


def merge(tag: Tag, into: Tag, *, now: datetime) -> int:
    """
    Make `tag`, and whatever is its synonym, a synonym of `into`; returns the posts that had it.

    Of a post that has both, a person's decision counts, the latest of two; else the surer of both.
    Raises MergeRefused.
    """
    with transaction.atomic():
        in_turn(material.lock_name(tag.tenant_id))
        tag, into = Tag.objects.get(pk=tag.pk), Tag.objects.get(pk=into.pk)
        _check(tag, into)
        posts = _move(tag, into)
        TagRule.objects.filter(tag=tag).update(tag=into)
        Tag.objects.filter(merged_into=tag).update(merged_into=into)
        Tag.objects.filter(pk=tag.pk).update(merged_into=into)
        told = {"tag": tag.name, "into": into.name, "posts": len(posts)}
        audit.record("tags.merged", target=into, after=told)
        _tell(into, posts, now=now)
    return len(posts)


def _tell(into: Tag, moved: Sequence[UUID], *, now: datetime) -> None:
    """Tell of each post that has the tag: it is found by one more name; and of those that lost it."""
    has = PostTag.objects.filter(tag=into).values_list("post", flat=True)
    posts = list(dict.fromkeys((*moved, *has)))
    for start in range(0, len(posts), BATCH):
        known = material.read(posts[start : start + BATCH])
        settle([Change(one, "manual", tell=True) for one in known.values()], now=now)


def _check(tag: Tag, into: Tag) -> None:
    if tag.tenant_id != into.tenant_id:
        raise MergeRefused(_("The tags are of two tenants."))
    if tag.pk == into.pk:
        raise MergeRefused(_("A tag is no synonym of itself."))
    if into.merged_into_id:
        raise MergeRefused(_("The tag is a synonym itself: merge into the one that it means."))
    if tag.merged_into_id:
        raise MergeRefused(_("The tag is a synonym already."))


def _move(tag: Tag, into: Tag) -> list[UUID]:
    moved = list(PostTag.objects.filter(tag=tag))
    posts = [row.post_id for row in moved]
    there = {row.post_id: row for row in PostTag.objects.filter(tag=into, post__in=posts)}
    losers = [_loser(row, there[row.post_id]) for row in moved if row.post_id in there]
    PostTag.objects.filter(pk__in=[row.pk for row in losers]).delete()
    PostTag.objects.filter(tag=tag).update(tag=into)
    return posts


def _loser(one: PostTag, other: PostTag) -> PostTag:
    return min((one, other), key=_weight)


def _weight(row: PostTag) -> tuple[float, bool, float, str]:
    decided = row.decided_at.timestamp() if row.decided_at else 0.0
    return decided, row.state == TagState.ACCEPTED, row.confidence, str(row.pk)
