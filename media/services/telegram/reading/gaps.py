"""What is not read of channels, and filling it."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from media.models import ChannelFeed, ChannelGap, GapReason, Post
from media.services.imports import ImportSummary
from media.services.telegram.accounts import rests
from media.services.telegram.channels.feeds import peer_of
from media.services.telegram.reading import ingest
from media.services.telegram.reading.cursors import failed_gaps
from media.services.telegram.reading.ingest import Order
from media.services.telegram.reading.stretch import import_fetched
from media.sources.telegram.port import PAGE_MESSAGES, TelegramAccess

WITNESSES = 20
"""Stored posts that are asked for where nothing else was found; some of them may be deleted."""


def want(gaps: Sequence[ChannelGap]) -> int:
    """
    Have the next pass read these: what was not wanted is wanted now, what failed is tried again.

    Return how many there are; history is wanted anyway.
    """
    with transaction.atomic():
        for gap in gaps:
            if gap.reason == GapReason.NOT_WANTED:
                ChannelGap.objects.filter(pk=gap.pk).update(reason=GapReason.HISTORY)
        failed = [gap.pk for gap in gaps if gap.reason == GapReason.FAILED]
        ChannelGap.objects.filter(pk__in=failed).update(is_wanted=True)
        for channel in {gap.channel for gap in gaps}:
            audit.record("gaps.wanted", target=channel, tenant=channel.tenant)
    return len(gaps)


def is_anything_wanted(feed: ChannelFeed) -> bool:
    """Whether history is to be read, or a failed message tried again."""
    listed = ChannelGap.objects.filter(channel=feed.pk)
    return listed.filter(Q(reason=GapReason.HISTORY) | Q(is_wanted=True)).exists()


def retry_wanted(access: TelegramAccess, feed: ChannelFeed, order: Order) -> None:
    """Try those failed messages again that somebody wants; once, whatever comes of it."""
    failed = ChannelGap.objects.filter(channel=feed.pk, reason=GapReason.FAILED, is_wanted=True)
    ids = list(failed.order_by("first_id").values_list("first_id", flat=True)[:PAGE_MESSAGES])
    if ids:
        ChannelGap.objects.filter(channel=feed.pk, first_id__in=ids).update(is_wanted=False)
        read_ids(access, feed, ids, order.summary)


def fill(access: TelegramAccess, feed: ChannelFeed, order: Order) -> ImportSummary:
    """Read everything that is listed as a gap of the channel: history, and what has failed."""
    wanted = ChannelGap.objects.filter(channel=feed.pk, reason=GapReason.NOT_WANTED)
    want(list(wanted.select_related("channel__tenant")))
    retry_failed(access, feed, order)
    order.news = False
    return ingest.read_channel(access, feed, order)


def retry_failed(access: TelegramAccess, feed: ChannelFeed, order: Order) -> None:
    """Read the messages that failed, by their ids; those that are gone are no gaps any more."""
    rests.require_awake(feed)
    failed = [gap.first_id for gap in failed_gaps(feed)]
    for begin in range(0, len(failed), PAGE_MESSAGES):
        read_ids(access, feed, failed[begin : begin + PAGE_MESSAGES], order.summary)


def read_ids(
    access: TelegramAccess, feed: ChannelFeed, ids: Sequence[int], summary: ImportSummary
) -> set[int]:
    """
    Read these messages; return the ids that Telegram does not have any more.

    Where it has neither them nor any that are stored, it is the channel that is closed to us: then
    nothing is concluded, and the messages stay to be read.
    """
    at = timezone.now()
    found = access.by_ids(peer_of(feed), ids)
    if not found and not _shows_stored_posts(access, feed):
        return set()
    import_fetched(access, feed, found.values(), at=at, summary=summary)
    gone = set(ids) - found.keys()
    ChannelGap.objects.filter(channel=feed.pk, reason=GapReason.FAILED, first_id__in=gone).delete()
    return gone


def _shows_stored_posts(access: TelegramAccess, feed: ChannelFeed) -> bool:
    """Whether Telegram shows us any of the newest posts that the archive has of the channel."""
    stored = Post.objects.filter(channel=feed.pk, telegram_message_id__gt=0)
    newest = stored.order_by("-telegram_message_id").values_list("telegram_message_id", flat=True)
    known = list(newest[:WITNESSES])
    return bool(known and access.by_ids(peer_of(feed), known))
