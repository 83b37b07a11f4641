"""
Ending reservations that were not settled, after examining the bucket.

A worker may be killed, or lose the store's answer, between put and settle: its object may lie
in the bucket without an entry in the ledger. So a reservation counts until its key is cleared:
an object that the ledger does not know is deleted, whole or half written. (It is not adopted:
nothing would point to it, and repeated work stores it again under the same key.)

Clearing holds the row locks of all reservations of one key while it talks to the store. These
locks are the lease: they end with the process, and only new reservations of the same key wait
for them. A key with a reservation that has not expired is left alone.

A put without an answer may still be carried out after the bucket was examined. Such a
reservation stays until `may_land_until`, unless the work is repeated and replaces it. So does one
whose writer was killed, until it expires.
"""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import OperationalError, transaction

from events.postgresql import arrays, one_trip
from events.workers import liveness
from storage_quota import keys, ledger
from storage_quota.models import Orphan, Reservation, StoredObject
from storage_quota.object_store import survey
from storage_quota.object_store.errors import (
    OUT_OF_ORDER,
    RightMissing,
    StoreForbidden,
    StoreNotWritable,
)
from storage_quota.object_store.factory import get_store
from storage_quota.reservations import readmission
from storage_quota.reservations.locks import wait_for_pending_reservations

KEYS_AT_ONCE = 500
"""Keys that one run of `release_expired` clears at most; the next run goes on."""


@dataclass(frozen=True, slots=True)
class ReleaseResult:
    """
    What became of the keys: `cleared` ones have no reservation any more, `remaining` ones do.

    Keys remain while they are in use, or where the store failed: then `error` is its message.
    """

    cleared: int
    remaining: int
    error: str = ""


def release_expired(*, now: datetime, limit: int = KEYS_AT_ONCE) -> ReleaseResult:
    """Clear the keys of expired reservations. Any number of processes may do this at once."""
    expired = Reservation.objects.filter(expires_at__lte=now).exclude(may_land_until__gt=now)
    oldest_first = expired.order_by("expires_at").values_list("key", flat=True)
    keys = list(dict.fromkeys(oldest_first[:limit]))
    return _clear_all(keys, may_end=lambda row: row.expires_at <= now, now=now)


def left_for(keys: Iterable[str]) -> one_trip.Statement:
    """Read the reservations that `clear_left` looks at."""
    sql = f"{one_trip.every(Reservation)} WHERE key = ANY(%s::text[])"
    return sql, [arrays.of_texts(keys)]


def clear_left(rows: Sequence[Reservation], *, now: datetime) -> AbstractSet[UUID]:
    """
    Clear the keys of `rows` before new reservations replace what is left of earlier writers.

    Returns the writers that are gone: their reservations may be replaced before they expire.
    Afterwards nothing refers to what a writer left half written, so that is aborted now. Raises
    StoreUnavailable where the store does not answer: its bytes would count no more. Where it
    denies that, the work goes on, since it may deny only the deletion.
    """
    gone = _gone_writers(row for row in rows if row.expires_at > now)
    stale = sorted({row.key for row in rows if is_left(row, gone, now=now)})
    for key in stale:
        try:
            _clear(key, may_end=lambda row: is_left(row, gone, now=now), now=now)
        except (StoreForbidden, StoreNotWritable):
            break  # the next key would be denied, too
    return gone


def is_left(reservation: Reservation, gone: AbstractSet[UUID], *, now: datetime) -> bool:
    """Whether nobody works on the reservation any more; `gone` are the writers that are."""
    return reservation.expires_at <= now or reservation.writer in gone


def _gone_writers(rows: Iterable[Reservation]) -> set[UUID]:
    """The writers that are gone. This process knows itself to be alive."""
    writers = {row.writer for row in rows if row.writer is not None}
    if not writers:
        return set()
    try:
        return liveness.gone_of(writers - {liveness.worker_id()})
    except OperationalError:  # no connection to look at the others with: nobody is given up
        return set()


def abort_uploads(*, before: datetime) -> int:
    """Abort unfinished uploads that began before `before`; returns how many there were."""
    store = get_store()
    stale = [up for up in store.uploads() if up.started_at < before and keys.is_ours(up.key)]
    for upload in stale:
        survey.abort(store, upload)
    return len(stale)


def release(reservation: Reservation) -> bool:
    """End one reservation; see `release_many`."""
    return release_many([reservation])


def release_many(reservations: Sequence[Reservation]) -> bool:
    """End reservations; see `release_with_result`. False if some keys could not be cleared now."""
    return not release_with_result(reservations).remaining


def release_with_result(reservations: Sequence[Reservation]) -> ReleaseResult:
    """
    End reservations, whether or not something was written for them. Outside any transaction.

    Keys that cannot be cleared now are cleared by `release_expired` later. The store is asked
    about every key: even a reservation that was never used may have replaced an older one,
    whose object lies in the bucket.
    """
    left = _expire(reservations)
    if not left:
        return ReleaseResult(cleared=0, remaining=0)
    ours = {row.pk for row in left}
    keys = sorted({row.key for row in left})
    now = max(row.created_at for row in reservations)
    return _clear_all(keys, may_end=lambda row: row.pk in ours, now=now)


def _expire(reservations: Sequence[Reservation]) -> list[Reservation]:
    """
    Let `release_expired` clear them from now on, and return them; they cannot be settled any more.

    A row that was deleted already is inserted again, since its object may have been written after
    that; what it takes then is for `readmission` to say.
    """
    for row in reservations:
        if row.unconfirmed:
            row.may_land_until = max(row.expires_at, row.may_land_until or row.expires_at)
        row.expires_at, row.receipt = row.created_at, None
    with transaction.atomic(durable=True):
        left = readmission.readmitted(reservations)
        Reservation.objects.bulk_create(
            left,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["expires_at", "may_land_until"],
        )
    return left


def _clear_all(
    keys: Sequence[str], *, may_end: Callable[[Reservation], bool], now: datetime
) -> ReleaseResult:
    cleared, error = 0, ""
    for key in keys:
        try:
            cleared += _clear(key, may_end=may_end, now=now)
        except OUT_OF_ORDER as outage:
            error = str(outage)
            break  # the next key would wait for the same store
    return ReleaseResult(cleared=cleared, remaining=len(keys) - cleared, error=error)


def _clear(key: str, *, may_end: Callable[[Reservation], bool], now: datetime) -> bool:
    """Make ledger and bucket agree about `key`, then delete its reservations. False if in use."""
    with transaction.atomic(durable=True):
        reservations = Reservation.objects.filter(key=key)
        # skip_locked: a row that another process clears or settles is counted below, and refuses.
        locked = list(reservations.order_by("id").select_for_update(skip_locked=True))
        wait_for_pending_reservations()
        if not locked or reservations.count() != len(locked) or not all(map(may_end, locked)):
            return False
        if any(_writer_went_missing(row) for row in locked):
            _abort(key)
        if any(_may_land(row, now) for row in locked):
            return False
        _reconcile(key, now=now, size_bytes=max(row.size_bytes for row in locked))
        reservations.filter(pk__in=[row.pk for row in locked]).delete()
    return True


def _may_land(reservation: Reservation, now: datetime) -> bool:
    until = reservation.may_land_until
    return reservation.expires_at > now or (until is not None and until > now)


def _writer_went_missing(reservation: Reservation) -> bool:
    """Whether nobody ended the reservation, or its put got no answer."""
    return reservation.expires_at > reservation.created_at or reservation.may_land_until is not None


def _abort(key: str) -> None:
    """
    Abort the unfinished uploads of `key`.

    They take space that is about to be reserved by others, and must not be completed later.
    """
    store = get_store()
    # Where only their listing is denied, there are none to be seen: the rest is done.
    with suppress(RightMissing):
        for upload in store.uploads(key):
            store.abort(upload)


def _reconcile(key: str, *, now: datetime, size_bytes: int) -> None:
    """
    Delete an object that the ledger does not know; enter the true size of one that it knows.

    `size_bytes`: what an object that is deleted may have, and a bucket with versions keeps.
    """
    store = get_store()
    # No entry for `key` can appear meanwhile: that takes a reservation, and all are locked.
    if not StoredObject.objects.filter(key=key).exists():
        store.delete(key)
        survey.count_old(size_bytes)
        Orphan.objects.filter(key=key).delete()
    elif found := store.head(key):
        ledger.correct_size(key, found.size_bytes, now=now)
