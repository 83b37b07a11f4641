"""Queries behind posts and channels: each is answered from an index, with a constant number of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Max, OuterRef, Prefetch, Q, QuerySet, Subquery

from accounts.access import User, tenants_of, visible
from media.models import Channel, MediaRole, Post, PostMedia
from media.sources.port import MediaKind

HAS: Final[dict[str, Q]] = {
    "text": ~Q(content=""),
    "link": ~Q(urls=[]),
    "hashtag": ~Q(hashtags=[]),
    "media": Q(has_media=True),
    "forward": Q(is_forward=True),
    "album": Q(grouped_id__isnull=False),
}
"""Beside kinds of files. Of several values all have to be fulfilled, of kinds any."""
KINDS: Final = tuple(kind.value for kind in MediaKind)


def posts(
    user: User,
    *,
    channel_id: UUID | None = None,
    tenant_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    has: Iterable[str] = (),
) -> QuerySet[Post]:
    """Select the posts that `user` may see and that fulfil the filters."""
    found = _owned(user, channel_id, tenant_id).filter(_has(has))
    if since:
        found = found.filter(posted_at__gte=since)
    if until:
        found = found.filter(posted_at__lt=until)
    return found


def _owned(user: User, channel_id: UUID | None, tenant_id: UUID | None) -> QuerySet[Post]:
    """Check access to what is named first: then one index has the filter and the order."""
    channels, tenants = visible(Channel.objects.all(), user), tenants_of(user)
    if tenant_id and not tenants.filter(pk=tenant_id).exists():
        return Post.objects.none()
    if channel_id:
        named = channels.filter(pk=channel_id)
        named = named.filter(tenant=tenant_id) if tenant_id else named
        return Post.objects.filter(channel=channel_id) if named.exists() else Post.objects.none()
    if tenant_id:
        return Post.objects.filter(tenant=tenant_id)
    return visible(Post.objects.all(), user)


def _has(names: Iterable[str]) -> Q:
    wanted = set(names)
    kinds = sorted(wanted & set(KINDS))
    conditions = Q(media_kind__in=kinds) if kinds else Q()
    for name in sorted(wanted & set(HAS)):
        conditions &= HAS[name]
    return conditions


def with_media(found: QuerySet[Post]) -> QuerySet[Post]:
    """Add channel and files, thumbnails left out: two queries for however many posts."""
    files = (
        PostMedia.objects.exclude(role=MediaRole.THUMBNAIL)
        .select_related("media_object")
        .order_by("position")
    )
    return found.select_related("channel").prefetch_related(Prefetch("post_media", files))


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    posts: int = 0
    posts_with_media: int = 0
    last_posted_at: datetime | None = None


def with_last_post(channels: QuerySet[Channel]) -> QuerySet[Channel]:
    """Add the id of the newest post."""
    newest = Post.objects.filter(channel=OuterRef("pk")).order_by("-posted_at", "-id")
    return channels.annotate(last_post_id=Subquery(newest.values("pk")[:1]))


def figures_of(channels: Sequence[Channel]) -> Mapping[UUID, ChannelFigures]:
    """Count the posts of these channels, by one query."""
    rows: Any = (
        Post.objects.filter(channel__in=[channel.pk for channel in channels])
        .order_by()
        .values("channel")
        .annotate(
            posts=Count("pk"),
            posts_with_media=Count("pk", filter=Q(has_media=True)),
            last_posted_at=Max("posted_at"),
        )
    )
    return {row.pop("channel"): ChannelFigures(**row) for row in rows}
