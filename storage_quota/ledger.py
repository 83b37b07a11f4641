"""
The ledger: one row per stored object, and one row per tenant and type with their sum.

Every change holds the lock of the TenantUsage row concerned, so the sum is always exact. The
lock lasts until the caller's transaction ends, and is taken after any lock on reservations.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce

from events.postgresql import arrays, copy_rows, one_trip
from storage_quota.models import StoredObject, TenantUsage

Account = tuple[UUID, str]
"""A tenant's id and a content type."""

# Tenants × types may match more rows than asked for: locking too many is harmless.
# One order for everybody, or two transactions could wait for each other.
_LOCK = """
SELECT tenant_id, content_type FROM tenant_storage_usage
WHERE tenant_id = ANY(%s::uuid[]) AND content_type = ANY(%s::text[])
ORDER BY tenant_id, content_type FOR UPDATE
"""
_ADD = """
UPDATE tenant_storage_usage SET total_bytes = total_bytes + %s,
    objects_count = objects_count + %s, last_updated = %s
WHERE tenant_id = %s AND content_type = %s
"""
_NO_ORPHANS = "DELETE FROM storage_quota_orphan WHERE key = ANY(%s::text[])"
_END = "DELETE FROM storage_quota_reservation WHERE id = ANY(%s::uuid[])"


def lock_and_read(
    keys: Iterable[str], *, of: set[Account], after: one_trip.Statement, now: datetime
) -> tuple[one_trip.Rows, dict[str, StoredObject]]:
    """
    Lock the sums of these accounts, then read the entries of `keys`, which cannot change now.

    What is to be locked `after` comes first; its rows are returned with the entries.
    """
    entries = (
        f"{one_trip.every(StoredObject)} WHERE key = ANY(%s::text[])",
        [arrays.of_texts(keys)],
    )
    rows, locked, found = one_trip.fetch(after, _to_lock(of), entries)
    if of - set(locked):
        _lock(of, now=now)
        [found] = one_trip.fetch(entries)
    return rows, {row.key: row for row in one_trip.objects(StoredObject, found)}


def write(
    entries: Sequence[StoredObject],
    *,
    before: Mapping[str, int],
    now: datetime,
    ended: Collection[UUID] = (),
) -> None:
    """
    Insert or overwrite rows by key, and adjust the sums by the difference.

    `before` are the sizes that `lock_and_read` returned for the keys that were there; `ended` are
    the ids of reservations that are deleted.
    """
    new = [row for row in entries if row.key not in before]
    if len(new) > 1:
        copy_rows.insert(StoredObject, new)
    StoredObject.objects.bulk_create(
        [row for row in entries if row.key in before],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=[
            "size_bytes",
            "mime",
            "content_encoding",
            "sha256",
            "updated_at",
            "damaged_at",
        ],
    )
    changes = [
        (_account(row), row.size_bytes - before.get(row.key, 0), int(row.key not in before))
        for row in entries
    ]
    statements = [one_trip.insert(row) for row in new if len(new) == 1]
    if entries:
        # An object that the ledger knows is no orphan: its bytes would count twice.
        statements.append((_NO_ORPHANS, [arrays.of_texts(row.key for row in entries)]))
        statements += _adjusted_totals(changes, now=now)
    if ended:
        statements.append((_END, [arrays.of_numbers(ended)]))
    if statements:
        one_trip.fetch(*statements)


def remove(keys: Iterable[str], *, now: datetime, only: Q | None = None) -> list[StoredObject]:
    """
    Delete rows and return them; keys without a row are no error.

    `only` is a condition that is checked under the lock.
    """
    with transaction.atomic():
        seen = list(StoredObject.objects.filter(key__in=list(keys)))
        _lock({_account(row) for row in seen}, now=now)
        # Only rows seen before the lock: a newer one may belong to an account that is not locked.
        present = StoredObject.objects.filter(only or Q(), key__in=[row.key for row in seen])
        gone = list(present.order_by("key"))
        present.delete()
        _adjust_totals([(_account(row), -row.size_bytes, -1) for row in gone], now=now)
    return gone


def correct_size(key: str, size_bytes: int, *, now: datetime) -> None:
    """Enter the size that the store reports; a key without a row is left out."""
    with transaction.atomic():
        row = StoredObject.objects.filter(key=key).first()
        if row is None or row.size_bytes == size_bytes:
            return
        _lock({_account(row)}, now=now)
        # Read again: the row may have changed before the lock was ours.
        row = StoredObject.objects.filter(key=key).first()
        if row is not None:
            _adjust_totals([(_account(row), size_bytes - row.size_bytes, 0)], now=now)
            row.size_bytes, row.sha256, row.updated_at = size_bytes, "", now
            row.save(update_fields=["size_bytes", "sha256", "updated_at"])


def remove_as_seen(row: StoredObject, *, now: datetime) -> bool:
    """Delete a row unless it was written since it was read. Inside a transaction."""
    if not _unchanged(row, now=now):
        return False
    StoredObject.objects.filter(pk=row.pk).delete()
    _adjust_totals([(_account(row), -row.size_bytes, -1)], now=now)
    return True


def correct_as_seen(
    row: StoredObject, *, size_bytes: int, sha256: str, damaged: bool, now: datetime
) -> bool:
    """Enter what reading the object showed, unless the row was written since it was read."""
    if not _unchanged(row, now=now):
        return False
    StoredObject.objects.filter(pk=row.pk).update(
        size_bytes=size_bytes,
        sha256=sha256,
        damaged_at=now if damaged else row.damaged_at,
        updated_at=now,
    )
    _adjust_totals([(_account(row), size_bytes - row.size_bytes, 0)], now=now)
    return True


def recount(account: Account, *, now: datetime) -> bool:
    """Sum the rows of one account again, under its lock. False if the sum was right."""
    tenant_id, kind = account
    with transaction.atomic():
        _lock({account}, now=now)
        rows = StoredObject.objects.filter(tenant_id=tenant_id, content_type=kind)
        true = rows.aggregate(size=Coalesce(Sum("size_bytes"), 0), count=Count("key"))
        usage = TenantUsage.objects.filter(tenant_id=tenant_id, content_type=kind)
        wrong = usage.exclude(total_bytes=true["size"], objects_count=true["count"])
        return bool(
            wrong.update(total_bytes=true["size"], objects_count=true["count"], last_updated=now)
        )


def _unchanged(row: StoredObject, *, now: datetime) -> bool:
    """Lock the row's account; whether the ledger still says what it said when `row` was read."""
    _lock({_account(row)}, now=now)
    return StoredObject.objects.filter(
        pk=row.pk, size_bytes=row.size_bytes, sha256=row.sha256, updated_at=row.updated_at
    ).exists()


def _lock(accounts: set[Account], *, now: datetime) -> None:
    """Lock the sums of these accounts, and insert those that do not exist yet."""
    if accounts - _locked(accounts):
        rows = [
            TenantUsage(tenant_id=tenant_id, content_type=kind, last_updated=now, created_at=now)
            for tenant_id, kind in sorted(accounts)
        ]
        TenantUsage.objects.bulk_create(rows, ignore_conflicts=True)
        # An ignored conflict locks nothing: another transaction's row has to be locked now.
        _locked(accounts)


def _locked(accounts: set[Account]) -> set[Account]:
    [rows] = one_trip.fetch(_to_lock(accounts))
    return {(tenant_id, kind) for tenant_id, kind in rows}


def _to_lock(accounts: set[Account]) -> one_trip.Statement:
    tenants, kinds = {tenant_id for tenant_id, _ in accounts}, {kind for _, kind in accounts}
    return _LOCK, [arrays.of_numbers(tenants), arrays.of_texts(kinds)]


def _adjust_totals(changes: Iterable[tuple[Account, int, int]], *, now: datetime) -> None:
    """Add `(account, bytes, objects)` to the sums."""
    if statements := _adjusted_totals(changes, now=now):
        one_trip.fetch(*statements)


def _adjusted_totals(
    changes: Iterable[tuple[Account, int, int]], *, now: datetime
) -> list[one_trip.Statement]:
    return [
        (_ADD, [size, count, now, tenant_id, kind])
        for (tenant_id, kind), (size, count) in sorted(_sums(changes).items())
    ]


def _sums(changes: Iterable[tuple[Account, int, int]]) -> Mapping[Account, tuple[int, int]]:
    sums: dict[Account, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for account, size, count in changes:
        sums[account] = (sums[account][0] + size, sums[account][1] + count)
    return sums


def _account(row: StoredObject) -> Account:
    return row.tenant_id, row.content_type
