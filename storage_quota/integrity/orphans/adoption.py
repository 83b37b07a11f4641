"""Adopting an orphan: a person enters it into the ledger, or a repair what may have been paid for."""

from datetime import datetime
from typing import ClassVar

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Tenant
from events.errors import DomainError
from storage_quota import keys, ledger, reserve
from storage_quota.hooks import notify_return
from storage_quota.integrity.comparison.reading import ObjectContent, read
from storage_quota.integrity.orphans.records import is_same
from storage_quota.limits import decide
from storage_quota.models import Orphan, Reservation, StoredObject
from storage_quota.object_store.port import ObjectInfo, ObjectStore
from storage_quota.reservations.locks import lock_bucket, lock_reservations, to_lock
from storage_quota.selectors import taken
from storage_quota.tenant_settings import ceilings


class NotAdoptable(DomainError):
    """The object cannot be entered into the ledger."""

    code: ClassVar[str] = "not_adoptable"
    http_status: ClassVar[int] = 409


def adopt(store: ObjectStore, key: str, *, now: datetime, by_hand: bool = True) -> StoredObject:
    """
    Enter an orphan into the ledger, within the limits of its tenant and type.

    What is done `by_hand` is in the audit. Raises NotAdoptable or QuotaExceeded, and changes nothing then.
    """
    orphan = Orphan.objects.filter(key=key).first()
    if orphan is None or not keys.is_one_of_ours(key) or orphan.foreign:
        raise NotAdoptable(
            _("%(key)s: not an object of this product, or already in the ledger") % {"key": key}
        )
    info, content = store.head(key), read(store, key)
    if info is None or content is None:
        raise NotAdoptable(_("%(key)s: no longer in the bucket") % {"key": key})
    expected = keys.content_digest(key)
    if not content.sha256 or (expected and expected != content.sha256):
        raise NotAdoptable(
            _("%(key)s: damaged, its content is not what its name says") % {"key": key}
        )
    return _enter(orphan, info, content, now=now, by_hand=by_hand)


def _enter(
    orphan: Orphan, info: ObjectInfo, content: ObjectContent, *, now: datetime, by_hand: bool
) -> StoredObject:
    """Write the entry, unless somebody reserves the key or the object has changed."""
    with transaction.atomic(durable=True):
        notify_return(
            keys.owner_or_raise(orphan.key)[0], [orphan.key]
        )  # before all locks, see hooks
        # The order of the locks is that of reservations.locks. The bucket's lock also keeps
        # others from reserving the space that this entry is about to take.
        reservations = lock_reservations([orphan.key])
        lock_bucket()
        if reservations or Reservation.objects.filter(key=orphan.key).exists():
            raise NotAdoptable(
                _("%(key)s: being stored just now; try again later") % {"key": orphan.key}
            )
        # Whoever stored the key in the meantime has deleted the orphan's row.
        current = Orphan.objects.select_for_update().filter(pk=orphan.pk).first()
        if current is None or not is_same(current, info) or info.size_bytes != content.size_bytes:
            raise NotAdoptable(
                _("%(key)s: changed in the meantime; check again") % {"key": orphan.key}
            )
        entry = _write(current, info, content, now=now)
        if by_hand:
            audit.record("orphan.adopted", target=entry, after={"size_bytes": entry.size_bytes})
        return entry


def _write(
    orphan: Orphan, info: ObjectInfo, content: ObjectContent, *, now: datetime
) -> StoredObject:
    kind, tenant_id = keys.owner_or_raise(orphan.key)
    tenant = Tenant.objects.get(pk=tenant_id)
    _check_quota(tenant, kind, content.size_bytes, orphan=orphan)
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
    rows = to_lock([orphan.key])
    ledger.lock_and_read([orphan.key], of={(tenant.pk, kind)}, after=rows, now=now)
    ledger.write([entry], before={}, now=now)
    return entry


def _check_quota(tenant: Tenant, kind: str, size_bytes: int, *, orphan: Orphan) -> None:
    """Raise QuotaExceeded if tenant or type have no space; the bucket counts the bytes already."""
    usage = taken(tenant_id=tenant.pk, content_type=kind)
    forecast = decide(
        content_type=kind,
        requested=size_bytes,
        usage=usage.without_bucket(orphan.size_bytes),
        ceilings=ceilings(tenant, kind),
    )
    if not forecast.allowed:
        raise reserve.QuotaExceeded(forecast)
