"""Commit: write a batch and settle its bytes, all in the transaction of the caller."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.conf import settings
from django.db.models import OuterRef, Subquery

from events import outbox
from media.lost_files import lock_channels_of, mark_returned
from media.models import Channel, Post
from media.services.pipeline.commit_media import drop_refused, write_media
from media.services.pipeline.commit_posts import PostEvent, prepare_posts, write_posts
from media.services.pipeline.confirm import confirm_posts
from media.services.pipeline.plan import BatchPlan
from media.services.pipeline.upload import UploadResult
from storage_quota import services


def commit(
    channel: Channel,
    plan: BatchPlan,
    uploads: UploadResult,
    *,
    now: datetime,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """
    Make media, posts, events and bytes of a batch true at once.

    `meanwhile` is called when all is computed and PostgreSQL begins to write. Raises MediaVanished,
    PostsChanged.
    """
    # Locks in this order: channel, media, posts, bucket. Two imports of one channel take turns
    # from here on; the bucket comes last, since every tenant waits for it.
    if uploads.again:
        lock_channels_of(channel.pk, uploads.again)
    Channel.objects.select_for_update().get(pk=channel.pk)
    confirm_posts(channel, plan)
    drop_refused(plan, uploads)
    media = write_media(channel, plan, uploads, now=now)
    changes = prepare_posts(channel, plan, media, now=now)
    meanwhile()
    write_posts(changes, plan)
    _publish(changes.events, now=now)
    _advance(channel, plan, now=now)
    if uploads.again:
        mark_returned([row.key for row in uploads.put.values() if row.key in uploads.again])
    services.settle_many(list(uploads.put.values()), now=now)
    _count_media(plan, uploads)


def _publish(events: Sequence[PostEvent], *, now: datetime) -> None:
    """Publish, with old posts marked as backfill, so that recent ones go before them."""
    oldest_recent = now - settings.RECENT_POST_AGE
    for backfill in (False, True):
        chosen = [event for event in events if _is_before(event, oldest_recent) == backfill]
        outbox.publish_many(chosen, backfill=backfill)


def _is_before(event: PostEvent, time: datetime) -> bool:
    return event.posted_at is not None and event.posted_at < time


def _advance(channel: Channel, plan: BatchPlan, *, now: datetime) -> None:
    if not plan.messages:
        return
    # Read from the posts, so that an older export that is imported later moves nothing back.
    newest = Post.objects.filter(channel=OuterRef("pk")).order_by("-telegram_message_id")[:1]
    Channel.objects.filter(pk=channel.pk).update(
        last_message_id=Subquery(newest.values("telegram_message_id")),
        last_message_at=Subquery(newest.values("posted_at")),
        last_parsed_at=now,
    )


def _count_media(plan: BatchPlan, uploads: UploadResult) -> None:
    counts = plan.outcome.counts
    counts["media_stored"] += len(uploads.put)
    counts["bytes_stored"] += sum(r.size_bytes for r in uploads.put.values())
    counts["duplicates"] += len(plan.blobs) - len(uploads.put)
