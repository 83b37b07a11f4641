"""
Politeness: how often, and how often at once, one host is asked, by all tenants together.

Each request takes the next place in the row of the host. A place within `PATIENCE` is waited for;
for a later one nothing is taken, and the work is put off.
"""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction

from crawl.models import CrawledPage, CrawlHost, PageState
from events.errors import RetryLater

PATIENCE: Final = timedelta(seconds=6)
"""How long a thread waits for its place; less than a lease by far."""
SOON: Final = timedelta(seconds=1)
_LONG_AGO: Final = timedelta(days=1)


class HostBusy(RetryLater):
    """The next place of this host is too far off, or as many as may be are at it."""


def take_place(host: str, *, now: datetime) -> timedelta:
    """
    Take the next place of a host; returns how long to wait for it.

    In the caller's transaction, whose end lets the next one in. Raises HostBusy.
    """
    gap = timedelta(minutes=1 / settings.CRAWL.crawl_requests_per_minute)
    CrawlHost.objects.get_or_create(host=host, defaults={"next_at": now - _LONG_AGO})
    row = CrawlHost.objects.select_for_update().get(pk=host)
    # A clock that was set back must not close a host for hours.
    at = max(now, min(row.next_at, now + 100 * gap))
    if at - now > PATIENCE:
        raise HostBusy(f"{host} is asked too often", after=at - now)
    row.next_at = at + gap
    row.save(update_fields=["next_at"])
    return at - now


def require_room(host: str) -> None:
    """Raise HostBusy where as many pages of the host as may be are being fetched."""
    claimed = CrawledPage.objects.filter(host=host, state=PageState.CLAIMED)
    if claimed.count() >= settings.CRAWL.crawl_per_domain:
        raise HostBusy(f"{host} is being asked already", after=SOON)


def pass_on(host: str, *, now: datetime) -> timedelta:
    """The same for a host that a redirect leads to: a transaction of its own."""
    with transaction.atomic():
        return take_place(host, now=now)
