"""
How far a stretch of a channel is read.

A cursor only grows. It stops before the first message that failed; one that failed in two
separate runs is listed as a gap of its own, and the cursor may pass it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F

from events.postgresql import arrays, one_trip
from media.models import ChannelFeed, ChannelGap, GapReason
from media.sources.port import Problem

RUNS_BEFORE_PASSING: Final = 2
_FORGET: Final = """
DELETE FROM telegram_gaps WHERE channel_id = %s AND reason = %s
    AND first_id BETWEEN %s AND %s AND first_id <> ALL(%s::bigint[])
"""
# The filled part goes; of a gap that is filled nothing is left.
_CUT: Final = """
UPDATE telegram_gaps SET first_id = %s WHERE id = %s AND first_id <= %s AND last_id > %s
"""
_FILLED: Final = "DELETE FROM telegram_gaps WHERE id = %s AND last_id <= %s"


@dataclass(slots=True)
class Stretch:
    """
    Messages to be read: those with `after` < id <= `until`.

    `gap` is the history that is being filled; without it, it is the news of the channel.
    """

    feed: ChannelFeed
    after: int
    until: int
    gap: ChannelGap | None = None
    run: UUID = field(default_factory=uuid4)
    held: int | None = None
    """The first message of this run that failed and may not be passed yet."""
    settled: int = 0
    """All up to here was settled in this run, whatever the cursor says."""

    def __post_init__(self) -> None:
        self.settled = self.after

    def settle(self, read_to: int, failed: Mapping[int, Problem]) -> None:
        """Note what came of the messages up to `read_to`, and let the cursor grow."""
        with transaction.atomic():
            # The row of the channel's feed is the lock of all that is noted here.
            forgotten = _forgotten(self.feed, self.settled + 1, read_to, failed)
            one_trip.locked(ChannelFeed, self.feed.pk, forgotten)
            self.settled = max(self.settled, read_to)
            for message_id in sorted(failed):
                runs = _note_failure(self, message_id, failed[message_id])
                if runs < RUNS_BEFORE_PASSING and self.held is None:
                    self.held = message_id
            self._advance(read_to if self.held is None else min(read_to, self.held - 1))

    def _advance(self, cursor: int) -> None:
        if self.gap is None:
            ChannelFeed.objects.filter(pk=self.feed.pk, cursor__lt=cursor).update(cursor=cursor)
            self.feed.cursor = max(self.feed.cursor, cursor)
            return
        gap = self.gap.pk
        one_trip.fetch((_CUT, [cursor + 1, gap, cursor, cursor]), (_FILLED, [gap, cursor]))

    @property
    def is_done(self) -> bool:
        """Whether the cursor has come to the end; a gap that is gone was filled."""
        if self.gap is None:
            return self.feed.cursor >= self.until
        return not ChannelGap.objects.filter(pk=self.gap.pk).exists()


def failed_gaps(feed: ChannelFeed) -> list[ChannelGap]:
    found = ChannelGap.objects.filter(channel=feed.pk, reason=GapReason.FAILED)
    return list(found.order_by("first_id"))


def _note_failure(stretch: Stretch, message_id: int, problem: Problem) -> int:
    """Count the failure once a run; return in how many runs the message failed."""
    gap, _ = ChannelGap.objects.get_or_create(
        channel_id=stretch.feed.pk,
        reason=GapReason.FAILED,
        first_id=message_id,
        defaults={"last_id": message_id},
    )
    ChannelGap.objects.filter(pk=gap.pk).exclude(last_run=stretch.run).update(
        runs=F("runs") + 1,
        last_run=stretch.run,
        code=problem.code[:64],
        detail=problem.detail[:1000],
    )
    gap.refresh_from_db(fields=["runs"])
    return gap.runs


def _forgotten(
    feed: ChannelFeed, first: int, last: int, failed: Collection[int]
) -> one_trip.Statement:
    """What failed before and does not any more is no gap: it was read, or Telegram has it not."""
    return _FORGET, [feed.pk, GapReason.FAILED, first, last, arrays.of_numbers(failed)]
