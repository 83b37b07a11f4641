"""Queries behind the albums of the API: each answered from an index, with a constant number of them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from accounts.access import User, tenants_of, visible
from albums.models import MediaGroup
from media.models import Channel


@dataclass(frozen=True, slots=True)
class AlbumFilter:
    """What albums are asked for; times are those of their first post, `until` excluded."""

    channel_id: UUID | None = None
    tenant_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    status: Collection[str] = ()
    kind: Collection[str] = ()


def albums(user: User, wanted: AlbumFilter) -> QuerySet[MediaGroup]:
    """Select the albums with items that `user` may see and that fulfil the filters."""
    found = _owned(user, wanted).exclude(items_count=0)
    if wanted.since:
        found = found.filter(posted_at__gte=wanted.since)
    if wanted.until:
        found = found.filter(posted_at__lt=wanted.until)
    if wanted.status:
        found = found.filter(status__in=wanted.status)
    if wanted.kind:
        found = found.filter(album_kind__in=wanted.kind)
    return found.select_related("channel")


def _owned(user: User, wanted: AlbumFilter) -> QuerySet[MediaGroup]:
    """Check access to what is named first: then one index has the filter and the order."""
    channels, tenants = visible(Channel.objects.all(), user), tenants_of(user)
    if wanted.tenant_id and not tenants.filter(pk=wanted.tenant_id).exists():
        return MediaGroup.objects.none()
    if wanted.channel_id:
        named = channels.filter(pk=wanted.channel_id)
        named = named.filter(tenant=wanted.tenant_id) if wanted.tenant_id else named
        of_channel = MediaGroup.objects.filter(channel=wanted.channel_id)
        return of_channel if named.exists() else MediaGroup.objects.none()
    if wanted.tenant_id:
        return MediaGroup.objects.filter(tenant=wanted.tenant_id)
    return visible(MediaGroup.objects.all(), user)
