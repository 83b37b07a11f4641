"""
Settling a reservation: an entry of the ledger takes its place.

Runs in the caller's transaction, or in its own; its locks on reservations and sums are held
until that ends. So a caller settles once, everything together, as late in its transaction as it
can. Settling never increases what is taken, so it needs no lock on the bucket and does not
wait for others who reserve.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from events.errors import RetryLater
from events.postgresql import one_trip
from storage_quota import ledger
from storage_quota.models import Purpose, Reservation, StoredObject
from storage_quota.models.receipt import PutReceipt
from storage_quota.object_store import survey
from storage_quota.reservations.locks import to_lock


class ReservationExpired(RetryLater):
    """The reservation was released and its object may be deleted: reserve and put again."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The reservation of {key} expired before it was settled")
        self.key = key


def settle(reservation: Reservation, *, now: datetime) -> StoredObject:
    """Settle one reservation; see `settle_many`."""
    [entry] = settle_many([reservation], now=now)
    return entry


def settle_many(reservations: Sequence[Reservation], *, now: datetime) -> list[StoredObject]:
    """
    Enter into the ledger what was written for these reservations, and end them.

    Repeating this changes nothing. A key that was stored before counts with its new size.

    A reservation that was released is not granted again here, even if there is space: its
    object may be deleted. If the ledger has an entry with the same bytes, that counts as
    settled; otherwise raises ReservationExpired, and the caller releases its reservations.
    """
    receipts = [(row.pk, _receipt(row)) for row in reservations]
    if not receipts:
        return []
    keys = {receipt.key for _, receipt in receipts}
    accounts = {(row.tenant_id, row.content_type) for row in reservations}
    with transaction.atomic():
        rows, page = ledger.lock_and_read(keys, of=accounts, after=to_lock(keys), now=now)
        others = {row.pk: row for row in one_trip.objects(Reservation, rows)}
        held = {pk: others.pop(pk) for pk, _ in receipts if pk in others}
        before = {key: row.size_bytes for key, row in page.items()}
        entries = _enter(receipts, held, page, now=now)
        ledger.write(entries, before=before, now=now, ended=held)
        survey.count_old(sum(before.get(row.key, 0) for row in held.values()))
        Reservation.objects.bulk_create(_rechecks(receipts, held, before, now=now))
        if others:
            # Their puts and ours may have arrived in either order, see `_size`.
            Reservation.objects.filter(pk__in=others).update(contested=True)
    return [page[receipt.key] for _, receipt in receipts]


def _receipt(reservation: Reservation) -> PutReceipt:
    if reservation.receipt is None:
        raise ValueError(f"nothing was put on the reservation {reservation}")
    return reservation.receipt


def _enter(
    receipts: Sequence[tuple[UUID, PutReceipt]],
    held: Mapping[UUID, Reservation],
    page: dict[str, StoredObject],
    *,
    now: datetime,
) -> list[StoredObject]:
    """Put the new entries into `page`, and return those that have to be written."""
    written = {}
    for reservation_id, receipt in receipts:
        known = page.get(receipt.key)
        if reservation := held.get(reservation_id):
            page[receipt.key] = written[receipt.key] = _entry(reservation, receipt, known, now)
        elif known is None or known.sha256 != receipt.sha256:
            raise ReservationExpired(receipt.key)
    return list(written.values())


def _entry(
    reservation: Reservation, receipt: PutReceipt, known: StoredObject | None, now: datetime
) -> StoredObject:
    if receipt.key != reservation.key or receipt.size_bytes > reservation.size_bytes:
        raise ValueError(f"{receipt} was not put on the reservation {reservation}")
    entry = known or StoredObject(
        key=receipt.key,
        tenant_id=reservation.tenant_id,
        content_type=reservation.content_type,
        created_at=now,
    )
    entry.size_bytes = _size(reservation, receipt, known)
    entry.mime, entry.content_encoding = receipt.mime, receipt.content_encoding
    entry.sha256, entry.updated_at, entry.damaged_at = receipt.sha256, now, None
    return entry


def _size(reservation: Reservation, receipt: PutReceipt, known: StoredObject | None) -> int:
    """
    The size to enter: the larger of two, if two puts of one key ran at the same time.

    Which of them came last is unknown until the object is measured again, see `_rechecks`.
    """
    if reservation.contested and known is not None:
        return max(receipt.size_bytes, known.size_bytes)
    return receipt.size_bytes


def _rechecks(
    receipts: Sequence[tuple[UUID, PutReceipt]],
    held: Mapping[UUID, Reservation],
    before: Mapping[str, int],
    *,
    now: datetime,
) -> list[Reservation]:
    """
    Reserve a byte for each key whose size is unknown, so that `release_expired` measures it.

    What is taken does not rise by that: the larger size was entered, and one smaller reservation
    of at least a byte ended.
    """
    return [
        Reservation.expired(
            Purpose.RECHECK,
            owner=(held[pk].tenant_id, held[pk].content_type),
            key=receipt.key,
            size_bytes=1,
            now=now,
        )
        for pk, receipt in receipts
        if pk in held and held[pk].contested
        if min(receipt.size_bytes, before.get(receipt.key, 0)) > 0
        if receipt.size_bytes != before[receipt.key]
    ]
