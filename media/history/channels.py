"""The history of a channel: when it changed its title, its public name, its kind or its id."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from media.models import Channel, ChannelState

FIELDS: Final = ("title", "username", "kind", "migrated_from", "migrated_to", "is_private")
_MAY_BE_UNSAID: Final = frozenset({"title", "username", "kind", "migrated_from", "migrated_to"})
"""What is empty is not said, as public names are not by exports; being private always is."""


@dataclass(frozen=True, slots=True)
class ChannelChange:
    """A field of a channel had another value when it was seen at `at`, for the first time."""

    at: datetime
    field: str
    before: object
    after: object


def changes_of(channel: Channel) -> list[ChannelChange]:
    """Find the changes of a channel, the latest first."""
    states = channel.states.order_by("seen_at", "title", "pk")
    return list(changes(states))[::-1]


def changes(states: Iterable[ChannelState]) -> Iterator[ChannelChange]:
    """Compare each state, ordered by time, with what was said before it."""
    said: dict[str, object] = {"migrated_from": None, "migrated_to": None, "is_private": False}
    for state in states:
        for field in FIELDS:
            value = getattr(state, field)
            if field in _MAY_BE_UNSAID and not value:
                continue
            if field in said and said[field] != value:
                yield ChannelChange(state.seen_at, field, said[field], value)
            said[field] = value
