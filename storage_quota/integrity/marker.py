"""
Whose bucket is it? An empty object in it carries the installation's id.

An empty or strange bucket looks as if everything had been deleted. The marker tells: a dead
mount, another bucket and another installation's bucket do not have ours. It has no bytes, so
the books stay exact without knowing it.
"""

from datetime import datetime
from typing import Final

from storage_quota import keys
from storage_quota.integrity.errors import MarkerMissing, WrongBucket
from storage_quota.models import Installation, Reservation, StoredObject
from storage_quota.object_store.port import ObjectStore

TRIED_KEYS: Final = 50
FEW: Final = 10
"""Of the tried keys fewer than so many may be absent, or at most half of them."""


def confirm(store: ObjectStore, *, now: datetime) -> None:
    """
    It is our bucket; otherwise WrongBucket or MarkerMissing.

    A bucket that was never marked is marked now, if what the books say lies in it.
    """
    ours = installation()
    strangers, marked = _marks(store, ours)
    if strangers:
        raise WrongBucket(
            f"The bucket is marked as that of another installation ({', '.join(strangers)};"
            f" this is {ours.pk}): check S3_BUCKET_NAME. If this installation takes it over,"
            " and no other uses it any more: --claim-bucket"
        )
    if not marked and ours.marked_at:
        raise MarkerMissing(
            f"The bucket has no object {keys.marker(ours.pk)}: it is another bucket, or its"
            " disk is not mounted. If it is the right one after all: --claim-bucket"
        )
    if not marked and not _plausible(store):
        raise MarkerMissing(
            "Hardly anything that is in the books lies in this bucket: check S3_BUCKET_NAME,"
            " or mount its disk. If it is the right one after all: --claim-bucket"
        )
    if not marked or not ours.marked_at:
        _mark(store, ours, now=now)


def still_there(store: ObjectStore) -> bool:
    """Whether it is our bucket that says an object is absent."""
    return store.head(keys.marker(installation().pk)) is not None


def claim(store: ObjectStore, *, now: datetime) -> None:
    """A person says that this bucket is ours: mark it, and only as ours."""
    ours = installation()
    _mark(store, ours, now=now)
    for info in list(store.list(keys.MARKERS)):
        if info.key != keys.marker(ours.pk):
            store.delete(info.key)


def installation() -> Installation:
    row, _ = Installation.objects.get_or_create(number=1)
    return row


def _marks(store: ObjectStore, ours: Installation) -> tuple[list[str], bool]:
    marks = [info.key.removeprefix(keys.MARKERS) for info in store.list(keys.MARKERS)]
    return [mark for mark in marks if mark != str(ours.pk)], str(ours.pk) in marks


def _plausible(store: ObjectStore) -> bool:
    tried = list(StoredObject.objects.order_by("?").values_list("key", flat=True)[:TRIED_KEYS])
    absent = sum(store.head(key) is None for key in tried)
    return not tried or absent * 2 <= len(tried) or (absent < min(FEW, len(tried)))


def _mark(store: ObjectStore, ours: Installation, *, now: datetime) -> None:
    nothing = Reservation(key=keys.marker(ours.pk), size_bytes=0)  # a promise of no bytes
    store.put(nothing, b"", mime="application/octet-stream")
    Installation.objects.filter(pk=ours.pk).update(marked_at=now)
