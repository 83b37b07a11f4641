"""Views, forwards, replies and reactions are read again while a post is known, ever more rarely."""

from collections.abc import Callable, Iterator, Sequence

from django.utils import timezone

from media.history.counts import readings as counts
from media.history.counts.readings import Reading
from media.models import Channel, ChannelFeed
from media.services.telegram.channels.feeds import peer_of
from media.sources.port import Message
from media.sources.telegram.port import PAGE_MESSAGES, Fetched, TelegramAccess


class LiveCounts:
    """`CountsSource` of one channel: the messages are read again, and only their counts are used."""

    def __init__(self, access: TelegramAccess, feed: ChannelFeed) -> None:
        self._access, self._feed = access, feed

    def read_counts(self, channel: Channel, message_ids: Sequence[int]) -> Iterator[Reading]:
        assert channel.pk == self._feed.pk  # noqa: S101 - one source, one channel
        found = self._access.by_ids(peer_of(self._feed), message_ids)
        return (_reading(one) for one in found.values())


def read_due(
    access: TelegramAccess, feed: ChannelFeed, *, stop: Callable[[], bool] = lambda: False
) -> int:
    """Read the counts that are due, a page of messages at a time; return of how many posts."""
    source, total = LiveCounts(access, feed), 0
    while not stop():
        read = counts.read_due(source, feed.channel, now=timezone.now(), most=PAGE_MESSAGES)
        total += read
        if read < PAGE_MESSAGES:
            break
    return total


def _reading(one: Fetched) -> Reading:
    if not isinstance(one.record, Message):
        return Reading(one.message_id)
    said = one.record
    reactions = sum(r.count for r in said.reactions) if said.reactions else None
    return Reading(one.message_id, said.views, said.forwards, said.replies, reactions)
