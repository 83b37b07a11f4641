"""
The locks around promises. Everybody takes them in this order, so nobody waits in a circle:

1. rows of Reservation, ordered by key;
2. the bucket's advisory lock (`reserve`, and taking an orphan into the books);
3. rows of TenantUsage (the ledger only). Who holds one never asks for the bucket's lock.
"""

from collections import defaultdict
from collections.abc import Iterable

from django.db import connection

from storage_quota.models import Reservation

_BUCKET = 0x5B0C4E7
"""Number of the advisory lock; any number that nobody else uses."""


def lock_promises(keys: Iterable[str]) -> dict[str, list[Reservation]]:
    """All promises for these keys, locked; mostly there are none, or one's own."""
    rows = Reservation.objects.filter(key__in=list(keys)).order_by("key", "id")
    promises: dict[str, list[Reservation]] = defaultdict(list)
    for row in rows.select_for_update():
        promises[row.key].append(row)
    return promises


def lock_bucket() -> None:
    """Until the transaction ends, nobody else is promised anything."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_BUCKET])


def let_reserves_finish() -> None:
    """Afterwards every promise that could not see our locks is committed, so we see it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_BUCKET])
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_BUCKET])
