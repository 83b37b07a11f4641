"""Unfinished uploads of killed writers: bytes in the bucket that nothing counts."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from storage_quota import keys
from storage_quota.cleanup.candidates import Candidate, Step
from storage_quota.object_store import survey
from storage_quota.object_store.factory import get_store
from storage_quota.object_store.port import UnfinishedUpload


def candidates(*, before: datetime) -> Iterator[Candidate]:
    """Unfinished uploads begun at `before` or earlier; only of keys that are ours."""
    for upload in get_store().uploads():
        if upload.started_at <= before and keys.is_ours(upload.key):
            yield Candidate(
                step=Step.MULTIPART,
                key=upload.key,
                tenant_id=tenant_id(upload.key),
                content_type=upload.key.partition("/")[0],
                size_bytes=0,
                used_at=upload.started_at,
                ref=upload.upload_id,
            )


def abort(candidate: Candidate) -> bool:
    """Abort the upload; always True."""
    upload = UnfinishedUpload(candidate.key, candidate.ref, started_at=candidate.used_at)
    survey.abort(get_store(), upload)
    return True


def tenant_id(key: str) -> UUID | None:
    """The tenant in whose folder the key lies; None if it lies in none."""
    try:
        return UUID(key.split("/")[1])
    except (IndexError, ValueError):
        return None
