"""
The locks around reservations. All code takes them in this order, so none waits in a circle:

1. rows of Reservation, ordered by key;
2. the bucket's advisory lock (`reserve`, and adopting an orphan);
3. rows of TenantUsage (only in `ledger`). A transaction that holds one never asks for 2.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from events.postgresql import advisory_locks, arrays, one_trip
from storage_quota.models import Reservation

BUCKET: Final = "storage_quota.bucket"
"""Name of the advisory lock."""


def lock_reservations(keys: Iterable[str]) -> dict[str, list[Reservation]]:
    """Lock and return all reservations of these keys; most keys have none, or the caller's own."""
    [rows] = one_trip.fetch(to_lock(keys))
    return by_key(one_trip.objects(Reservation, rows))


def to_lock(keys: Iterable[str]) -> one_trip.Statement:
    """Read all reservations of these keys, which are locked by that, in a transaction."""
    sql = f"{one_trip.every(Reservation)} WHERE key = ANY(%s::text[]) ORDER BY key, id FOR UPDATE"
    return sql, [arrays.of_texts(keys)]


def by_key(rows: Iterable[Reservation]) -> dict[str, list[Reservation]]:
    reservations: dict[str, list[Reservation]] = defaultdict(list)
    for row in rows:
        reservations[row.key].append(row)
    return reservations


def lock_bucket() -> None:
    """Wait until no other process is reserving, and let none begin before the transaction ends."""
    advisory_locks.in_turn(BUCKET)


def wait_for_pending_reservations() -> None:
    """
    Wait until those who are reserving now have committed, so that their rows can be seen.

    Reservations that begin later wait for the row locks that the caller holds.
    """
    advisory_locks.wait_until_free(BUCKET)
