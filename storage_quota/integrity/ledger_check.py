"""Do the books agree with themselves: sums with their entries, promises with their time?"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from storage_quota.integrity.compare import Found
from storage_quota.ledger import Account
from storage_quota.models import Finding, Reservation

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


def drifts() -> Iterator[Found]:
    """One statement, so one snapshot: sum and entries move together, never seen apart."""
    with connection.cursor() as cursor:
        cursor.execute(_DRIFT)
        for tenant_id, kind, noted, noted_count, size, count in cursor.fetchall():
            yield Found(
                Finding.USAGE_DRIFT,
                f"{tenant_id}/{kind}",
                expected=f"{noted or 0} B in {noted_count or 0}",
                found=f"{size} B in {count}",
            )


def account_of(key: str) -> Account:
    """Of a drift's key."""
    tenant_id, _, kind = key.partition("/")
    return UUID(tenant_id), kind


def leaked_before(moment: datetime) -> Q:
    """Expired, and no unanswered upload of it can still be carried out."""
    return Q(expires_at__lt=moment) & (Q(kept_until=None) | Q(kept_until__lt=moment))


def leaks(*, before: datetime) -> Iterator[Found]:
    """Promises the sweep should have ended long ago; a key with several is told once."""
    leaked = Reservation.objects.filter(leaked_before(before)).order_by("key")
    last = ""
    for row in leaked.iterator():
        if row.key != last:
            ended = f"expired {row.expires_at:%Y-%m-%d %H:%M} UTC"
            yield Found(Finding.LEAKED_RESERVATION, row.key, f"{row.size_bytes} B", ended)
        last = row.key
