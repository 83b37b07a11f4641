"""What is not read of channels, and filling it."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from media.models import ChannelFeed, ChannelGap, GapReason
from media.services.imports import ImportSummary
from media.services.telegram import ingest, rests
from media.services.telegram.cursors import failed_gaps
from media.services.telegram.feeds import peer_of
from media.services.telegram.ingest import Order
from media.services.telegram.reading import import_fetched
from media.sources.telegram.port import PAGE_MESSAGES, TelegramAccess


def want(gaps: Sequence[ChannelGap]) -> int:
    """Have these stretches read as history: what was not wanted is wanted now."""
    with transaction.atomic():
        chosen = [gap.pk for gap in gaps if gap.reason == GapReason.NOT_WANTED]
        return ChannelGap.objects.filter(pk__in=chosen).update(reason=GapReason.HISTORY)


def fill(access: TelegramAccess, feed: ChannelFeed, order: Order) -> ImportSummary:
    """Read everything that is listed as a gap of the channel: history, and what has failed."""
    want(list(ChannelGap.objects.filter(channel=feed.pk, reason=GapReason.NOT_WANTED)))
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
    """Read these messages; return the ids that Telegram does not have any more."""
    at = timezone.now()
    found = access.by_ids(peer_of(feed), ids)
    import_fetched(access, feed, found.values(), at=at, summary=summary)
    gone = set(ids) - found.keys()
    ChannelGap.objects.filter(channel=feed.pk, reason=GapReason.FAILED, first_id__in=gone).delete()
    return gone
