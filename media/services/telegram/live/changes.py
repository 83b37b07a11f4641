"""New, edited and deleted messages of one channel, into the archive."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from django.utils import timezone

from media import metrics
from media.models import ChannelFeed, Post
from media.services.imports import ImportSummary
from media.services.telegram.channels import feeds
from media.services.telegram.live import albums
from media.services.telegram.reading.stretch import import_fetched
from media.sources.port import ServiceMessage
from media.sources.telegram.port import Changed, Deleted, Fetched, LiveEvent, Seen, TelegramAccess

_RENAMING: Final = frozenset({"ChatEditTitle", "ChannelMigrateFrom"})
RECENT_POSTS: Final = 100
"""So many of the newest posts are compared with Telegram after a break."""


def apply(access: TelegramAccess, feed: ChannelFeed, events: Sequence[LiveEvent]) -> ImportSummary:
    """Bring the archive up to date with what was said; of one message the last event counts."""
    summary, at = ImportSummary(), timezone.now()
    seen: dict[int, Fetched] = {}
    for event in events:
        if isinstance(event, Seen):
            for one in _with_its_album(access, feed, event):
                seen[one.message_id] = one
        elif isinstance(event, Deleted):
            for message_id in event.message_ids:
                seen.pop(message_id, None)
    # First, since it needs no store: that may be away for what else was said.
    deleted = [i for e in events if isinstance(e, Deleted) for i in e.message_ids]
    feeds.note_deleted(feed, deleted, at=at)
    store(access, feed, seen.values(), at=at, summary=summary)
    metrics.RUNS.labels("live", "ok").inc()
    return summary


def is_about_channel(events: Iterable[LiveEvent]) -> bool:
    """Whether the title, the name or the state of the channel may be another one now."""
    return any(
        isinstance(event, Changed)
        or (
            isinstance(event, Seen)
            and isinstance(event.fetched.record, ServiceMessage)
            and event.fetched.record.action in _RENAMING
        )
        for event in events
    )


def recheck(access: TelegramAccess, feed: ChannelFeed) -> ImportSummary:
    """
    Compare the newest posts with Telegram: what was edited or deleted during a break.

    Where Telegram has none of them it is the channel that is gone: nothing is concluded then. Nor is
    it of what Telegram does not show to this account.
    """
    summary, at = ImportSummary(), timezone.now()
    newest = Post.objects.filter(channel=feed.pk, telegram_message_id__gt=0)
    ids = newest.order_by("-telegram_message_id").values_list("telegram_message_id", flat=True)
    known = sorted(ids[:RECENT_POSTS])
    found = access.by_ids(feeds.peer_of(feed), known) if known else {}
    if found:
        store(access, feed, found.values(), at=at, summary=summary)
        feeds.note_deleted(feed, _deleted(access, feed, set(known) - found.keys()), at=at)
    return summary


def _deleted(access: TelegramAccess, feed: ChannelFeed, missing: Collection[int]) -> list[int]:
    """Those of the missing messages that Telegram would show if they were there."""
    if not missing:
        return []
    hidden_to = access.fetch_card(feeds.peer_of(feed)).hidden_to
    return sorted(message_id for message_id in missing if message_id > hidden_to)


def store(
    access: TelegramAccess,
    feed: ChannelFeed,
    fetched: Iterable[Fetched],
    *,
    at: datetime,
    summary: ImportSummary,
) -> None:
    """Import these messages; albums of which every item is stored are seen."""
    fetched = list(fetched)
    if not fetched:
        return
    failed = import_fetched(access, feed, fetched, at=at, summary=summary)
    broken = {albums.album_of(one) for one in fetched if one.message_id in failed}
    albums.remember(feed, [one for one in fetched if albums.album_of(one) not in broken])


def _with_its_album(access: TelegramAccess, feed: ChannelFeed, event: Seen) -> list[Fetched]:
    return [event.fetched] if event.edited else albums.whole(access, feed, event.fetched)
