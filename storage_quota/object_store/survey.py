"""
Looking at the bucket's server: what it lacks, whether it keeps old versions, what they hold.

A survey is taken daily, by every full check and by `diag_s3 server`; its row tells the console,
the commands and the quota. Nothing is tried that writes.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.db.models import F
from django.db.models.functions import Greatest

from storage_quota.models import BucketState, Reservation
from storage_quota.object_store.errors import StoreForbidden, StoreLacks
from storage_quota.object_store.port import LifecycleRule, ObjectStore, UnfinishedUpload

EVERY: Final = timedelta(days=1)
LACKING: Final = "not there"
DENIED: Final = "denied"

Answer = TypeVar("Answer")


def state() -> BucketState | None:
    """The last survey; None before the first."""
    return BucketState.objects.first()


def is_due(place: str, *, now: datetime) -> bool:
    """Whether the last survey is older than a day, or was one of another bucket."""
    recent = BucketState.objects.filter(place=place[:500], surveyed_at__gt=now - EVERY)
    return not recent.exists()


def take(store: ObjectStore, place: str, *, now: datetime) -> BucketState:
    """
    Survey the bucket and keep the result.

    What the server lacks or denies is noted. Raises StoreUnavailable, or StoreForbidden where
    nothing at all is allowed.
    """
    next(iter(store.list()), None)
    lacks: dict[str, str] = {}
    versioning = _ask(lacks, "GetBucketVersioning", store.versioning, "")
    rules = _ask(lacks, "lifecycle rules", store.lifecycle, ())
    sizes = _ask(lacks, "ListObjectVersions", lambda: _old_sizes(store), []) if versioning else []
    uploads = _ask(lacks, "ListMultipartUploads", lambda: list(store.uploads()), [])
    lacks |= dict.fromkeys(store.lacks(), LACKING)
    uncounted = _without_reservation(uploads)
    BucketState.objects.update_or_create(
        number=1,
        defaults={
            "place": place[:500],
            "surveyed_at": now,
            "lacks": lacks,
            "versioning": versioning[:20],
            "expires_old": any(_expires_old(rule) for rule in rules),
            "old_count": len(sizes),
            "old_bytes": sum(sizes),
            "uploads_count": len(uploads),
            "upload_bytes": sum(store.upload_bytes(upload) for upload in uncounted),
        },
    )
    return BucketState.objects.get(number=1)


def count_old(size_bytes: int) -> None:
    """Count what was replaced or deleted just now, where the bucket keeps it (negative: not any more)."""
    if size_bytes:
        kept = BucketState.objects.exclude(versioning="")
        kept.update(old_bytes=Greatest(F("old_bytes") + size_bytes, 0))


def _ask(lacks: dict[str, str], name: str, ask: Callable[[], Answer], otherwise: Answer) -> Answer:
    try:
        return ask()
    except StoreLacks:
        lacks[name] = LACKING
    except StoreForbidden:
        lacks[name] = DENIED
    return otherwise


def _old_sizes(store: ObjectStore) -> list[int]:
    return [version.size_bytes for version in store.old_versions()]


def _expires_old(rule: LifecycleRule) -> bool:
    return rule.expire_old_days is not None


def _without_reservation(uploads: list[UnfinishedUpload]) -> list[UnfinishedUpload]:
    """Leave out uploads whose bytes are reserved: those count already."""
    keys = {upload.key for upload in uploads}
    reserved = set(Reservation.objects.filter(key__in=keys).values_list("key", flat=True))
    return [upload for upload in uploads if upload.key not in reserved]
