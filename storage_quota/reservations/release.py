"""
Ending promises that were not kept: looks into the bucket before it forgets them.

A worker may be killed, or lose the store's answer, between put and settle: its object
may lie in the bucket and be in no ledger. So a promise counts until its key was cleared:
what the ledger does not know is deleted from the bucket, half written or whole. (Not
adopted: nobody would point to it, and the repeated work stores it again under the same key.)

Clearing holds the rows of all promises for that one key while it talks to the store.
That lock is the lease, and it ends with its process; it keeps new promises for the key,
and nothing else, waiting. A promise that is still good leaves the key alone.

A put that got no answer may be carried out later, when the bucket was looked into already.
So its promise stays for the rest of its natural life, unless the work is repeated and
replaces it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from storage_quota import keys, ledger
from storage_quota.models import Orphan, Reservation, StoredObject
from storage_quota.object_store.factory import get_store
from storage_quota.object_store.port import OUT_OF_ORDER
from storage_quota.reservations.locks import let_reserves_finish

SWEEP_KEYS = 500
"""Keys one run clears at most, so that it ends in good time; the next run goes on."""


@dataclass(frozen=True, slots=True)
class Swept:
    """
    `cleared` keys are accounted for; `left` ones are busy, or the store is out of order.

    In the latter case `trouble` says what it said.
    """

    cleared: int
    left: int
    trouble: str = ""


def release_expired(*, now: datetime, limit: int = SWEEP_KEYS) -> Swept:
    """Clear the keys of promises that expired. May run any number of times at once."""
    expired = Reservation.objects.filter(expires_at__lte=now).exclude(kept_until__gt=now)
    oldest_first = expired.order_by("expires_at").values_list("key", flat=True)
    keys = list(dict.fromkeys(oldest_first[:limit]))
    return _clear_all(keys, over=lambda row: row.expires_at <= now, now=now)


def clear_expired(keys: Iterable[str], *, now: datetime) -> None:
    """
    Before new promises for these keys take the place of expired ones: what a writer that went
    missing left half written is in no promise any more once his own is replaced.

    A store that is out of order takes no new bytes either, so the promises may be replaced.
    """
    expired = Reservation.objects.filter(key__in=list(keys), expires_at__lte=now)
    stale = expired.values_list("key", flat=True).distinct()
    _clear_all(sorted(stale), over=lambda row: row.expires_at <= now, now=now)


def abort_uploads(*, before: datetime) -> int:
    """Free what writers that were killed left half written before then; how many there were."""
    store = get_store()
    stale = [up for up in store.uploads() if up.started_at < before and keys.is_ours(up.key)]
    for upload in stale:
        store.abort(upload)
    return len(stale)


def release(reservation: Reservation) -> bool:
    """End one promise; see `release_many`."""
    return release_many([reservation])


def release_many(reservations: Sequence[Reservation]) -> bool:
    """See `end_many`. False if some keys could not be cleared now."""
    return not end_many(reservations).left


def end_many(reservations: Sequence[Reservation]) -> Swept:
    """
    End promises, whether or not something was put on them.

    Keys that cannot be cleared now are left to the sweep. Outside any transaction, since
    the store is asked about every key: even a promise that was never used may have taken
    over an older one, whose bytes lie in the bucket.
    """
    if not reservations:
        return Swept(cleared=0, left=0)
    _expire(reservations)
    ours = {row.pk for row in reservations}
    keys = sorted({row.key for row in reservations})
    now = max(row.created_at for row in reservations)
    return _clear_all(keys, over=lambda row: row.pk in ours, now=now)


def _expire(reservations: Sequence[Reservation]) -> None:
    """
    From now on the sweep may clear them, and they can no longer be settled.

    A row that was swept already comes back: its object may have been put after that.
    """
    for row in reservations:
        if row.unanswered:
            row.kept_until = max(row.expires_at, row.kept_until or row.expires_at)
        row.expires_at, row.stored = row.created_at, None
    with transaction.atomic(durable=True):
        Reservation.objects.bulk_create(
            reservations,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["expires_at", "kept_until"],
        )


def _clear_all(keys: Sequence[str], *, over: Callable[[Reservation], bool], now: datetime) -> Swept:
    cleared, trouble = 0, ""
    for key in keys:
        try:
            cleared += _clear(key, over=over, now=now)
        except OUT_OF_ORDER as outage:
            trouble = str(outage)
            break  # the next key would wait for the same store
    return Swept(cleared=cleared, left=len(keys) - cleared, trouble=trouble)


def _clear(key: str, *, over: Callable[[Reservation], bool], now: datetime) -> bool:
    """Make ledger and bucket agree about `key`, then drop its promises. False if it is busy."""
    with transaction.atomic(durable=True):
        promises = Reservation.objects.filter(key=key)
        held = list(promises.order_by("id").select_for_update(skip_locked=True))
        let_reserves_finish()
        if promises.count() != len(held) or not all(over(row) for row in held):
            return False
        if any(_writer_went_missing(row) for row in held):
            _abort(key)
        if any(row.kept_until and row.kept_until > now for row in held):
            return False
        _reconcile(key, now=now)
        promises.filter(pk__in=[row.pk for row in held]).delete()
    return True


def _writer_went_missing(promise: Reservation) -> bool:
    """Nobody ended the promise, or the store did not answer who did."""
    return promise.expires_at > promise.created_at or promise.kept_until is not None


def _abort(key: str) -> None:
    """What is half written takes room that is promised to others soon; nor may it end later."""
    store = get_store()
    for upload in store.uploads(key):
        store.abort(upload)


def _reconcile(key: str, *, now: datetime) -> None:
    """No row about `key` can appear meanwhile: that takes a promise, and all are held."""
    store = get_store()
    if not StoredObject.objects.filter(key=key).exists():
        store.delete(key)
        Orphan.objects.filter(key=key).delete()
    elif found := store.head(key):
        ledger.correct_size(key, found.size_bytes, now=now)
