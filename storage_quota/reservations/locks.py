"""
The locks around reservations. All code takes them in this order, so none waits in a circle:

1. rows of Reservation, ordered by key;
2. the bucket's advisory lock (`reserve`, and adopting an orphan);
3. rows of TenantUsage (only in `ledger`). A transaction that holds one never asks for 2.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from django.db.models import QuerySet

from events.postgresql import advisory_locks, arrays
from storage_quota.models import Reservation

BUCKET: Final = "storage_quota.bucket"
"""Name of the advisory lock."""


def lock_reservations(keys: Iterable[str]) -> dict[str, list[Reservation]]:
    """Lock and return all reservations of these keys; most keys have none, or the caller's own."""
    return by_key(to_lock(keys))


def to_lock(keys: Iterable[str]) -> QuerySet[Reservation]:
    """All reservations of these keys, which are locked as they are read."""
    rows = Reservation.objects.filter(key__in=arrays.among(list(keys))).order_by("key", "id")
    return rows.select_for_update()


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
