"""Have posts tagged, and write the rows of their tags, in the transaction of the caller."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings

from events.schemas import TaggingMetadata
from media.models import Post
from vision.models import TagOrigin
from vision.policy.language import detect
from vision.tagging import metrics, rows
from vision.tagging.asked import ask
from vision.tagging.asked.tagger import AskedTagger
from vision.tagging.local import LocalTagger
from vision.tagging.material import KnownPost
from vision.tagging.port import Tagged, Tagger
from vision.tagging.rounds import Asked
from vision.tagging.rows import Wanted
from vision.tagging.rules import rules
from vision.tagging.settle import TAGGED_FROM, Change, Trigger
from vision.tagging.versions import Seen, newest

LANGUAGE_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class Answered:
    """What the tagger said of a post, and how long that took, in seconds."""

    tagged: Tagged
    seconds: float


def tag(
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
    # Of two events the older may come last: the tags are made of what the database has.
    seen = one.seen if one.seen.features_hash else said or Seen()
    before = one.tagged_with or Seen()
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


def _tagger(asked: Asked, tenant_id: UUID) -> Tagger:
    """The tagger of this machine; where answers were asked for, the one that tells them."""
    local = LocalTagger(min_chars=settings.VISION.tagging_min_chars)
    if tenant_id not in asked:
        return local
    return AskedTagger(asked[tenant_id], local, model=ask.model_name())
