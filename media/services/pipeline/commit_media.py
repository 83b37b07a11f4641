"""Commit the media of a batch: one row per content, locked until the posts that show it exist."""

from datetime import datetime

from django.conf import settings

from events.postgresql import copy_rows
from media.models import Channel, MediaObject, MediaState, media_object_id
from media.posts.parsed_message import Blob, ParsedMessage
from media.services.pipeline.plan import BatchPlan, record_problem
from media.services.pipeline.upload import NotStored, UploadResult, object_key
from storage_quota import services


class MediaVanished(Exception):
    """A content that was known when the batch was planned is gone: the batch is repeated."""


def drop_refused(plan: BatchPlan, uploads: UploadResult) -> None:
    """Take the contents that were not stored out of the plan, and record why."""
    for parsed in plan.messages:
        if any(blob.sha256 in uploads.refused for blob in parsed.blobs):
            _drop_refused(parsed, plan, uploads)


def _drop_refused(parsed: ParsedMessage, plan: BatchPlan, uploads: UploadResult) -> None:
    files = [blob for blob in parsed.blobs if not blob.thumbnail_of]
    lost = {
        blob.path: uploads.refused[blob.sha256] for blob in files if blob.sha256 in uploads.refused
    }
    # A thumbnail alone is not kept: nothing could be opened from it.
    parsed.blobs = [
        blob
        for blob in parsed.blobs
        if blob.sha256 not in uploads.refused and blob.thumbnail_of not in lost
    ]
    for path, refusal in lost.items():
        parsed.state = _state_of(refusal)
        record_problem(plan.outcome, parsed.message, parsed.state, path=path, detail=str(refusal))


def _state_of(refusal: NotStored) -> MediaState:
    if isinstance(refusal, services.QuotaExceeded):
        return MediaState.QUOTA_EXCEEDED
    return MediaState.UNREADABLE


def write_media(
    channel: Channel, plan: BatchPlan, uploads: UploadResult, *, now: datetime
) -> dict[str, MediaObject]:
    """Insert the new contents; return the rows of all by SHA-256. Raises MediaVanished."""
    wanted = {blob.sha256: blob for blob in plan.blobs}
    new = [blob for sha256, blob in sorted(wanted.items()) if sha256 in uploads.put]
    # Another import may have committed the same content since; its row serves both.
    copy_rows.insert_missing(MediaObject, [_media_row(channel, blob, now=now) for blob in new])
    # The lock keeps an eviction from these rows until the posts that show them are written.
    # Ordered by id, so that two imports cannot deadlock; NO KEY, so that the foreign keys of
    # other transactions need not wait for it.
    found = MediaObject.objects.select_for_update(no_key=True).filter(
        tenant=channel.tenant, file_sha256__in=wanted
    )
    media = {m.file_sha256: m for m in found.order_by("id")}
    if len(media) < len(wanted):
        raise MediaVanished
    seen_again = [m.pk for m in media.values() if m.file_sha256 in uploads.known]
    MediaObject.objects.filter(pk__in=seen_again).update(last_seen_at=now)
    plan.written.update(objects_inserted=len(new), objects_updated=len(seen_again))
    return media


def _media_row(channel: Channel, blob: Blob, *, now: datetime) -> MediaObject:
    return MediaObject(
        id=media_object_id(channel.tenant_id, blob.sha256),
        tenant_id=channel.tenant_id,
        file_sha256=blob.sha256,
        mime=blob.metadata.mime,
        size_bytes=blob.size_bytes,
        s3_key=object_key(channel.tenant, blob),
        s3_bucket=settings.S3.bucket_name,
        width=blob.metadata.width,
        height=blob.metadata.height,
        duration_seconds=blob.metadata.duration_seconds,
        defect=blob.metadata.defect or "",
        first_seen_at=now,
        last_seen_at=now,
    )
