"""Keep what the source said of the posts of a batch, in the transaction that writes them."""

from media.history import absence, observations
from media.history.observations import Observation
from media.history.origins import Origin, save_source
from media.models import Channel
from media.services.pipeline.batches import Stretch
from media.services.pipeline.confirm import PostsChanged
from media.services.pipeline.plan import BatchPlan
from media.sources.port import Message

_AS_STORED: tuple[str | None, int | None] = (None, None)


def record(channel: Channel, plan: BatchPlan, *, origin: Origin, stretch: Stretch) -> None:
    """
    Note that the source had these posts, as what, and which of the channel it has no more.

    Raises PostsChanged where a post is no more as it was when the batch was planned.
    """
    source = save_source(channel, origin)
    said = [_observed(parsed.message, plan) for parsed in plan.messages]
    said += [_observed(message, plan, message.fingerprint) for message in plan.unchanged]
    if observations.record(channel, source, said, at=origin.moment) < len(said):
        raise PostsChanged
    ids = {one.message_id for one in said}
    observations.record_seen(
        channel, source, [i for i in stretch.ids if i not in ids], at=origin.moment
    )
    if origin.is_whole:
        absence.cover(source, after_id=stretch.after_id, ids=stretch.ids, whole=stretch.is_whole)
    changed = absence.settle(channel, after_id=stretch.after_id, ids=stretch.ids)
    plan.outcome.counts.update(changed)


def _observed(message: Message, plan: BatchPlan, fingerprint: str | None = None) -> Observation:
    version, gaps = plan.said.get(message.message_id, _AS_STORED)
    return Observation(
        message.message_id,
        fingerprint,
        version,
        gaps,
        message.views,
        message.forwards,
        message.replies,
        sum([r.count for r in message.reactions]) if message.reactions else None,
    )
