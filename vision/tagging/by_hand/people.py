"""What people decide about the tags of posts: no machine changes it afterwards."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Tenant
from events.errors import DomainError
from media.models import Post
from vision.models import PostTag, TagOrigin, TagState
from vision.tagging import material, rows
from vision.tagging.settle import Change, settle
from vision.tagging.words.names import canonical

User = AbstractBaseUser | AnonymousUser


class TagRefused(DomainError):
    code: ClassVar[str] = "tag_refused"
    http_status: ClassVar[int] = 422


def add(post: Post, text: str, *, user: User, now: datetime) -> PostTag:
    """Give the post a tag, whatever was decided about it before; raises TagRefused."""
    name = canonical(text)
    if not name:
        raise TagRefused(_("A tag needs a letter."))
    with transaction.atomic():
        material.take_turns([post.pk])
        [tag] = rows.tags_of(post.tenant, [name]).values()
        row = PostTag.objects.filter(post=post, tag=tag).first() or PostTag(
            tenant_id=post.tenant_id, post=post, tag=tag, origin=TagOrigin.PERSON
        )
        if row.state == TagState.ACCEPTED and row.decided_at:
            return row
        _decide(row, TagState.ACCEPTED, user, now)
        row.save()
        audit.record("tag.added", target=post, after={"tag": tag.name})
        _settle([post.pk], now)
    return row


def remove(row: PostTag, *, user: User, now: datetime) -> None:
    """Take the tag from its post, for good: a machine that finds it again is not heard."""
    with transaction.atomic():
        material.take_turns([row.post_id])
        row = PostTag.objects.select_related("tag", "post").get(pk=row.pk)
        if row.state == TagState.DROPPED:
            return
        _decide(row, TagState.DROPPED, user, now)
        row.save()
        audit.record("tag.removed", target=row.post, before={"tag": row.tag.name})
        _settle([row.post_id], now)


def decide(row_ids: Collection[UUID], *, accept: bool, user: User, now: datetime) -> int:
    """
    Take or drop proposals; returns how many of them still waited.

    All of them or none: it is one transaction. The caller asks whether `user` may.
    """
    state = TagState.ACCEPTED if accept else TagState.DROPPED
    posts = list(PostTag.objects.filter(pk__in=row_ids).values_list("post", flat=True))
    with transaction.atomic():
        material.take_turns(posts)
        waiting = list(
            PostTag.objects.filter(pk__in=row_ids, state=TagState.PROPOSED)
            .select_related("tag")
            .order_by("pk")
        )
        for row in waiting:
            _decide(row, state, user, now)
        PostTag.objects.bulk_update(waiting, ["state", "decided_by", "decided_at"])
        _record(waiting, accept=accept)
        _settle(list({row.post_id for row in waiting}), now)
    return len(waiting)


def _decide(row: PostTag, state: TagState, user: User, now: datetime) -> None:
    row.state, row.decided_at = state, now
    row.decided_by_id = user.pk


def _record(decided: Sequence[PostTag], *, accept: bool) -> None:
    """Tell the audit, once for each tenant."""
    tenants = Tenant.objects.in_bulk({row.tenant_id for row in decided})
    for pk, tenant in sorted(tenants.items()):
        names = sorted({row.tag.name for row in decided if row.tenant_id == pk})
        count = sum(row.tenant_id == pk for row in decided)
        after: dict[str, Any] = {"proposals": count, "tags": names[:10]}
        audit.record("tags.accepted" if accept else "tags.dropped", tenant=tenant, after=after)


def _settle(post_ids: Sequence[UUID], now: datetime) -> None:
    known = material.read(post_ids)
    settle([Change(one, "manual") for one in known.values()], now=now)
