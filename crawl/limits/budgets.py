"""
How many pages a tenant may fetch: per day, and per host and hour (CONTRACT §13).

Each is one statement that counts only where there is something left, so no two visits take the last.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from crawl.fetchers.port import FetchFailed
from crawl.reasons import Reason

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
_TAKE_DAY: Final = """
    INSERT INTO crawl_days AS row (tenant_id, day, used)
    SELECT %(tenant)s, %(day)s, 1 WHERE %(most)s > 0
    ON CONFLICT (tenant_id, day) DO UPDATE SET used = row.used + 1 WHERE row.used < %(most)s
    RETURNING used
"""
_TAKE_HOUR: Final = """
    INSERT INTO crawl_domains AS row (tenant_id, host, hour, used)
    SELECT %(tenant)s, %(host)s, %(hour)s, 1 WHERE %(most)s > 0 OR EXISTS (
        SELECT FROM crawl_domains WHERE tenant_id = %(tenant)s AND host = %(host)s AND budget > 0
    )
    ON CONFLICT (tenant_id, host) DO UPDATE SET
        used = CASE WHEN row.hour = excluded.hour THEN row.used + 1 ELSE 1 END,
        hour = excluded.hour
    WHERE coalesce(row.budget, %(most)s) >
        CASE WHEN row.hour = excluded.hour THEN row.used ELSE 0 END
    RETURNING used
"""
"""What people have set for the host goes before what the installation has for all."""


def take(tenant_id: UUID, host: str, *, now: datetime) -> None:
    """
    Count one page, in the caller's transaction; it gives both back by rolling back.

    Raises FetchFailed, with the time until there is something again.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    most = settings.CRAWL
    if not _taken(
        _TAKE_DAY, tenant=tenant_id, day=day.date(), most=most.crawl_tenant_pages_per_day
    ):
        raise FetchFailed(Reason.TENANT_BUDGET, again=True, after=day + DAY - now)
    if not _taken(
        _TAKE_HOUR,
        tenant=tenant_id, host=host, hour=hour, most=most.crawl_domain_pages_per_hour,
    ):  # fmt: skip
        raise FetchFailed(Reason.DOMAIN_BUDGET, again=True, after=hour + HOUR - now)


def _taken(statement: str, **values: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone() is not None
