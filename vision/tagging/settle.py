"""What the tags of posts are now: written to their rows of enrichment, and published if it changed."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal
from uuid import UUID

from django.utils import timezone

from events import outbox
from events.logs import trace
from events.models import OutboxEvent
from events.schemas import PostTaggedEventV1, TaggingMetadata
from vision.models import (
    EnrichmentKind,
    EnrichmentStatus,
    PostEnrichment,
    PostTag,
    TagCategory,
    TagState,
)
from vision.tagging.material import KnownPost

Trigger = Literal["initial", "vision_retag", "manual"]
TAGGED_FROM: Final = "tags_version"


@dataclass(frozen=True, slots=True)
class Change:
    """
    What led to the tags of a post: `found` is what a tagger adds to the row, empty for a person.

    `content_hash` is empty where no tagger looked at the text. With `tell` it is published also
    where the tags are the same: one of them got a synonym.
    """

    known: KnownPost
    trigger: Trigger
    content_hash: str = ""
    provider: str = ""
    latency_ms: int | None = None
    metadata: TaggingMetadata = field(default_factory=TaggingMetadata)
    found: Mapping[str, Any] = field(default_factory=dict)
    tell: bool = False


def tags_hash(tags: Iterable[str]) -> str:
    """SHA-256 of the JSON array of the sorted unique tags, non-ASCII kept (CONTRACT §1.7)."""
    told = json.dumps(sorted({tag for tag in tags if tag}), ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()


def settle(
    changes: Collection[Change],
    *,
    traces: Mapping[UUID, str] = MappingProxyType({}),
    now: datetime | None = None,
) -> set[UUID]:
    """
    Write and publish what the tags of these posts are now; returns the posts whose tags changed.

    `traces` are the trace ids of posts where they are not the current one. The caller has
    `material.take_turns`, and one change per post.
    """
    moment = now or timezone.now()
    accepted = _accepted([change.known.post.pk for change in changes])
    rows, told, changed = [], [], set()
    for change in changes:
        known, tags = change.known, accepted[change.known.post.pk]
        trace_id = traces.get(known.post.pk) or trace.current()
        row, is_news = _row(change, tags, trace_id=trace_id, now=moment)
        rows.append(row)
        if known.state.get("tags_hash", tags_hash([])) != row.data["tags_hash"]:
            changed.add(known.post.pk)
        if is_news:
            told.append(_event(change, row))
    _write(rows)
    outbox.publish_many(_with_free_keys(told, {row.post_id: row for row in rows}))
    return changed


def _accepted(post_ids: Collection[UUID]) -> dict[UUID, dict[str, str]]:
    """The names of the tags that hold, in order, with what each names."""
    found: dict[UUID, dict[str, str]] = defaultdict(dict)
    rows = PostTag.objects.filter(post__in=post_ids, state=TagState.ACCEPTED)
    for post_id, name, category in rows.values_list("post", "tag__name", "category"):
        found[post_id][name] = category
    return defaultdict(dict, {pk: dict(sorted(names.items())) for pk, names in found.items()})


def _row(
    change: Change, accepted: Mapping[str, str], *, trace_id: str, now: datetime
) -> tuple[PostEnrichment, bool]:
    """The row as it is to be, and whether that is to be published."""
    known, old, tags = change.known, change.known.state, list(accepted)
    new = tags_hash(tags)
    is_first = change.trigger == "initial" and not old.get("told_initially")
    is_news = is_first or change.tell or old.get("tags_hash", tags_hash([])) != new
    data = {
        **old,
        **change.found,
        "tags": tags,
        "tags_hash": new,
        "topics": [name for name, category in accepted.items() if category == TagCategory.TOPIC],
        "provider": change.provider or old.get("provider", ""),
        "latency_ms": change.latency_ms,
        "tenant_id": str(known.post.tenant_id),
        "trace_id": trace_id,
        "metadata": change.metadata.model_dump(),
        "revision": old.get("revision", 0) + is_news,
        "told_initially": bool(old.get("told_initially")) or is_first,
    }
    if change.trigger == "vision_retag":
        data |= {
            "retagged_at": now.isoformat(),
            "retagged_from_vision_version": old.get(TAGGED_FROM),
        }
    return _enrichment(change, data, now=now), is_news


def _enrichment(change: Change, data: dict[str, Any], *, now: datetime) -> PostEnrichment:
    known = change.known
    kept = known.tagged.params_hash if known.tagged else ""
    return PostEnrichment(
        post=known.post,
        tenant_id=known.post.tenant_id,
        channel_id=known.post.channel_id,
        kind=EnrichmentKind.TAGS,
        provider=data["provider"],
        params_hash=change.content_hash or kept,
        status=EnrichmentStatus.OK,
        data=data,
        created_at=now,
        updated_at=now,
    )


def _write(rows: list[PostEnrichment]) -> None:
    PostEnrichment.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["post", "kind"],
        update_fields=["provider", "params_hash", "status", "data", "updated_at"],
    )


def _event(change: Change, row: PostEnrichment) -> PostTaggedEventV1:
    post, data = change.known.post, row.data
    is_first = change.trigger == "initial" and not change.known.state.get("told_initially")
    rest = "v1" if is_first else f"{change.trigger}:{data['tags_hash'][:16]}"
    of_the_trace = {"trace_id": data["trace_id"]} if data["trace_id"] else {}
    return PostTaggedEventV1(
        **of_the_trace,
        tenant_id=str(post.tenant_id),
        idempotency_key=f"{post.pk}:tagged:{rest}",
        post_id=str(post.pk),
        user_id="",
        channel_id=str(post.channel_id),
        trigger=change.trigger,
        vision_version=data.get(TAGGED_FROM) or None,
        tags=data["tags"],
        tags_hash=data["tags_hash"],
        topics=data["topics"],
        provider=data["provider"],
        latency_ms=change.latency_ms,
        metadata=change.metadata,
    )


def _with_free_keys(
    events: list[PostTaggedEventV1], rows: Mapping[UUID, PostEnrichment]
) -> list[PostTaggedEventV1]:
    """
    The events, each with a key that was not published yet.

    Tags that became what they were once are news: such a key gets the revision of the row.
    """
    keys = [event.idempotency_key for event in events]
    used = OutboxEvent.objects.filter(
        topic=PostTaggedEventV1.topic, version=PostTaggedEventV1.version, idempotency_key__in=keys
    )
    taken = set(used.values_list("idempotency_key", flat=True))
    return [
        event.model_copy(update={"idempotency_key": _again(event, rows)})
        if event.idempotency_key in taken
        else event
        for event in events
    ]


def _again(event: PostTaggedEventV1, rows: Mapping[UUID, PostEnrichment]) -> str:
    return f"{event.idempotency_key}:{rows[UUID(event.post_id)].data['revision']}"
