"""A stand-in for the source of counts, for tests and until Telegram is read."""

from collections.abc import Callable, Iterator, Sequence

from media.history.counts.readings import Reading
from media.models import Channel


class FakeCounts:
    """Says of each message what `views_of` says of its id; None is one that is not there."""

    def __init__(self, views_of: Callable[[int], int | None]) -> None:
        self.views_of = views_of
        self.asked: list[list[int]] = []

    def read_counts(self, channel: Channel, message_ids: Sequence[int]) -> Iterator[Reading]:
        self.asked.append(sorted(message_ids))
        for message_id in message_ids:
            if (views := self.views_of(message_id)) is not None:
                yield Reading(message_id, views=views)
