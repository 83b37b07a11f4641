"""
Tag posts: new ones, those that were analyzed, and those that somebody wants tagged again.

Everything is read after the turn of the tenant has come and written in the same transaction, so
that it may be repeated, come in any order, and be cut off anywhere.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction

from events.metrics import count_when_committed
from events.schemas import PostParsedEventV1, VisionAnalyzedEventV1
from vision.tagging import material, metrics
from vision.tagging.local import TOO_SHORT
from vision.tagging.material import KnownPost
from vision.tagging.rounds import Round, asked_about, in_rounds, ready
from vision.tagging.settle import Change, settle
from vision.tagging.tagged import tag
from vision.tagging.versions import Seen, why_not


def tag_new(events: Sequence[PostParsedEventV1], *, now: datetime) -> int:
    """
    Tag the posts of these events, and the items of their albums, whose texts are new.

    Returns the number of posts that a tagger looked at.
    """
    post_ids, traces = material.with_albums([UUID(one.post_id) for one in events]), _traces(events)
    return in_rounds(post_ids, partial(_tag_new, traces=traces, now=now))


def _tag_new(
    post_ids: Collection[UUID], *, is_last: bool, traces: Mapping[UUID, str], now: datetime
) -> Round:
    answers = asked_about(post_ids, lambda one: not _is_known(one), waits=True)
    with transaction.atomic():
        material.take_turns(post_ids)
        known = material.read(post_ids)
        new = [one for one in known.values() if not _is_known(one)]
        at_hand, others = ready(new, answers, is_last=is_last)
        seen: dict[UUID, Seen | None] = dict.fromkeys((one.post.pk for one in at_hand), None)
        changes = tag(at_hand, "initial", seen, answers)
        settle(changes, traces=traces, now=now)
        skipped = len(known) - len(new)
        count_when_committed(lambda: _count_new(changes, skipped))
    return Round(len(at_hand), others)


def _traces(events: Sequence[PostParsedEventV1 | VisionAnalyzedEventV1]) -> dict[UUID, str]:
    """Each of many posts goes on under the trace of its own message."""
    return {UUID(event.post_id): event.trace_id for event in events}


def _is_known(one: KnownPost) -> bool:
    same = one.tagged is not None and one.tagged.params_hash == one.content_hash
    return same and bool(one.state.get("told_initially"))


def retag(events: Sequence[VisionAnalyzedEventV1], *, now: datetime) -> int:
    """Tag posts again whose analysis is newer or found something else; returns how many changed."""
    return sum(_retag(batch, now=now) for batch in _one_of_each(events))


def _one_of_each(events: Sequence[VisionAnalyzedEventV1]) -> Iterator[list[VisionAnalyzedEventV1]]:
    """Yield the events in their order, in batches with at most one of each post."""
    batch: dict[str, VisionAnalyzedEventV1] = {}
    for event in events:
        if event.post_id in batch:
            yield list(batch.values())
            batch = {}
        batch[event.post_id] = event
    yield list(batch.values())


def _retag(events: Sequence[VisionAnalyzedEventV1], *, now: datetime) -> int:
    said = {UUID(event.post_id): event for event in events}
    return in_rounds(list(said), partial(_retag_some, said=said, now=now))


def _retag_some(
    ids: Collection[UUID],
    *,
    is_last: bool,
    said: Mapping[UUID, VisionAnalyzedEventV1],
    now: datetime,
) -> Round:
    """Tag posts again by their events `said`; the count is of those that changed."""
    started, events = time.perf_counter(), [said[pk] for pk in ids]
    answers = asked_about(
        ids, lambda one: not _why_not(said[one.post.pk], {one.post.pk: one}), waits=True
    )
    with transaction.atomic():
        material.take_turns(ids)
        known = material.read(ids)
        skipped = {event.post_id: _why_not(event, known) for event in events}
        wanted = [known[UUID(event.post_id)] for event in events if not skipped[event.post_id]]
        at_hand, others = ready(wanted, answers, is_last=is_last)
        seen = {one.post.pk: _seen(said[one.post.pk]) for one in at_hand}
        changes = tag(at_hand, "vision_retag", seen, answers)
        changed = settle(changes, traces=_traces(events), now=now)
        seconds = time.perf_counter() - started
        count_when_committed(lambda: _count_again(seen, changed, skipped, seconds))
    return Round(len(changed), others)


def _seen(event: VisionAnalyzedEventV1) -> Seen | None:
    """What the event says of the analysis; None where there is none."""
    return None if event.skipped else Seen(event.vision_version, event.features_hash)


def _why_not(event: VisionAnalyzedEventV1, known: Mapping[UUID, KnownPost]) -> str:
    one, seen = known.get(UUID(event.post_id)), _seen(event)
    if seen is None:
        return "" if one and _has_lost_its_analysis(one) else "vision_skipped"
    if one is None:
        return "post_not_found"
    return why_not(seen, one.tagged_with)


def _has_lost_its_analysis(one: KnownPost) -> bool:
    """Whether its tags are made of what was seen in a picture that it does not show any more."""
    made_of = one.tagged_with
    return made_of is not None and bool(made_of.features_hash) and not one.seen.features_hash


def tag_again(post_ids: Collection[UUID], *, now: datetime) -> int:
    """
    Tag these posts whatever they were tagged with; returns the number of those that changed.

    Somebody waits for it: where the tagger has no answer at once, the local one stands in.
    """
    return in_rounds(post_ids, partial(_tag_again, now=now))


def _tag_again(post_ids: Collection[UUID], *, is_last: bool, now: datetime) -> Round:
    answers = asked_about(post_ids, lambda _: True, waits=False)
    with transaction.atomic():
        material.take_turns(post_ids)
        known = material.read(post_ids)
        at_hand, others = ready(list(known.values()), answers, is_last=is_last)
        seen: dict[UUID, Seen | None] = dict.fromkeys((one.post.pk for one in at_hand), None)
        changes = tag(at_hand, "manual", seen, answers)
        return Round(len(settle(changes, now=now)), others)


def _count_new(changes: Sequence[Change], skipped: int) -> None:
    empty = sum(change.metadata.reason == TOO_SHORT for change in changes)
    metrics.PROCESSED.labels("empty").inc(empty)
    metrics.PROCESSED.labels("tagged").inc(len(changes) - empty)
    metrics.PROCESSED.labels("skipped").inc(skipped)
    metrics.DEDUP_HITS.inc(skipped)


def _count_again(
    tagged: Collection[UUID], changed: Collection[UUID], skipped: Mapping[str, str], seconds: float
) -> None:
    for reason in filter(None, skipped.values()):
        metrics.RETAG_SKIPPED.labels(reason).inc()
    for pk in tagged:
        label = "true" if pk in changed else "false"
        metrics.RETAGGED.labels(label, "ok").inc()
        metrics.RETAG_SECONDS.labels(label).observe(seconds / len(tagged))
