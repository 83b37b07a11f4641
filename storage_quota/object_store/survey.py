"""
Looking at the bucket's server: what it lacks, whether it keeps old versions, what they hold.

A survey is taken daily, by every full check and by `diag_s3 server`; its row tells the console,
the commands and the quota. Nothing is tried that writes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F
from django.db.models.functions import Greatest

from storage_quota.models import BucketState, Reservation
from storage_quota.object_store.errors import LifecycleNeedless, RightMissing, StoreLacks
from storage_quota.object_store.port import LifecycleRule, ObjectStore, OldVersion, UnfinishedUpload

EVERY: Final = timedelta(days=1)
LACKING: Final = "not there"
DENIED: Final = "denied"


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
    lacks, versioning = dict[str, str](), ""
    rules: Sequence[LifecycleRule] = ()
    sizes, uploads = list[int](), list[UnfinishedUpload]()
    with _noted(lacks, "GetBucketVersioning"):
        versioning = store.versioning()
    with _noted(lacks, "lifecycle rules"), suppress(LifecycleNeedless):
        rules = store.lifecycle()
    with _noted(lacks, "ListObjectVersions"):
        sizes = [old.size_bytes for old in _old_versions(store, versioning) if not old.marker]
    with _noted(lacks, "ListMultipartUploads"):
        uploads = list(store.uploads())
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
    """Count what the bucket keeps since just now, if it does; negative for what it kept."""
    if size_bytes:
        kept = BucketState.objects.exclude(versioning="")
        kept.update(old_bytes=Greatest(F("old_bytes") + size_bytes, 0))


def abort(store: ObjectStore, upload: UnfinishedUpload) -> None:
    """Abort an upload that no reservation covers, and count its bytes no more."""
    size_bytes = store.upload_bytes(upload)
    store.abort(upload)
    if size_bytes:
        left = Greatest(F("upload_bytes") - size_bytes, 0)
        BucketState.objects.filter(upload_bytes__gt=0).update(upload_bytes=left)


def _old_versions(store: ObjectStore, versioning: str) -> Iterator[OldVersion]:
    return store.old_versions() if versioning else iter(())


@contextmanager
def _noted(lacks: dict[str, str], name: str) -> Iterator[None]:
    """Note under `name` that the server has no such operation, or denies it."""
    try:
        yield
    except StoreLacks:
        lacks[name] = LACKING
    except RightMissing:
        lacks[name] = DENIED


def _expires_old(rule: LifecycleRule) -> bool:
    return rule.expire_old_days is not None


def _without_reservation(uploads: list[UnfinishedUpload]) -> list[UnfinishedUpload]:
    """Leave out uploads whose bytes are reserved: those count already."""
    keys = {upload.key for upload in uploads}
    reserved = set(Reservation.objects.filter(key__in=keys).values_list("key", flat=True))
    return [upload for upload in uploads if upload.key not in reserved]
