"""Records of orphans: counted against the bucket as soon as a check finds them."""

import hashlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from accounts.models import Tenant
from storage_quota import keys
from storage_quota.integrity.comparison.differences import is_key
from storage_quota.keys import KEY_MAX_LENGTH
from storage_quota.models import Orphan, StoredObject
from storage_quota.object_store.port import ObjectInfo, ObjectStore


def shown(key: str) -> str:
    """Spell the key so that it can be stored and printed: escaped and shortened if necessary."""
    if is_key(key) and len(key) <= KEY_MAX_LENGTH:
        return key
    escaped = key.encode("unicode_escape", "surrogatepass").decode("ascii")
    if len(escaped) <= KEY_MAX_LENGTH:
        return escaped
    mark = hashlib.sha256(escaped.encode()).hexdigest()[:16]
    return f"{escaped[: KEY_MAX_LENGTH - 17]}…{mark}"


def known_tenants() -> set[UUID]:
    return set(Tenant.objects.values_list("pk", flat=True))


def is_foreign(key: str, tenants: AbstractSet[UUID]) -> bool:
    """Whether the key lies in no known tenant's folder; such an object is never deleted."""
    owner = keys.owner(key)
    return owner is None or owner[1] not in tenants or shown(key) != key


def note(infos: Sequence[ObjectInfo], *, tenants: AbstractSet[UUID], now: datetime) -> None:
    """Record orphans, which count from now on; one that was replaced is recorded as new."""
    before = Orphan.objects.in_bulk([shown(info.key) for info in infos])
    rows = [_row(info, before.get(shown(info.key)), tenants=tenants, now=now) for info in infos]
    columns = [field.name for field in Orphan._meta.fields if field.name != "key"]  # noqa: SLF001
    Orphan.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["key"], update_fields=columns
    )


def decided(infos: Sequence[ObjectInfo]) -> set[str]:
    """Keys that need no report: in quarantine or accepted, and unchanged since."""
    rows = Orphan.objects.in_bulk([shown(info.key) for info in infos])
    return {
        info.key
        for info in infos
        if (row := rows.get(shown(info.key)))
        and (row.delete_after is not None or row.accepted)
        and is_same(row, info)
    }


def forget_gone(store: ObjectStore, *, unseen_since: datetime) -> None:
    """Delete the records of orphans that are in the ledger by now, or no longer in the bucket."""
    entries = StoredObject.objects.filter(key=OuterRef("key"))
    Orphan.objects.filter(Exists(entries)).delete()
    for row in Orphan.objects.filter(seen_at__lt=unseen_since).order_by("key").iterator():
        if not is_key(row.key) or store.head(row.key) is None:
            # seen_at: another check may have found the object again since the row was read.
            Orphan.objects.filter(pk=row.pk, seen_at=row.seen_at).delete()


def is_same(row: Orphan, info: ObjectInfo) -> bool:
    """Whether the object is the one that was recorded, not another one under its key."""
    return (row.size_bytes, row.etag) == (info.size_bytes, info.etag[:100])


def _row(
    info: ObjectInfo, before: Orphan | None, *, tenants: AbstractSet[UUID], now: datetime
) -> Orphan:
    row = Orphan(
        key=shown(info.key),
        size_bytes=info.size_bytes,
        etag=info.etag[:100],
        modified_at=info.modified_at,
        found_at=now,
        seen_at=now,
        foreign=is_foreign(info.key, tenants),
    )
    if before and is_same(before, info):
        row.found_at, row.accepted = before.found_at, before.accepted
        row.delete_after = None if row.foreign else before.delete_after
    return row
