"""An album as a whole: whoever hears of one item reads the others, once."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.core.cache import cache

from media.models import ChannelFeed
from media.services.telegram.channels.feeds import peer_of
from media.sources.port import Message
from media.sources.telegram.port import Fetched, TelegramAccess

WINDOW: Final = timedelta(minutes=5)
SEARCHED_IDS: Final = 50
MOST_ITEMS: Final = 10
SEEN_SECONDS: Final = 21_600


def album_of(one: Fetched) -> int | None:
    """Telegram's number of the album that a message belongs to."""
    return one.record.grouped_id if isinstance(one.record, Message) else None


def whole(access: TelegramAccess, feed: ChannelFeed, item: Fetched) -> list[Fetched]:
    """
    The items of the album of this message, in their order: at most ten, all within five minutes.

    Only the message itself where the album was seen: an item that comes late joins by its number.
    """
    grouped_id = album_of(item)
    if grouped_id is None or cache.get(_key(feed, grouped_id)):
        return [item]
    half = SEARCHED_IDS // 2
    ids = range(max(item.message_id - half, 1), item.message_id + half)
    found = dict(access.by_ids(peer_of(feed), ids)) | {item.message_id: item}
    members = [one for one in found.values() if _belongs(one, item)]
    return sorted(members, key=lambda one: one.message_id)[:MOST_ITEMS]


def remember(feed: ChannelFeed, stored: Iterable[Fetched]) -> None:
    """Note the albums of these messages as seen: after they were stored, never before."""
    for grouped_id in {album_of(one) for one in stored} - {None}:
        cache.set(_key(feed, grouped_id), value=True, timeout=SEEN_SECONDS)


def _belongs(one: Fetched, item: Fetched) -> bool:
    if not isinstance(one.record, Message) or not isinstance(item.record, Message):
        return False
    apart = abs(one.record.posted_at - item.record.posted_at)
    return one.record.grouped_id == item.record.grouped_id and apart <= WINDOW


def _key(feed: ChannelFeed, grouped_id: int | None) -> str:
    return f"album_seen:{feed.pk}:{grouped_id}"
