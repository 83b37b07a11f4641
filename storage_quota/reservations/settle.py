"""
Making a promise true: the ledger's row replaces the reservation.

Runs inside the caller's transaction, or in its own; its locks on promises and usage rows
are held until that ends. So a caller settles once, everything together, as late in its
transaction as it can. Settling never raises what is taken, so it passes the bucket's
lock by and does not wait for those who reserve.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from events.errors import RetryLater
from storage_quota import ledger
from storage_quota.models import Reservation, StoredObject
from storage_quota.models.receipt import Stored
from storage_quota.reservations.locks import lock_promises


class ReservationExpired(RetryLater):
    """The sweep ended the promise and may have deleted the object: reserve and put again."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The reservation of {key} expired before it was settled")
        self.key = key


def settle(reservation: Reservation, *, now: datetime) -> StoredObject:
    """See `settle_many`."""
    [entry] = settle_many([reservation], now=now)
    return entry


def settle_many(reservations: Sequence[Reservation], *, now: datetime) -> list[StoredObject]:
    """
    Enter what was put on them. Repeating changes nothing; a key stored again counts by its
    new size.

    A promise that was swept is never granted anew here, even if there is room: its object
    may be gone. If the ledger has the very same bytes by now, that is settled; otherwise
    ReservationExpired. The caller then releases the reservations it could not settle.
    """
    receipts = [(row.pk, _receipt(row)) for row in reservations]
    keys = {stored.key for _, stored in receipts}
    with transaction.atomic():
        promises = {row.pk: row for rows in lock_promises(keys).values() for row in rows}
        held = {pk: promises.pop(pk) for pk, _ in receipts if pk in promises}
        accounts = {(row.tenant_id, row.content_type) for row in held.values()}
        page = ledger.open_page(keys, of=accounts, now=now)
        before = {key: row.size_bytes for key, row in page.items()}
        ledger.write(_enter(receipts, held, page, now=now), before=before, now=now)
        Reservation.objects.filter(pk__in=held).delete()
        Reservation.objects.bulk_create(_doubts(receipts, held, before, now=now))
        if promises:
            Reservation.objects.filter(pk__in=promises).update(contested=True)
    return [page[stored.key] for _, stored in receipts]


def _receipt(reservation: Reservation) -> Stored:
    if reservation.stored is None:
        raise ValueError(f"nothing was put on the reservation {reservation}")
    return reservation.stored


def _enter(
    receipts: Sequence[tuple[UUID, Stored]],
    held: Mapping[UUID, Reservation],
    page: dict[str, StoredObject],
    *,
    now: datetime,
) -> list[StoredObject]:
    """Turn the page's entries into what they are now; returns those that changed."""
    written = {}
    for reservation_id, stored in receipts:
        known = page.get(stored.key)
        if promise := held.get(reservation_id):
            page[stored.key] = written[stored.key] = _entry(promise, stored, known, now)
        elif known is None or known.sha256 != stored.sha256:
            raise ReservationExpired(stored.key)
    return list(written.values())


def _entry(
    promise: Reservation, stored: Stored, known: StoredObject | None, now: datetime
) -> StoredObject:
    if stored.key != promise.key or stored.size_bytes > promise.size_bytes:
        raise ValueError(f"{stored} was not put on the reservation {promise}")
    entry = known or StoredObject(
        key=stored.key,
        tenant_id=promise.tenant_id,
        content_type=promise.content_type,
        created_at=now,
    )
    entry.size_bytes = _weight(promise, stored, known)
    entry.mime, entry.content_encoding = stored.mime, stored.content_encoding
    entry.sha256, entry.updated_at, entry.damaged_at = stored.sha256, now, None
    return entry


def _weight(promise: Reservation, stored: Stored, known: StoredObject | None) -> int:
    """
    Of two puts at once nobody knows which came last: the ledger keeps the heavier.

    Until the sweep has looked, see `_doubts`.
    """
    if promise.contested and known is not None:
        return max(stored.size_bytes, known.size_bytes)
    return stored.size_bytes


def _doubts(
    receipts: Sequence[tuple[UUID, Stored]],
    held: Mapping[UUID, Reservation],
    before: Mapping[str, int],
    *,
    now: datetime,
) -> list[Reservation]:
    """
    Where nobody knows which of two sizes is in the bucket: have the sweep weigh the object.

    A byte each, on the account of the lighter one, so what is taken does not rise.
    """
    return [
        Reservation(
            tenant_id=held[pk].tenant_id,
            content_type=held[pk].content_type,
            key=stored.key,
            size_bytes=1,
            expires_at=now,
            created_at=now,
        )
        for pk, stored in receipts
        if pk in held and held[pk].contested
        if min(stored.size_bytes, before.get(stored.key, 0)) > 0
        if stored.size_bytes != before[stored.key]
    ]
