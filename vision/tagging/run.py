"""
Tag posts: new ones, those that were analyzed, and those that somebody wants tagged again.

Everything is read after the turn of the tenant has come and written in the same transaction, so
that it may be repeated, come in any order, and be cut off anywhere.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
from vision.tagging import material, metrics, rows
from vision.tagging.asked import ask
from vision.tagging.asked.kept import Answers
from vision.tagging.asked.tagger import AskedTagger
from vision.tagging.local import TOO_SHORT, LocalTagger
from vision.tagging.material import KnownPost
from vision.tagging.port import Tagged, Tagger
from vision.tagging.rows import Wanted
from vision.tagging.rules import rules
from vision.tagging.settle import TAGGED_FROM, Change, Trigger, settle
from vision.tagging.versions import Seen, newest, why_not

LANGUAGE_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class Answered:
    """What the tagger said of a post, and how long that took, in seconds."""

    tagged: Tagged
    seconds: float


Asked = Mapping[UUID, Answers]
"""What the tagger that costs tokens said, by tenants that have chosen it."""


def _tagger(asked: Asked, tenant_id: UUID) -> Tagger:
    """The tagger of this machine; where answers were asked for, the one that tells them."""
    local = LocalTagger(min_chars=settings.VISION.tagging_min_chars)
    if tenant_id not in asked:
        return local
    return AskedTagger(asked[tenant_id], local, model=ask.model_name())


def _asked(post_ids: Collection[UUID], wants: Callable[[KnownPost], bool], *, waits: bool) -> Asked:
    """
    Ask about those of the posts that are to be tagged, before anything is locked.

    What changes until then is another question, which the change's own event asks.
    """
    if not ask.is_on_somewhere():
        return {}
    known = [one for one in material.read(post_ids).values() if ask.is_on(one.post.tenant)]
    found = ask.answers_for([one for one in known if wants(one)], waits=waits)
    return {one.post.tenant_id: found.get(one.post.tenant_id, Answers()) for one in known}


def tag_new(events: Sequence[PostParsedEventV1], *, now: datetime) -> int:
    """
    Tag the posts of these events, and the items of their albums, whose texts are new.

    Returns the number of posts that a tagger looked at.
    """
    post_ids = material.with_albums([UUID(event.post_id) for event in events])
    answers = _asked(post_ids, lambda one: not _is_known(one), waits=True)
    with transaction.atomic():
        material.take_turns(post_ids)
        known = material.read(post_ids)
        new = [one for one in known.values() if not _is_known(one)]
        seen: dict[UUID, Seen | None] = dict.fromkeys((one.post.pk for one in new), None)
        changes = _tag(new, "initial", seen, answers)
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
    ids = [UUID(event.post_id) for event in events if not event.skipped]
    said = {UUID(event.post_id): event for event in events}
    answers = _asked(
        ids, lambda one: not _why_not(said[one.post.pk], {one.post.pk: one}), waits=True
    )
    with transaction.atomic():
        material.take_turns(ids)
        known = material.read(ids)
        skipped = {event.post_id: _why_not(event, known) for event in events}
        wanted = [event for event in events if not skipped[event.post_id]]
        seen = {UUID(one.post_id): Seen(one.vision_version, one.features_hash) for one in wanted}
        changes = _tag([known[pk] for pk in seen], "vision_retag", seen, answers)
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
    """
    Tag these posts whatever they were tagged with; returns the number of those that changed.

    Somebody waits for it: where the tagger has no answer at once, the local one stands in.
    """
    answers = _asked(post_ids, lambda _: True, waits=False)
    with transaction.atomic():
        material.take_turns(post_ids)
        known = material.read(post_ids)
        changes = _tag(list(known.values()), "manual", dict.fromkeys(known, None), answers)
        return len(settle(changes, now=now))


def _tag(
    posts: Sequence[KnownPost],
    trigger: Trigger,
    seen: Mapping[UUID, Seen | None],
    asked: Asked,
) -> list[Change]:
    """Have the posts tagged and the rows written; `seen` is what an event says of the analysis."""
    given = rules.names_for([one.post for one in posts])
    answers = {one.post.pk: _ask(_tagger(asked, one.post.tenant_id), one) for one in posts}
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
    if tagged.provider == LocalTagger.name:  # others are counted when they are asked
        metrics.REQUESTS.labels(tagged.provider, tagged.model, "true").inc()
        metrics.LATENCY.labels(tagged.provider, tagged.model).observe(seconds)
    return Answered(tagged, seconds if tagged.seconds is None else tagged.seconds)


def _wanted(one: KnownPost, tagged: Tagged, given: Collection[str]) -> list[Wanted]:
    found = [
        Wanted(
            tag.name,
            TagOrigin.MODEL,
            tag.confidence,
            tag.category,
            one.seen.version,
            tagged.provider,
        )
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
