"""Commit the media of a batch: one row per content, locked until the posts that show it exist."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from events.postgresql import arrays, copy_rows, one_trip
from media.models import Channel, MediaObject, MediaState, media_object_id
from media.posts.parsed_message import Blob, ParsedMessage
from media.posts.post_events import StoredFile
from media.services.pipeline.plan import BatchPlan, record_problem
from media.services.pipeline.upload import NotStored, UploadResult, object_key
from storage_quota import services

# Ordered by id, so that two imports cannot deadlock; NO KEY, so that the foreign keys of other
# transactions need not wait for it.
_LOCK = f"""
SELECT id, {", ".join(StoredFile._fields)} FROM media_objects
WHERE tenant_id = %s AND file_sha256 = ANY(%s::text[]) ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608 - names of ours


class MediaVanished(Exception):
    """A content that was known when the batch was planned is gone: the batch is repeated."""


class _NewRow(NamedTuple):
    """Columns of a new `MediaObject`; a batch has thousands, and instances cost ten times as much."""

    id: UUID
    tenant_id: UUID
    file_sha256: str
    mime: str
    size_bytes: int
    s3_key: str
    s3_bucket: str
    width: int | None
    height: int | None
    duration_seconds: float | None
    defect: str
    first_seen_at: datetime
    last_seen_at: datetime
    refs_count: int = 0


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
) -> dict[str, StoredFile]:
    """Insert the new contents; return the files of all by SHA-256. Raises MediaVanished."""
    wanted = {blob.sha256: blob for blob in plan.blobs}
    new = [blob for sha256, blob in sorted(wanted.items()) if sha256 in uploads.put]
    # Another import may have committed the same content since; its row serves both.
    bucket = settings.S3.bucket_name
    rows = [_new_row(channel, blob, bucket=bucket, now=now) for blob in new]
    copy_rows.insert_missing(MediaObject, rows, columns=_NewRow._fields)
    media = _locked(channel, wanted)
    if len(media) < len(wanted):
        raise MediaVanished
    seen_again = [pk for sha256, (pk, _) in media.items() if sha256 in uploads.known]
    if seen_again:
        MediaObject.objects.filter(pk__in=arrays.among(seen_again)).update(last_seen_at=now)
    plan.written.update(objects_inserted=len(new), objects_updated=len(seen_again))
    return {sha256: file for sha256, (_, file) in media.items()}


def _locked(channel: Channel, contents: Collection[str]) -> dict[str, tuple[UUID, StoredFile]]:
    """
    The rows of these contents by SHA-256, each with its id.

    The lock keeps an eviction from them until the posts that show them are written.
    """
    if not contents:
        return {}
    [found] = one_trip.fetch((_LOCK, [channel.tenant_id, arrays.of_texts(contents)]))
    return {sha256: (pk, StoredFile(sha256, *columns)) for pk, sha256, *columns in found}


def _new_row(channel: Channel, blob: Blob, *, bucket: str, now: datetime) -> _NewRow:
    return _NewRow(
        id=media_object_id(channel.tenant_id, blob.sha256),
        tenant_id=channel.tenant_id,
        file_sha256=blob.sha256,
        mime=blob.metadata.mime,
        size_bytes=blob.size_bytes,
        s3_key=object_key(channel.tenant, blob),
        s3_bucket=bucket,
        width=blob.metadata.width,
        height=blob.metadata.height,
        duration_seconds=blob.metadata.duration_seconds,
        defect=blob.metadata.defect or "",
        first_seen_at=now,
        last_seen_at=now,
    )
