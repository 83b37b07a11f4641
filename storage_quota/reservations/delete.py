"""Deleting objects: first from the ledger, then from the bucket."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from storage_quota import ledger
from storage_quota.models import Purpose, Reservation, StoredObject
from storage_quota.reservations.release import release_many


def forget(keys: Iterable[str], *, now: datetime, only: Q | None = None) -> list[Reservation]:
    """
    Remove objects from the ledger, in the transaction that deletes the last row pointing to them.

    `only` is a condition on the ledger's rows, checked under the ledger's lock. Returns a
    tombstone for each object: it keeps the bytes counted until the object is deleted. Hand the
    tombstones to `release_many` after the commit; if the process is killed before that,
    `release_expired` deletes the objects.
    """
    with transaction.atomic():
        tombstones = [
            Reservation.expired(
                Purpose.TOMBSTONE,
                owner=(row.tenant_id, row.content_type),
                key=row.key,
                size_bytes=row.size_bytes,
                now=now,
            )
            for row in ledger.remove(keys, now=now, only=only)
        ]
        return Reservation.objects.bulk_create(tombstones)


def remove(keys: Sequence[str], *, now: datetime) -> bool:
    """Delete objects from ledger and bucket. False if some are left to `release_expired`."""
    return release_many(forget(keys, now=now))


def lock_existing(keys: Iterable[str]) -> set[str]:
    """
    Select the keys that are in the ledger; they stay there until the caller's transaction ends.

    For a caller that writes a row pointing to objects it did not store just now. It calls this
    before it locks that row: eviction locks the ledger first and the pointing rows second.
    """
    rows = StoredObject.objects.filter(key__in=list(keys)).order_by("key")
    # no_key: several callers may point to one object at once, only its deletion has to wait.
    return set(rows.select_for_update(no_key=True).values_list("key", flat=True))
