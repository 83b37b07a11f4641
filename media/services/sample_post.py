"""A post of our own with one stored picture, for the end-to-end check; deleted again after it."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.models import Tenant
from media.models import (
    Channel,
    MediaObject,
    MediaRole,
    MediaState,
    Post,
    PostMedia,
    channel_id,
    media_object_id,
    post_id,
)
from media.sources.port import MediaKind
from storage_quota import keys, services
from storage_quota.models import ContentType

CHANNEL: Final = -1
"""Telegram id of the channel of sample posts: no channel of Telegram has it."""
TITLE: Final = "End-to-end check"
MIME: Final = "image/jpeg"
LEFT_OVER: Final = timedelta(hours=1)
"""Age from which a sample post is nobody's any more: the check that made it was killed."""


def new_number() -> int:
    """Choose the message id of a sample post; unique without asking who else is at it."""
    return secrets.randbelow(2**53)


def id_of(tenant: Tenant, number: int) -> UUID:
    """The id that the tenant's sample post with this message id has, or will have."""
    return post_id(channel_id(tenant.pk, CHANNEL), number)


def create(tenant: Tenant, picture: bytes, *, number: int, now: datetime) -> Post:
    """Store the JPEG and write the post that shows it. Raises what `put_object` raises."""
    delete_left_over(tenant, now=now)
    sha256 = hashlib.sha256(picture).hexdigest()
    key = keys.media(tenant_id=tenant.pk, sha256=sha256, mime=MIME)
    services.put_object(
        tenant=tenant, content_type=ContentType.MEDIA, key=key, body=picture, mime=MIME, now=now
    )
    with transaction.atomic():
        shown = MediaObject.objects.create(
            pk=media_object_id(tenant.pk, sha256),
            tenant=tenant,
            file_sha256=sha256,
            mime=MIME,
            size_bytes=len(picture),
            s3_key=key,
            s3_bucket=settings.S3.bucket_name,
            first_seen_at=now,
            last_seen_at=now,
        )
        post = _post(_channel(tenant), number, now=now)
        PostMedia.objects.create(
            post=post, media_object=shown, position=0, role=MediaRole.PRIMARY, uploaded_at=now
        )
    return post


def delete(post: Post, *, now: datetime) -> None:
    """Delete the post with all that hangs on it, its picture, and the channel if it is empty."""
    with transaction.atomic():
        channel = Channel.objects.select_for_update().get(pk=post.channel_id)
        # Before the rows that hang on it, as taggers and crawlers do: else each waits for the other.
        post = Post.objects.select_for_update().get(pk=post.pk)
        shown = list(MediaObject.objects.filter(post_media__post=post))
        post.delete()
        # Another post may show the same picture by now: then it stays.
        unused = MediaObject.objects.filter(pk__in=[one.pk for one in shown], refs_count=0)
        stored = list(unused.values_list("s3_key", flat=True))
        unused.delete()
        tombstones = services.forget(stored, now=now)
        if not channel.posts.exists():
            channel.delete()
    services.release_many(tombstones)


def media_of(post: Post) -> Sequence[MediaObject]:
    """The stored files of any post, in order, without thumbnails."""
    shown = PostMedia.objects.filter(post=post).exclude(role=MediaRole.THUMBNAIL)
    rows = shown.select_related("media_object").order_by("position")
    return [row.media_object for row in rows]


def is_sample(post: Post) -> bool:
    return post.channel.tg_channel_id == CHANNEL


def delete_left_over(tenant: Tenant, *, now: datetime) -> int:
    """Delete what checks have left that failed or were killed; returns how many posts."""
    old = Post.objects.filter(
        tenant=tenant, channel__tg_channel_id=CHANNEL, posted_at__lt=now - LEFT_OVER
    )
    for post in (found := list(old)):
        delete(post, now=now)
    return len(found)


def _channel(tenant: Tenant) -> Channel:
    channel, _ = Channel.objects.select_for_update().get_or_create(
        pk=channel_id(tenant.pk, CHANNEL),
        defaults={
            "tenant": tenant,
            "tg_channel_id": CHANNEL,
            "title": TITLE,
            "is_active": False,
        },
    )
    return channel


def _post(channel: Channel, number: int, *, now: datetime) -> Post:
    return Post.objects.create(
        pk=post_id(channel.pk, number),
        tenant=channel.tenant,
        channel=channel,
        telegram_message_id=number,
        posted_at=now,
        has_media=True,
        media_kind=MediaKind.PHOTO,
        media_state=MediaState.STORED,
    )
