"""What the bucket holds. Every answer is read from a few rows, however big the ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Max, Sum

from storage_quota.limits import Usage
from storage_quota.models import ContentType, Orphan, Reservation, StoredObject, TenantUsage

_TAKEN = """
    SELECT tenant_id, content_type, total_bytes FROM tenant_storage_usage
    UNION ALL
    SELECT tenant_id, content_type, sum(size_bytes)::bigint
    FROM storage_quota_reservation GROUP BY tenant_id, content_type
    UNION ALL
    SELECT NULL, '', coalesce(sum(size_bytes), 0)::bigint FROM storage_quota_orphan
"""


@dataclass(frozen=True, slots=True)
class TypeUsage:
    """Stored bytes of one type; promises are not in it."""

    total_bytes: int = 0
    objects_count: int = 0


@dataclass(frozen=True, slots=True)
class StorageUsage:
    """
    What a tenant, or everybody, has stored; what is promised on top of it; and, for everybody,
    what lies in the bucket besides (orphans take room, but nobody is charged with them).
    """

    total_bytes: int
    reserved_bytes: int
    by_type: Mapping[str, TypeUsage] = field(default_factory=dict)
    last_updated: datetime | None = None
    orphaned_bytes: int = 0

    @property
    def taken_bytes(self) -> int:
        """What counts against the limit."""
        return self.total_bytes + self.reserved_bytes + self.orphaned_bytes


def taken(*, tenant_id: UUID, content_type: str) -> Usage:
    """
    Stored, promised and orphaned bytes, as the limits count them.

    One statement, so one snapshot: a settle that commits meanwhile moves its bytes from
    the promises to the ledger, and they are seen on exactly one side.
    """
    bucket = tenant = of_type = own_type = 0
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN)
        for owner, kind, size in cursor.fetchall():
            own, typed = str(owner) == str(tenant_id), kind == content_type
            bucket += size
            tenant += size if own else 0
            of_type += size if typed else 0
            own_type += size if own and typed else 0
    return Usage(bucket=bucket, tenant=tenant, type=of_type, own_type=own_type)


def usage_rows() -> list[tuple[UUID, str, int]]:
    """Tenant, content type and stored bytes of every sum in the ledger."""
    rows = TenantUsage.objects.order_by("tenant_id", "content_type")
    return list(rows.values_list("tenant_id", "content_type", "total_bytes"))


def taken_in_all() -> int:
    """Stored and promised bytes of everybody, in one snapshot."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(sum(total_bytes), 0)::bigint FROM ({_TAKEN}) AS taken")  # noqa: S608
        return int(cursor.fetchone()[0])


def bucket_usage() -> StorageUsage:
    orphaned = Orphan.objects.aggregate(size=Sum("size_bytes"))["size"]
    return replace(_usage({}), orphaned_bytes=orphaned or 0)


def tenant_usage(*, tenant_id: UUID) -> StorageUsage:
    return _usage({"tenant_id": tenant_id})


def in_good_order(keys: Iterable[str]) -> set[str]:
    """Those of `keys` that the bucket holds and that were not found damaged."""
    rows = StoredObject.objects.filter(key__in=list(keys), damaged_at__isnull=True)
    return set(rows.values_list("key", flat=True))


def _usage(owner: dict[str, UUID]) -> StorageUsage:
    rows = (
        TenantUsage.objects.filter(**owner)
        .values("content_type")
        .annotate(size=Sum("total_bytes"), count=Sum("objects_count"), at=Max("last_updated"))
    )
    found = {row["content_type"]: row for row in rows}
    promised = Reservation.objects.filter(**owner).aggregate(size=Sum("size_bytes"))["size"]
    return StorageUsage(
        total_bytes=sum(row["size"] for row in found.values()),
        reserved_bytes=promised or 0,
        by_type={
            kind: TypeUsage(found[kind]["size"], found[kind]["count"])
            if kind in found
            else TypeUsage()
            for kind in ContentType.values
        },
        last_updated=max((row["at"] for row in found.values()), default=None),
    )
