"""
Reservations that are released after their row was deleted: settled, expired, or both.

Whoever holds one does not know what became of it: its object may have been settled and evicted
since, or written after the key was cleared. So the key has to be cleared again, which a row says
until the store has answered. What that row takes was given back long ago, and may be another's by
now: so it is asked for like any other, and takes what is free, down to nothing. The sums never pass
a limit by it; and where an object that nobody knows of does lie there, what is free is kept for it.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from uuid import UUID

from storage_quota import selectors
from storage_quota.limits import decide
from storage_quota.models import Reservation, StoredObject
from storage_quota.reservations.locks import lock_bucket, lock_reservations
from storage_quota.tenant_settings import ceilings


def readmitted(reservations: Sequence[Reservation]) -> list[Reservation]:
    """
    These reservations, without those whose key is cared for already, with what they may take.

    Inside a transaction, which holds the bucket's lock to its end if a row is inserted.
    """
    locked = lock_reservations({row.key for row in reservations})
    there = {row.pk for rows in locked.values() for row in rows}
    missing = [row for row in reservations if row.pk not in there]
    gone = _not_counted(missing, locked) if missing else []
    if gone:
        _take_what_is_free(gone)
    kept = there | {row.pk for row in gone}
    return [row for row in reservations if row.pk in kept]


def _not_counted(
    missing: Sequence[Reservation], locked: dict[str, list[Reservation]]
) -> list[Reservation]:
    """Leave what nothing else counts that is known of their keys: a key has one object."""
    counted = Counter({key: sum(row.size_bytes for row in rows) for key, rows in locked.items()})
    entries = StoredObject.objects.filter(key__in={row.key for row in missing})
    counted.update(dict(entries.values_list("key", "size_bytes")))
    for row in missing:
        row.size_bytes = max(0, row.size_bytes - counted[row.key])
    return [row for row in missing if row.size_bytes]


def _take_what_is_free(reservations: Sequence[Reservation]) -> None:
    """Insert the rows, account by account: the next one's sums count those of the last."""
    lock_bucket()
    accounts: dict[tuple[UUID, str], list[Reservation]] = defaultdict(list)
    for row in reservations:
        accounts[row.tenant_id, row.content_type].append(row)
    for (tenant_id, kind), rows in accounts.items():
        usage = selectors.taken(tenant_id=tenant_id, content_type=kind)
        most = ceilings(rows[0].tenant, kind)
        for row in rows:
            asked = decide(content_type=kind, requested=row.size_bytes, usage=usage, ceilings=most)
            row.size_bytes = min(row.size_bytes, asked.available)
            usage = usage.plus(row.size_bytes)
        Reservation.objects.bulk_create(rows)
