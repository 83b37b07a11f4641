"""Checking the ledger by itself: sums against entries, and reservations that never ended."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from storage_quota.integrity.comparison.differences import Difference
from storage_quota.ledger import Account
from storage_quota.models import DifferenceKind, Reservation

# FULL JOIN: an account may have entries without a sum, or a sum without entries.
_DRIFT: Final = """
    SELECT tenant_id, content_type, usage.total_bytes, usage.objects_count,
           coalesce(ledger.size, 0), coalesce(ledger.count, 0)
    FROM tenant_storage_usage AS usage
    FULL JOIN (
        SELECT tenant_id, content_type, sum(size_bytes)::bigint AS size, count(*) AS count
        FROM storage_quota_storedobject GROUP BY tenant_id, content_type
    ) AS ledger USING (tenant_id, content_type)
    WHERE coalesce(usage.total_bytes, 0) <> coalesce(ledger.size, 0)
       OR coalesce(usage.objects_count, 0) <> coalesce(ledger.count, 0)
    ORDER BY tenant_id, content_type
"""


def drifts() -> Iterator[Difference]:
    """
    Sums that differ from the sum of their entries.

    One statement, so one snapshot: sums and entries change in one transaction, and are never
    seen apart.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DRIFT)
        for tenant_id, kind, noted, noted_count, size, count in cursor.fetchall():
            yield Difference(
                DifferenceKind.USAGE_DRIFT,
                f"{tenant_id}/{kind}",
                expected=f"{noted or 0} B in {noted_count or 0}",
                found=f"{size} B in {count}",
            )


def account_of(key: str) -> Account:
    """The account in the key of a USAGE_DRIFT."""
    tenant_id, _, kind = key.partition("/")
    return UUID(tenant_id), kind


def leaked_before(moment: datetime) -> Q:
    """Select reservations that expired before `moment` and whose upload cannot land any more."""
    return Q(expires_at__lt=moment) & (Q(may_land_until=None) | Q(may_land_until__lt=moment))


def leaks(*, before: datetime) -> Iterator[Difference]:
    """Reservations that `release_expired` should have ended; one difference for each key."""
    leaked = Reservation.objects.filter(leaked_before(before)).order_by("key")
    last = ""
    for row in leaked.iterator():
        if row.key != last:
            ended = f"expired {row.expires_at:%Y-%m-%d %H:%M} UTC"
            yield Difference(
                DifferenceKind.LEAKED_RESERVATION, row.key, f"{row.size_bytes} B", ended
            )
        last = row.key
