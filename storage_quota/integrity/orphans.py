"""
Objects that are in no books: counted at once, deleted only after a quarantine.

An orphan may be the last copy of something (the database was restored from an older backup,
say). So a check only counts it, a repair puts it into quarantine, and when that is over it is
looked at once more. Then a promise that is expired from the start takes its bytes over, and
ending that promise deletes it, as the sweep does with everything nobody settled: under the
locks that keep any upload to the same key out.
"""

import hashlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from accounts.models import Tenant
from events.errors import DomainError
from storage_quota import keys, ledger, reserve
from storage_quota.integrity import reading
from storage_quota.integrity.compare import is_key
from storage_quota.keys import KEY_MAX_LENGTH
from storage_quota.limits import decide
from storage_quota.models import Orphan, Reservation, StoredObject
from storage_quota.object_store.port import ObjectInfo, ObjectStore
from storage_quota.reservations import release as sweep
from storage_quota.reservations.locks import lock_bucket, lock_promises
from storage_quota.selectors import taken

PURGED_AT_ONCE: Final = 500


class NotAdoptable(DomainError):
    """The object cannot be taken into the books."""

    code: ClassVar[str] = "not_adoptable"
    http_status: ClassVar[int] = 409


def shown(key: str) -> str:
    """The key, if it can be one of ours; else a spelling that can be stored and printed."""
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
    """Whether it lies in no folder of a tenant we know: then it is not ours to delete."""
    owner = keys.owner(key)
    return owner is None or owner[1] not in tenants or shown(key) != key


def note(infos: Sequence[ObjectInfo], *, tenants: AbstractSet[UUID], now: datetime) -> None:
    """Count them from now on. One that was replaced is a new find."""
    before = Orphan.objects.in_bulk([shown(info.key) for info in infos])
    rows = [_row(info, before.get(shown(info.key)), tenants=tenants, now=now) for info in infos]
    columns = [field.name for field in Orphan._meta.fields if field.name != "key"]  # noqa: SLF001
    Orphan.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["key"], update_fields=columns
    )


def settled(infos: Sequence[ObjectInfo]) -> set[str]:
    """Keys nobody needs to hear of again: in quarantine, or accepted; and unchanged since."""
    rows = Orphan.objects.in_bulk([shown(info.key) for info in infos])
    return {
        info.key
        for info in infos
        if (row := rows.get(shown(info.key)))
        and (row.delete_after is not None or row.accepted)
        and _same(row, info)
    }


def quarantine(key: str, *, until: datetime) -> bool:
    """False if it is foreign. One that is in quarantine already stays as long as it was to."""
    ours = Orphan.objects.filter(key=key, foreign=False)
    ours.filter(delete_after__isnull=True).update(delete_after=until)
    return ours.exists()


def forget_gone(store: ObjectStore, *, unseen_since: datetime) -> None:
    """After a round: drop rows about objects that are in the books, or no longer anywhere."""
    entries = StoredObject.objects.filter(key=OuterRef("key"))
    Orphan.objects.filter(Exists(entries)).delete()
    for row in Orphan.objects.filter(seen_at__lt=unseen_since).order_by("key").iterator():
        if not is_key(row.key) or store.head(row.key) is None:
            Orphan.objects.filter(pk=row.pk, seen_at=row.seen_at).delete()


def purge(store: ObjectStore, *, now: datetime, limit: int = PURGED_AT_ONCE) -> int:
    """Delete what served its quarantine; how many. The caller has confirmed the marker."""
    due = Orphan.objects.filter(delete_after__lte=now, foreign=False).order_by("delete_after")
    return sum(_purge(store, row, now=now) for row in due[:limit])


def adopt(store: ObjectStore, key: str, *, now: datetime) -> StoredObject:
    """
    Take an orphan into the books, within the limits of its tenant and type.

    Raises NotAdoptable or QuotaExceeded; then everything is as it was.
    """
    orphan = Orphan.objects.filter(key=key).first()
    if orphan is None or not keys.is_one_of_ours(key) or orphan.foreign:
        raise NotAdoptable(
            _("%(key)s: no object of ours that lacks an entry in the books") % {"key": key}
        )
    info, content = store.head(key), reading.read(store, key)
    if info is None or content is None:
        raise NotAdoptable(_("%(key)s: no longer in the bucket") % {"key": key})
    promised = keys.content_digest(key)
    if not content.sha256 or (promised and promised != content.sha256):
        raise NotAdoptable(
            _("%(key)s: damaged, its content is not what its name says") % {"key": key}
        )
    return _enter(orphan, info, content, now=now)


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
    if before and _same(before, info):
        row.found_at, row.accepted = before.found_at, before.accepted
        row.delete_after = None if row.foreign else before.delete_after
    return row


def _same(row: Orphan, info: ObjectInfo) -> bool:
    return (row.size_bytes, row.etag) == (info.size_bytes, info.etag[:100])


def _purge(store: ObjectStore, row: Orphan, *, now: datetime) -> bool:
    info = store.head(row.key)
    if info is not None and not _same(row, info):
        quarantined = (row.delete_after or now) - row.found_at
        _begin_anew(row, info, quarantined, now=now)
        return False
    with transaction.atomic(durable=True):
        promises = lock_promises([row.key])
        if promises or not _still_due(row, now=now):
            return False
        cover = _cover(row, now=now)
        row.delete()
        cover.save(force_insert=True)
    return sweep.release(cover)


def _begin_anew(row: Orphan, info: ObjectInfo, quarantine: timedelta, *, now: datetime) -> None:
    """Somebody replaced it: another object, another quarantine."""
    Orphan.objects.filter(pk=row.pk, etag=row.etag).update(
        size_bytes=info.size_bytes,
        etag=info.etag[:100],
        modified_at=info.modified_at,
        found_at=now,
        delete_after=now + max(quarantine, timedelta(0)),
    )


def _still_due(row: Orphan, *, now: datetime) -> bool:
    locked = Orphan.objects.select_for_update().filter(
        pk=row.pk, etag=row.etag, delete_after__lte=now
    )
    if not locked.exists() or not _tenant_is_known(row.key):
        return False
    if StoredObject.objects.filter(key=row.key).exists():
        locked.delete()
        return False
    return True


def _tenant_is_known(key: str) -> bool:
    owner = keys.owner(key)
    return owner is not None and Tenant.objects.filter(pk=owner[1]).exists()


def _owner(key: str) -> tuple[str, UUID]:
    owner = keys.owner(key)
    if owner is None:
        raise ValueError(f"in no tenant's folder: {key!r}")
    return owner


def _cover(row: Orphan, *, now: datetime) -> Reservation:
    kind, tenant_id = _owner(row.key)
    return Reservation(
        tenant_id=tenant_id,
        content_type=kind,
        key=row.key,
        size_bytes=row.size_bytes or 1,
        expires_at=now,
        created_at=now,
    )


def _enter(
    orphan: Orphan, info: ObjectInfo, content: reading.Content, *, now: datetime
) -> StoredObject:
    """
    Nobody may be promised the key now, and what was read is still what was found.

    Whoever stored it meanwhile has removed the orphan's row with that.
    """
    with transaction.atomic(durable=True):
        promises = lock_promises([orphan.key])
        lock_bucket()
        if promises or Reservation.objects.filter(key=orphan.key).exists():
            raise NotAdoptable(
                _("%(key)s: being stored just now; try again later") % {"key": orphan.key}
            )
        current = Orphan.objects.select_for_update().filter(pk=orphan.pk).first()
        if current is None or not _same(current, info) or info.size_bytes != content.size_bytes:
            raise NotAdoptable(_("%(key)s: changed meanwhile; check again") % {"key": orphan.key})
        return _write(current, info, content, now=now)


def _write(
    orphan: Orphan, info: ObjectInfo, content: reading.Content, *, now: datetime
) -> StoredObject:
    kind, tenant_id = _owner(orphan.key)
    tenant = Tenant.objects.get(pk=tenant_id)
    usage = taken(tenant_id=tenant.pk, content_type=kind)
    forecast = decide(
        content_type=kind,
        requested=content.size_bytes,
        usage=usage.without_bucket(orphan.size_bytes),
        ceilings=reserve.ceilings(tenant, kind),
    )
    if not forecast.allowed:
        raise reserve.QuotaExceeded(forecast)
    entry = StoredObject(
        key=orphan.key,
        tenant=tenant,
        content_type=kind,
        size_bytes=content.size_bytes,
        mime=info.mime or "application/octet-stream",
        content_encoding=info.content_encoding,
        sha256=content.sha256,
        created_at=now,
        updated_at=now,
    )
    ledger.open_page([orphan.key], of={(tenant.pk, kind)}, now=now)
    ledger.write([entry], before={}, now=now)
    return entry
