"""The channels that a query names, among those that may be seen."""

import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from media.models import Channel
from search.query.parsed import ChannelBy, ChannelReference
from search.query.vocabulary import keyword

_WORD = re.compile(r"\w+")
_MARK = 10**12
"""Telegram's programs add it to the id of a channel, of whatever length, and write a minus."""


def find_channels(
    references: Sequence[ChannelReference], tenants: Iterable[UUID]
) -> dict[ChannelReference, tuple[UUID, ...]]:
    """Ids of the channels of these tenants by reference; an empty tuple where there are none."""
    if not references:
        return {}
    channels = list(Channel.objects.filter(tenant__in=list(tenants)).order_by("pk"))
    return {
        reference: tuple(channel.pk for channel in channels if is_channel(channel, reference))
        for reference in references
    }


def is_channel(channel: Channel, reference: ChannelReference) -> bool:
    """Whether the channel is meant."""
    if reference.by == ChannelBy.ID:
        # As it stands, without its minus, or without its mark: 5 → -1000000000005.
        number = abs(int(reference.value))
        return channel.tg_channel_id in (-number, -_MARK - number)
    name, username = keyword(reference.value), keyword(channel.username)
    if reference.by == ChannelBy.USERNAME:
        return name == username
    return name == username or (
        bool(_words(name)) and _words(name) in _words(keyword(channel.title))
    )


def _words(text: str) -> str:
    """The words of a text, with a blank before and after each."""
    return "".join(f" {word} " for word in _WORD.findall(text))
