"""Orphaned uploads: bytes that a killed writer left, in no ledger and under no promise."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from storage_quota import keys
from storage_quota.cleanup.candidates import Step, Victim
from storage_quota.object_store.factory import get_store
from storage_quota.object_store.port import Upload


def victims(*, before: datetime) -> Iterator[Victim]:
    """Begun at `before` or earlier; keys that are not ours are left to their owner."""
    for upload in get_store().uploads():
        if upload.started_at <= before and keys.is_ours(upload.key):
            yield Victim(
                step=Step.MULTIPART,
                key=upload.key,
                tenant_id=_tenant_id(upload.key),
                content_type=upload.key.partition("/")[0],
                size_bytes=0,
                used_at=upload.started_at,
                ref=upload.upload_id,
            )


def abort(victim: Victim) -> None:
    get_store().abort(Upload(key=victim.key, upload_id=victim.ref, started_at=victim.used_at))


def _tenant_id(key: str) -> UUID | None:
    try:
        return UUID(key.split("/")[1])
    except (IndexError, ValueError):
        return None
