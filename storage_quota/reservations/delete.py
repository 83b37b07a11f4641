"""Objects leave: out of the ledger first, then out of the bucket."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from storage_quota import ledger
from storage_quota.models import Reservation, StoredObject
from storage_quota.reservations.release import release_many


def forget(keys: Iterable[str], *, now: datetime, only: Q | None = None) -> list[Reservation]:
    """
    Take objects out of the ledger, in the transaction that drops the last row pointing to them.

    `only` is asked of each ledger row under the ledger's lock: what has changed stays.
    Their bytes stay covered by promises that are expired from the start. After the
    commit, hand these to `release_many`; if nobody does, the sweep deletes the objects.
    """
    with transaction.atomic():
        covers = [
            Reservation(
                tenant_id=row.tenant_id,
                content_type=row.content_type,
                key=row.key,
                size_bytes=row.size_bytes or 1,
                expires_at=now,
                created_at=now,
            )
            for row in ledger.remove(keys, now=now, only=only)
        ]
        return Reservation.objects.bulk_create(covers)


def remove(keys: Sequence[str], *, now: datetime) -> bool:
    """Delete objects, ledger first. False if some are left to the sweep."""
    return release_many(forget(keys, now=now))


def hold(keys: Iterable[str]) -> set[str]:
    """
    Those of `keys` that are in the ledger; they stay there until the caller's transaction ends.

    For who writes a row that points to objects it did not put itself just now: ask before
    that row is locked. Whoever evicts takes the ledger's row first, then what points to it.
    """
    rows = StoredObject.objects.filter(key__in=list(keys)).order_by("key")
    return set(rows.select_for_update(no_key=True).values_list("key", flat=True))
