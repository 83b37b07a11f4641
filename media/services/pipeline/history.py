"""Keep what the source said of the posts of a batch, in the transaction that writes them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from media.history.counts import readings
from media.history.counts.readings import Reading
from media.history.record import absence, observations, unposted
from media.history.record.observations import Observation
from media.history.record.origins import Origin, save_source
from media.history.record.pins import record_pins
from media.models import Channel, PostSource, SourceKind
from media.services.pipeline.batches import Stretch
from media.services.pipeline.confirm import PostsChanged
from media.services.pipeline.plan import BatchPlan, posts_of
from media.sources.port import Message


def record(channel: Channel, plan: BatchPlan, *, origin: Origin, stretch: Stretch) -> None:
    """
    Note that the source had these posts, as what, and which of the channel it has no more.

    Raises PostsChanged where a post is no more as it was when the batch was planned.
    """
    source = save_source(channel, origin)
    # What Telegram says of counts now is a reading of its own, of which many may follow.
    counts = _no_counts if origin.kind == SourceKind.LIVE else _counts
    written = [
        Observation(one.message.message_id, *_said_as(plan, one.message), *counts(one.message))
        for one in plan.messages
    ]
    unchanged = [
        Observation(one.message_id, None, one.fingerprint, None, None, *counts(one))
        for one in plan.unchanged
    ]
    record_pins(channel, stretch.pins)
    observations.record_written(source, written, at=origin.moment)
    found = observations.record_unchanged(channel, source, unchanged, at=origin.moment)
    if found < len(unchanged):
        raise PostsChanged
    if origin.kind == SourceKind.LIVE:
        _read_counts(channel, plan, origin)
    ids = {one.message_id for one in (*written, *unchanged)}
    unread = [i for i in stretch.ids if i not in ids]
    observations.record_seen(channel, source, unread, at=origin.moment)
    if origin.is_whole:
        unposted.keep(source, PostSource.SEEN, unread, at=origin.moment)
        absence.cover(source, after_id=stretch.after_id, ids=stretch.ids, whole=stretch.is_whole)
    changed = absence.settle(channel, after_id=stretch.after_id, ids=stretch.ids)
    plan.outcome.counts.update(changed)


class _Known(NamedTuple):
    """Of a post what its readings need; instances of `Post` cost ten times as much."""

    pk: UUID
    posted_at: datetime


Counts = tuple[int | None, int | None, int | None, int | None]


def _counts(message: Message) -> Counts:
    """Views, forwards, replies and reactions, as far as the source says them."""
    reactions = sum([r.count for r in message.reactions]) if message.reactions else None
    return message.views, message.forwards, message.replies, reactions


def _no_counts(_message: Message) -> Counts:
    return None, None, None, None


def _said_as(plan: BatchPlan, message: Message) -> tuple[UUID, None, str, int]:
    """The post of a message, no fingerprint, and the version and gaps of what was said of it."""
    said = plan.said[message.message_id]
    return said.post_id, None, said.version, said.gaps


def _read_counts(channel: Channel, plan: BatchPlan, origin: Origin) -> None:
    """Keep the counts as a reading, and have them read again by the schedule."""
    messages = [*(parsed.message for parsed in plan.messages), *plan.unchanged]
    posts = {number: _Known(said.post_id, said.posted_at) for number, said in plan.said.items()}
    if plan.unchanged:
        posts |= _known(channel, [message.message_id for message in plan.unchanged])
    found = [Reading(message.message_id, *_counts(message)) for message in messages]
    readings.record(posts, found, at=origin.moment)
    readings.follow(posts.values(), now=origin.moment)


def _known(channel: Channel, message_ids: Sequence[int]) -> dict[int, _Known]:
    found = posts_of(channel, message_ids).values_list("telegram_message_id", "pk", "posted_at")
    return {message_id: _Known(pk, posted_at) for message_id, pk, posted_at in found}
