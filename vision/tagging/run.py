"""
Tag posts: new ones, those that were analyzed, and those that somebody wants tagged again.

Everything is read after the turn of the tenant has come and written in the same transaction, so
that it may be repeated, come in any order, and be cut off anywhere.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from events.metrics import count_when_committed
from events.schemas import PostParsedEventV1, TaggingMetadata, VisionAnalyzedEventV1
from media.models import Post
from vision.models import TagOrigin
from vision.policy.language import detect
from vision.tagging import material, metrics, rows, rules
from vision.tagging.local import LocalTagger
from vision.tagging.material import KnownPost
from vision.tagging.port import Tagged, Tagger
from vision.tagging.rows import Wanted
from vision.tagging.settle import TAGGED_FROM, Change, Trigger, settle
from vision.tagging.versions import Seen, newest, why_not

LANGUAGE_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class Answered:
    """What the tagger said of a post, and how long that took, in seconds."""

    tagged: Tagged
    seconds: float


def tagger() -> Tagger:
    return LocalTagger(min_chars=settings.VISION.tagging_min_chars)


def tag_new(events: Sequence[PostParsedEventV1], *, now: datetime) -> int:
    """
    Tag the posts of these events, and the items of their albums, whose texts are new.

    Returns the number of posts that a tagger looked at.
    """
    post_ids = material.with_albums([UUID(event.post_id) for event in events])
    with transaction.atomic():
        material.take_turns(post_ids)
        known = material.read(post_ids)
        new = [one for one in known.values() if not _is_known(one)]
        changes = _tag(new, "initial", dict.fromkeys((one.post.pk for one in new), None))
        settle(changes, traces=_traces(events), now=now)
        skipped = len(known) - len(new)
        count_when_committed(lambda: _count_new(changes, skipped))
    return len(new)


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
    started = time.perf_counter()
    with transaction.atomic():
        ids = [UUID(event.post_id) for event in events if not event.skipped]
        material.take_turns(ids)
        known = material.read(ids)
        skipped = {event.post_id: _why_not(event, known) for event in events}
        wanted = [event for event in events if not skipped[event.post_id]]
        seen = {UUID(one.post_id): Seen(one.vision_version, one.features_hash) for one in wanted}
        changes = _tag([known[pk] for pk in seen], "vision_retag", seen)
        changed = settle(changes, traces=_traces(events), now=now)
        seconds = time.perf_counter() - started
        count_when_committed(lambda: _count_again(seen, changed, skipped, seconds))
    return len(changed)


def _why_not(event: VisionAnalyzedEventV1, known: Mapping[UUID, KnownPost]) -> str:
    if event.skipped:
        return "vision_skipped"
    one = known.get(UUID(event.post_id))
    if one is None:
        return "post_not_found"
    return why_not(Seen(event.vision_version, event.features_hash), one.tagged_with)


def tag_again(post_ids: Collection[UUID], *, now: datetime) -> int:
    """Tag these posts whatever they were tagged with; returns the number of those that changed."""
    with transaction.atomic():
        material.take_turns(post_ids)
        known = material.read(post_ids)
        changes = _tag(list(known.values()), "manual", dict.fromkeys(known, None))
        return len(settle(changes, now=now))


def _tag(
    posts: Sequence[KnownPost], trigger: Trigger, seen: Mapping[UUID, Seen | None]
) -> list[Change]:
    """Have the posts tagged and the rows written; `seen` is what an event says of the analysis."""
    given = rules.names_for([one.post for one in posts])
    asked = tagger()
    answers = {one.post.pk: _ask(asked, one) for one in posts}
    wanted: dict[Post, list[Wanted]] = {
        one.post: _wanted(one, answers[one.post.pk].tagged, given.get(one.post.pk, ()))
        for one in posts
    }
    rows.put(wanted)
    return [_change(one, trigger, answers[one.post.pk], seen[one.post.pk]) for one in posts]


def _ask(asked: Tagger, one: KnownPost) -> Answered:
    started = time.perf_counter()
    try:
        tagged = asked.find(one.material)
    except Exception as error:
        metrics.REQUESTS.labels(asked.name, asked.model, "false").inc()
        metrics.FAILURES.labels(asked.name, type(error).__name__).inc()
        raise
    seconds = time.perf_counter() - started
    metrics.REQUESTS.labels(asked.name, asked.model, "true").inc()
    metrics.LATENCY.labels(asked.name, asked.model).observe(seconds)
    return Answered(tagged, seconds)


def _wanted(one: KnownPost, tagged: Tagged, given: Collection[str]) -> list[Wanted]:
    found = [
        Wanted(tag.name, TagOrigin.MODEL, tag.confidence, tag.category, one.seen.version)
        for tag in tagged.tags
    ]
    found += [Wanted(name, TagOrigin.RULE) for name in given]
    return found + [Wanted(name, TagOrigin.HASHTAG) for name in one.material.hashtags]


def _change(one: KnownPost, trigger: Trigger, answer: Answered, said: Seen | None) -> Change:
    seen, before = said or one.seen, one.tagged_with or Seen()
    version = newest(seen.version, before.version)
    found = {TAGGED_FROM: version, "features_hash": seen.features_hash}
    return Change(
        one,
        trigger,
        content_hash=one.content_hash,
        provider=answer.tagged.provider,
        latency_ms=round(1000 * answer.seconds),
        metadata=TaggingMetadata(
            model=answer.tagged.model,
            language=detect(one.material.text[:LANGUAGE_CHARS]),
            reason=answer.tagged.reason,
            retagged=trigger == "vision_retag",
        ),
        found=found,
    )


def _count_new(changes: Sequence[Change], skipped: int) -> None:
    empty = sum(bool(change.metadata.reason) for change in changes)
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
