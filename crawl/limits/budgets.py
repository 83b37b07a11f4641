"""
How many pages a tenant may fetch: per day, and per host and hour (CONTRACT §13).

Each is one statement that counts only where there is something left, so no two visits take the last.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from crawl.fetchers.port import FetchFailed
from crawl.models import CrawlDay, CrawlDomain
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
        used = CASE WHEN row.hour IN (%(hour)s, %(next)s) THEN row.used + 1 ELSE 1 END,
        hour = CASE WHEN row.hour = %(next)s THEN row.hour ELSE excluded.hour END
    WHERE coalesce(row.budget, %(most)s) >
        CASE WHEN row.hour IN (%(hour)s, %(next)s) THEN row.used ELSE 0 END
    RETURNING used
"""
"""
What people have set for the host goes before what the installation has for all.

Who comes with the hour before, at the turn of an hour or with a clock that is behind, counts in the hour
that has begun: it must not begin anew at each turn of two visitors. Farther ahead is a clock that was wrong.
"""


def take(tenant_id: UUID, host: str, *, now: datetime) -> None:
    """
    Count one page, in the caller's transaction; it gives both back by rolling back.

    Raises FetchFailed, with the time until there is something again.
    """
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    most = settings.CRAWL.crawl_tenant_pages_per_day
    if not _taken(_TAKE_DAY, tenant=tenant_id, day=day.date(), most=most):
        raise FetchFailed(Reason.TENANT_BUDGET, again=True, after=day + DAY - now)
    _take_hour(tenant_id, host, now=now)


def give_back(tenant_id: UUID, *, taken_at: datetime) -> None:
    """Uncount a page of the tenant's day. That of the host's hour stays: the host may have been asked."""
    of_day = CrawlDay.objects.filter(tenant=tenant_id, day=taken_at.date(), used__gt=0)
    of_day.update(used=F("used") - 1)


def take_on_the_way(tenant_id: UUID, host: str, *, now: datetime) -> None:
    """
    Count one page of a host to which a redirect leads, in a transaction of its own.

    Raises FetchFailed; for good where nothing at all may be fetched of the host, since otherwise
    the server that leads there would be asked each hour in vain.
    """
    if _most(tenant_id, host) == 0:
        raise FetchFailed(Reason.DENIED, host, again=False)
    with transaction.atomic():
        _take_hour(tenant_id, host, now=now)


def _take_hour(tenant_id: UUID, host: str, *, now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    most = settings.CRAWL.crawl_domain_pages_per_hour
    of_row = {"tenant": tenant_id, "host": host, "hour": hour, "next": hour + HOUR}
    if not _taken(_TAKE_HOUR, **of_row, most=most):
        raise FetchFailed(Reason.DOMAIN_BUDGET, host, again=True, after=hour + HOUR - now)


def _most(tenant_id: UUID, host: str) -> int:
    """How many pages of the host an hour may have."""
    own = CrawlDomain.objects.filter(tenant=tenant_id, host=host, budget__isnull=False)
    found = own.values_list("budget", flat=True).first()
    return settings.CRAWL.crawl_domain_pages_per_hour if found is None else found


def _taken(statement: str, **values: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone() is not None
