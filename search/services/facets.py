"""Facets of a search: counts by channel, tag, category of tags, class and month, each with the condition that asks for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from uuid import UUID

from django.utils import timezone

from accounts import time_zones
from accounts.access import User, tenants_of
from media.models import Channel
from search.index.postgresql import facets as index
from search.index.postgresql.facets import Facet
from search.query.items import Item, Kind
from search.query.parsed import ChannelBy, ChannelReference
from search.query.printing import write
from search.services import asked
from vision.models import TagCategory


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a facet; `condition` is the text that asks for its posts in the query language."""

    value: str
    name: str
    posts: int
    condition: str


@dataclass(frozen=True, slots=True)
class Facets:
    """
    What a query finds, counted: `posts` in all, and the values of each facet.

    Not `exact`, the counts are extrapolated from a sample of at least some thousand posts.
    """

    posts: int
    exact: bool
    values: dict[Facet, list[Value]]


def facets_of(user: User, text: str, facets: Sequence[Facet]) -> Facets:
    """Count what a text finds among the posts that `user` may see."""
    tenants = tuple(tenants_of(user).values_list("pk", flat=True))
    zone = time_zones.find(getattr(user, "time_zone", ""))
    return facets_in(text, tenants, facets, zone=zone)


def facets_in(
    text: str, tenants: Sequence[UUID], facets: Sequence[Facet], *, zone: tzinfo | None = None
) -> Facets:
    """Count what a text finds among the posts of `tenants`; for those who have asked for access."""
    zone = zone or timezone.get_current_timezone()
    read = asked.read(text, tenants, now=timezone.now(), zone=zone)
    counts = index.count(read.query, read.scope, facets, zone=zone)
    values = {facet: _values(facet, found) for facet, found in counts.values.items()}
    return Facets(counts.posts, counts.exact, values)


def _values(facet: Facet, counted: Sequence[tuple[str, int]]) -> list[Value]:
    if facet == Facet.CHANNEL:
        return _channels(counted)
    return [
        Value(value, _name(facet, value), posts, _CONDITIONS[facet](value))
        for value, posts in counted
    ]


def _name(facet: Facet, value: str) -> str:
    is_known = facet == Facet.CATEGORY and value in TagCategory.values
    return str(TagCategory(value).label) if is_known else value


def _channels(counted: Sequence[tuple[str, int]]) -> list[Value]:
    """Give one value to a channel that several tenants follow: the condition finds the posts of all."""
    channels = Channel.objects.in_bulk([UUID(value) for value, _ in counted])
    found: dict[str, Value] = {}
    for value, posts in counted:
        if channel := channels.get(UUID(value)):  # it may have been deleted since
            condition = _channel_condition(channel)
            before = found.get(condition)
            total = posts + (before.posts if before else 0)
            found[condition] = Value(value, str(channel), total, condition)
    return sorted(found.values(), key=lambda one: (-one.posts, one.condition))


def _channel_condition(channel: Channel) -> str:
    by, value = ChannelBy.ID, str(abs(channel.tg_channel_id))
    if channel.username:
        by, value = ChannelBy.USERNAME, channel.username
    return write(Item(Kind.CHANNEL, ChannelReference(by, value)))


_CONDITIONS: dict[Facet, Callable[[str], str]] = {
    Facet.TAG: lambda tag: write(Item(Kind.LABEL, tag)),
    Facet.CATEGORY: lambda name: write(Item(Kind.CATEGORY, name)),
    Facet.CLASS: lambda name: write(Item(Kind.CLASS, name)),
    Facet.MONTH: "on:{}".format,
}
