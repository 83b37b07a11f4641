"""What the bucket holds. Every answer is read from a few rows, however large the ledger is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Max, Sum

from accounts.models import Tenant
from events.postgresql import arrays, one_trip
from storage_quota.limits import QuotaUsage
from storage_quota.models import (
    BucketState,
    ContentType,
    Reservation,
    StoredObject,
    TenantUsage,
)

# Orphans, old versions and unfinished uploads belong to no account: they have neither tenant nor
# type, and only the bucket counts them.
TAKEN: one_trip.Statement = (
    """
    SELECT tenant_id, content_type, total_bytes FROM tenant_storage_usage
    UNION ALL
    SELECT tenant_id, content_type, sum(size_bytes)::bigint
    FROM storage_quota_reservation GROUP BY tenant_id, content_type
    UNION ALL
    SELECT NULL, '', coalesce(sum(size_bytes), 0)::bigint FROM storage_quota_orphan
    UNION ALL
    SELECT NULL, '', old_bytes + upload_bytes FROM storage_quota_bucketstate
    """,
    (),
)
"""Stored, reserved, orphaned and unlisted bytes: owner, content type and bytes in each row."""


# In one query, since the console's first page asks it.
_SERVER_AND_ORPHANS = """
    SELECT s.*, (SELECT coalesce(sum(size_bytes), 0) FROM storage_quota_orphan) AS orphaned_bytes
    FROM (SELECT 1) AS one LEFT JOIN storage_quota_bucketstate AS s ON true
"""


@dataclass(frozen=True, slots=True)
class TypeUsage:
    """Stored objects of one content type; reservations are not included."""

    total_bytes: int = 0
    objects_count: int = 0


@dataclass(frozen=True, slots=True)
class StorageUsage:
    """
    Bytes stored and reserved by one tenant or by all, the bytes of orphans, and `unlisted_bytes`.

    Those are of old versions and unfinished uploads. They and orphans are counted for the whole
    bucket only, since they are charged to no tenant.
    """

    total_bytes: int
    reserved_bytes: int
    by_type: Mapping[str, TypeUsage] = field(default_factory=dict)
    last_updated: datetime | None = None
    orphaned_bytes: int = 0
    unlisted_bytes: int = 0
    server: BucketState | None = None
    """What the last survey found, for all tenants only; None before the first."""

    @property
    def taken_bytes(self) -> int:
        """Everything that counts against the limit."""
        return self.total_bytes + self.reserved_bytes + self.orphaned_bytes + self.unlisted_bytes


@dataclass(frozen=True, slots=True)
class UsageReport:
    """
    Stored bytes against a limit, as the API and pages show them.

    Reserved bytes are apart: they may never be stored.
    """

    used_bytes: int
    reserved_bytes: int
    limit_bytes: int
    by_type: Mapping[str, int]
    last_updated: datetime | None

    @property
    def usage_percent(self) -> float:
        """Percent of the limit in use; 100 where the limit is 0."""
        return 100 * self.used_bytes / self.limit_bytes if self.limit_bytes else 100.0


def taken(*, tenant_id: UUID, content_type: str) -> QuotaUsage:
    """
    Sum stored, reserved, orphaned and unlisted bytes as the limits count them.

    One statement, so one snapshot: a settle that commits meanwhile moves its bytes from the
    reservations to the ledger, and two statements could miss them or count them twice.
    """
    [rows] = one_trip.fetch(TAKEN)
    return summed(rows, tenant_id=tenant_id, content_type=content_type)


def summed(rows: one_trip.Rows, *, tenant_id: UUID, content_type: str) -> QuotaUsage:
    """Sum the rows of `TAKEN`."""
    bucket = tenant = of_type = own_type = 0
    for owner, kind, size in rows:
        own, typed = str(owner) == str(tenant_id), kind == content_type
        bucket += size
        tenant += size if own else 0
        of_type += size if typed else 0
        own_type += size if own and typed else 0
    return QuotaUsage(bucket=bucket, tenant=tenant, type=of_type, own_type=own_type)


def usage_rows() -> list[tuple[UUID, str, int]]:
    """Tenant, content type and stored bytes of every sum in the ledger."""
    rows = TenantUsage.objects.order_by("tenant_id", "content_type")
    return list(rows.values_list("tenant_id", "content_type", "total_bytes"))


def taken_in_all() -> int:
    """Everything that counts against the limit of the bucket, in one snapshot."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(sum(total_bytes), 0)::bigint FROM ({TAKEN[0]}) AS taken")  # noqa: S608
        return int(cursor.fetchone()[0])


def bucket_usage() -> StorageUsage:
    [found] = BucketState.objects.raw(_SERVER_AND_ORPHANS)
    surveyed = found if found.pk else None
    return replace(
        _usage({}),
        orphaned_bytes=int(vars(found)["orphaned_bytes"]),
        unlisted_bytes=surveyed.unlisted_bytes if surveyed else 0,
        server=surveyed,
    )


def tenant_usage(*, tenant_id: UUID) -> StorageUsage:
    return _usage({"tenant_id": tenant_id})


def bucket_report() -> UsageReport:
    return _report(bucket_usage(), settings.LIMITS.total_bytes)


def tenant_report(tenant: Tenant) -> UsageReport:
    own = tenant.limit_bytes
    limit_bytes = settings.LIMITS.tenant_bytes if own is None else own
    return _report(tenant_usage(tenant_id=tenant.pk), limit_bytes)


def in_good_order(keys: Iterable[str]) -> set[str]:
    """Select the keys that the ledger has and that were not found damaged."""
    wanted = arrays.among(list(keys))
    rows = StoredObject.objects.filter(key__in=wanted, damaged_at__isnull=True)
    return set(rows.values_list("key", flat=True))


def _usage(owner: dict[str, UUID]) -> StorageUsage:
    rows = (
        TenantUsage.objects.filter(**owner)
        .values("content_type")
        .annotate(size=Sum("total_bytes"), count=Sum("objects_count"), at=Max("last_updated"))
    )
    found = {row["content_type"]: row for row in rows}
    reserved = Reservation.objects.filter(**owner).aggregate(size=Sum("size_bytes"))["size"]
    return StorageUsage(
        total_bytes=sum(row["size"] for row in found.values()),
        reserved_bytes=reserved or 0,
        by_type={
            kind: TypeUsage(found[kind]["size"], found[kind]["count"])
            if kind in found
            else TypeUsage()
            for kind in ContentType.values
        },
        last_updated=max((row["at"] for row in found.values()), default=None),
    )


def _report(usage: StorageUsage, limit_bytes: int) -> UsageReport:
    return UsageReport(
        used_bytes=usage.total_bytes,
        reserved_bytes=usage.reserved_bytes,
        limit_bytes=limit_bytes,
        by_type={kind: of_type.total_bytes for kind, of_type in usage.by_type.items()},
        last_updated=usage.last_updated,
    )
