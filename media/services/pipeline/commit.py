"""Commit: write a batch and settle its bytes, all in the transaction of the caller."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.conf import settings

from events import outbox
from events.postgresql import one_trip
from media.lost_files import lock_channels_of, mark_returned
from media.models import Channel
from media.services.pipeline.commit_media import drop_refused, write_media
from media.services.pipeline.commit_posts import PostEvent, prepare_posts, write_posts
from media.services.pipeline.confirm import confirm_posts
from media.services.pipeline.plan import BatchPlan
from media.services.pipeline.upload import UploadResult
from storage_quota import services

# Read from the posts, so that an older export that is imported later moves nothing back.
_ADVANCE = """
UPDATE channels SET last_parsed_at = %s, (last_message_id, last_message_at) = (
    SELECT telegram_message_id, posted_at FROM posts
    WHERE channel_id = %s ORDER BY telegram_message_id DESC LIMIT 1
)
WHERE id = %s
"""
_NAME = "SELECT username FROM channels WHERE id = %s"


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
    # The name that the posts' links have: a person may have entered it since the import began.
    [[(channel.username,)]] = one_trip.locked(Channel, channel.pk, (_NAME, [channel.pk]))
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
        outbox.publish_anew(chosen, now=now, backfill=backfill)


def _is_before(event: PostEvent, time: datetime) -> bool:
    return event.posted_at is not None and event.posted_at < time


def _advance(channel: Channel, plan: BatchPlan, *, now: datetime) -> None:
    if not plan.messages:
        return
    one_trip.fetch((_ADVANCE, [now, channel.pk, channel.pk]))


def _count_media(plan: BatchPlan, uploads: UploadResult) -> None:
    counts = plan.outcome.counts
    counts["media_stored"] += len(uploads.put)
    counts["bytes_stored"] += sum(r.size_bytes for r in uploads.put.values())
    counts["duplicates"] += len(plan.blobs) - len(uploads.put)
