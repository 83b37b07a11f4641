"""
Quarantine of orphans, and their deletion when it is over.

An orphan is deleted by way of a reservation that is expired already and takes over its bytes:
releasing that deletes the object under the locks that keep uploads of the same key waiting.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from accounts.models import Tenant
from storage_quota import keys
from storage_quota.integrity.orphans.records import is_same
from storage_quota.models import ContentType, Orphan, Purpose, Reservation, StoredObject
from storage_quota.object_store.port import ObjectInfo, ObjectStore
from storage_quota.reservations import release
from storage_quota.reservations.locks import lock_reservations

PURGED_AT_ONCE: Final = 500
_ANALYSES: Final = f"{ContentType.VISION}/"


def quarantine(key: str, *, until: datetime) -> bool:
    """
    Set when the orphan is deleted, unless that is set already.

    False if it is foreign, or a person has accepted it, be it since the check has found it.
    """
    ours = Orphan.objects.filter(key=key, foreign=False, accepted=False)
    ours.filter(delete_after__isnull=True).update(delete_after=until)
    return ours.exists()


def purge(store: ObjectStore, *, now: datetime, limit: int = PURGED_AT_ONCE) -> int:
    """
    Delete orphans whose quarantine is over; returns how many.

    The caller has confirmed the bucket's marker. Analyses that a former release has put into
    quarantine are let out: the next check finds them, and its repair enters them.
    """
    Orphan.objects.filter(key__startswith=_ANALYSES).update(delete_after=None)
    due = Orphan.objects.filter(delete_after__lte=now, foreign=False).order_by("delete_after")
    return sum(_purge(store, row, now=now) for row in due[:limit])


def _purge(store: ObjectStore, row: Orphan, *, now: datetime) -> bool:
    info = store.head(row.key)
    if info is not None and not is_same(row, info):
        quarantined = (row.delete_after or now) - row.found_at
        _begin_again(row, info, quarantined, now=now)
        return False
    with transaction.atomic(durable=True):
        # Reservations are locked before the orphan's row, as everywhere.
        reservations = lock_reservations([row.key])
        if reservations or not _still_due(row, now=now):
            return False
        # In one transaction: the bytes are always counted by exactly one of the two rows.
        reservation = _reservation(row, now=now)
        row.delete()
        reservation.save(force_insert=True)
    return release.release(reservation)


def _begin_again(row: Orphan, info: ObjectInfo, quarantine: timedelta, *, now: datetime) -> None:
    """Start the quarantine again, for another object that replaced the one recorded."""
    Orphan.objects.filter(pk=row.pk, etag=row.etag).update(
        size_bytes=info.size_bytes,
        etag=info.etag[:100],
        modified_at=info.modified_at,
        found_at=now,
        delete_after=now + max(quarantine, timedelta(0)),
    )


def _still_due(row: Orphan, *, now: datetime) -> bool:
    """Lock the row; whether it is unchanged, its tenant exists and the ledger has no entry."""
    locked = Orphan.objects.select_for_update().filter(
        pk=row.pk, etag=row.etag, delete_after__lte=now
    )
    if not locked.exists() or not _tenant_is_known(row.key):
        return False
    if StoredObject.objects.filter(key=row.key).exists():
        locked.delete()
        return False
    return True


def _tenant_is_known(key: str) -> bool:
    owner = keys.owner(key)
    return owner is not None and Tenant.objects.filter(pk=owner[1]).exists()


def _reservation(row: Orphan, *, now: datetime) -> Reservation:
    kind, tenant_id = keys.owner_or_raise(row.key)
    return Reservation.expired(
        Purpose.ORPHAN, owner=(tenant_id, kind), key=row.key, size_bytes=row.size_bytes, now=now
    )
