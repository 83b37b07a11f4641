"""Make a batch true: media, posts, events and bytes in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest

from events import outbox, trace
from events.schemas import PostParsedEventV1, VisionUploadedEventV1
from media import announce, bulk, rows
from media.models import (
    Channel,
    MediaObject,
    MediaRole,
    MediaState,
    Post,
    PostMedia,
    media_object_id,
)
from media.rows import Blob, Incoming, PostRow
from media.services.blobs import NotStored, Stored, key_of
from media.services.plan import Plan, complain, posts_of
from storage_quota import services as quota

Announced = PostParsedEventV1 | VisionUploadedEventV1


class MediaVanished(Exception):
    """A blob that was known when the batch began was evicted meanwhile: do the batch again."""


def settle(channel: Channel, batch: Plan, stored: Stored, *, now: datetime) -> None:
    """
    Locks, in this order: channel, media, posts, bucket. The bucket comes last, since every
    tenant waits for it.
    """
    Channel.objects.select_for_update().get(pk=channel.pk)
    _drop_unstored(batch, stored)
    media = _media_rows(channel, batch, stored, now=now)
    events = _post_rows(channel, batch, media, now=now)
    _publish(events, now=now)
    _advance(channel, batch, now=now)
    quota.settle_many(list(stored.put.values()), now=now)
    batch.outcome.counts["media_stored"] += len(stored.put)
    batch.outcome.counts["bytes_stored"] += sum(r.size_bytes for r in stored.put.values())
    batch.outcome.counts["duplicates"] += len(batch.blobs) - len(stored.put)


def _publish(events: Sequence[Announced], *, now: datetime) -> None:
    """Publish with posts of the past marked as backfill, so that new ones go before them."""
    oldest_recent = now - settings.RECENT_POST_AGE
    for backfill in (False, True):
        chosen = [event for event in events if _is_before(event, oldest_recent) == backfill]
        outbox.publish_many(chosen, backfill=backfill)


def _is_before(event: Announced, time: datetime) -> bool:
    return event.posted_at is not None and event.posted_at < time


def _drop_unstored(batch: Plan, stored: Stored) -> None:
    for one in batch.incoming:
        refusal = next(
            (stored.refused[b.sha256] for b in one.blobs if b.sha256 in stored.refused), None
        )
        if refusal is None:
            continue
        one.blobs = [b for b in one.blobs if b.sha256 not in stored.refused]
        if len(one.blobs) == 0 or one.message.attachment.path != one.blobs[0].path:  # type: ignore[union-attr]
            one.blobs, one.state = [], _state_of(refusal)
            complain(batch.outcome, one.message, one.state, detail=str(refusal))


def _state_of(refusal: NotStored) -> MediaState:
    if isinstance(refusal, quota.QuotaExceeded):
        return MediaState.QUOTA_EXCEEDED
    return MediaState.UNREADABLE


def _media_rows(
    channel: Channel, batch: Plan, stored: Stored, *, now: datetime
) -> dict[str, MediaObject]:
    """Rows of every content of the batch, by SHA-256; locked, so that none is evicted."""
    tenant = channel.tenant
    wanted = {blob.sha256: blob for blob in batch.blobs}
    MediaObject.objects.bulk_create(
        [
            _media_row(channel, blob, now=now)
            for sha256, blob in sorted(wanted.items())
            if sha256 in stored.put
        ],
        ignore_conflicts=True,
    )
    found = MediaObject.objects.select_for_update(no_key=True).filter(
        tenant=tenant, file_sha256__in=wanted
    )
    media = {m.file_sha256: m for m in found.order_by("id")}
    if len(media) < len(wanted):
        raise MediaVanished
    seen_again = [m.pk for m in media.values() if m.file_sha256 in stored.known]
    MediaObject.objects.filter(pk__in=seen_again).update(last_seen_at=now)
    return media


def _media_row(channel: Channel, blob: Blob, *, now: datetime) -> MediaObject:
    return MediaObject(
        id=media_object_id(channel.tenant_id, blob.sha256),
        tenant_id=channel.tenant_id,
        file_sha256=blob.sha256,
        mime=blob.facts.mime,
        size_bytes=blob.size_bytes,
        s3_key=key_of(channel.tenant, blob),
        s3_bucket=settings.S3.bucket_name,
        width=blob.facts.width,
        height=blob.facts.height,
        duration_seconds=blob.facts.duration_seconds,
        first_seen_at=now,
        last_seen_at=now,
    )


def _post_rows(
    channel: Channel, batch: Plan, media: dict[str, MediaObject], *, now: datetime
) -> list[Announced]:
    """Write the posts and their media; returns what the floors above should hear."""
    built = [(one, rows.build(channel, one)) for one in batch.incoming]
    existing = _existing(channel, built)
    contents_before = _contents([row.id for row in existing.values()])
    written: list[PostRow] = []
    maps: list[PostMedia] = []
    events: list[Announced] = []
    batch_trace = trace.current() or trace.new()
    for one, row in built:
        trace_id = f"{batch_trace[:64]}:{row.telegram_message_id}"
        before = existing.get(row.telegram_message_id)
        old_print = before.fingerprint if before else ""
        old_revision = before.revision if before else 0
        merged = rows.merge(before, row, one.contents) if before else row
        if merged is None:
            batch.outcome.counts["unchanged"] += 1
            continue
        contents = one.contents or contents_before.get(row.id, [])
        merged.fingerprint = rows.fingerprint(merged, contents)
        written.append(merged)
        batch.outcome.counts["updated" if before else "new"] += 1
        if before:
            merged.revision = old_revision + (merged.fingerprint != old_print)
        if merged.fingerprint != old_print:
            events.append(
                announce.parsed(merged, channel, contents, first=before is None, trace_id=trace_id)
            )
        if one.blobs and one.contents != contents_before.get(row.id):
            maps += _map_rows(merged, one, media, now=now)
            primary = media[one.blobs[0].sha256]
            first = row.id not in contents_before
            events.append(
                announce.uploaded(merged, [primary], first=first, now=now, trace_id=trace_id)
            )
    _write_posts(written, now=now)
    _write_maps(maps)
    return events


def _existing(channel: Channel, built: Sequence[tuple[Incoming, PostRow]]) -> dict[int, PostRow]:
    found = posts_of(channel, [row.telegram_message_id for _, row in built])
    existing = (PostRow(**columns) for columns in found.values(*rows.COLUMNS))
    return {row.telegram_message_id: row for row in existing}


def _contents(posts: Sequence[UUID]) -> dict[UUID, list[str]]:
    result: dict[UUID, list[str]] = {}
    found = PostMedia.objects.filter(post_id__in=posts).order_by("post_id", "position")
    for post, sha256 in found.values_list("post_id", "media_object__file_sha256"):
        result.setdefault(post, []).append(sha256)
    return result


def _map_rows(
    post: PostRow, one: Incoming, media: dict[str, MediaObject], *, now: datetime
) -> list[PostMedia]:
    roles = (MediaRole.PRIMARY, MediaRole.THUMBNAIL)
    return [
        PostMedia(
            post_id=post.id,
            media_object=media[sha256],
            position=position,
            role=role,
            uploaded_at=now,
        )
        for position, (sha256, role) in enumerate(zip(one.contents, roles, strict=False))
    ]


def _write_posts(posts: Sequence[PostRow], *, now: datetime) -> None:
    bulk.upsert(
        Post,
        posts,
        columns=rows.COLUMNS,
        stamps={"created_at": now, "updated_at": now},
        unique=["channel", "telegram_message_id"],
        update=[*rows.FROM_MESSAGE, "updated_at"],
    )


def _write_maps(maps: Sequence[PostMedia]) -> None:
    """The media of a post are replaced as a whole: an edit may have put another picture there."""
    PostMedia.objects.filter(post_id__in={m.post_id for m in maps}).delete()
    PostMedia.objects.bulk_create(maps)


def _advance(channel: Channel, batch: Plan, *, now: datetime) -> None:
    if not batch.incoming:
        return
    newest = max(batch.incoming, key=lambda one: one.message.message_id).message
    Channel.objects.filter(pk=channel.pk).update(
        last_message_id=Greatest(F("last_message_id"), newest.message_id),
        last_message_at=Greatest(F("last_message_at"), newest.posted_at),
        last_parsed_at=now,
    )
