"""
Politeness: how often, and how often at once, one host is asked, by all tenants together.

Each request takes the next place in the row of the host. A place within `PATIENCE` is waited for;
for a later one nothing is taken, and the work is put off: a thread that waited for it would keep
other hosts waiting.
"""

from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from django.conf import settings
from django.db import transaction

from crawl.models import CrawledPage, CrawlHost, PageState
from events.errors import RetryLater

PATIENCE: Final = timedelta(seconds=1)
"""How long a thread waits for its place; longer than a worker takes to find work that came back."""
HOP_PATIENCE: Final = timedelta(seconds=6)
"""The same on the way of a redirect, where nothing can be put off without asking all over again."""
_LONG_AGO: Final = timedelta(days=1)


class HostBusy(RetryLater):
    """The next place of this host is too far off, or as many as may be are at it."""


class Returns:
    """
    When work that was put off for a busy host comes back: one after the other, not all at once.

    More comes back than the host has places, so that none is missed, and what is too early is put
    off once more. Only a hint, so each process has its own. It also knows until when the row of a
    host has no place for anybody: a row only moves on.
    """

    SHARE: Final = 0.6
    MOST_STEP: Final = timedelta(seconds=0.5)
    HORIZON: Final = timedelta(minutes=1)
    """What is recent may have to wait so long behind what was put off before it."""
    MOST_HOSTS: Final = 1000

    def __init__(self) -> None:
        self._next: dict[str, datetime] = {}
        self._full: dict[str, datetime] = {}
        self._guard = Lock()

    def after(self, host: str, *, earliest: timedelta, gap: timedelta, now: datetime) -> timedelta:
        """How long to put off the work that was refused now; not less than `earliest`."""
        with self._guard:
            if len(self._next) >= self.MOST_HOSTS:
                self._next = {one: at for one, at in self._next.items() if at > now}
            next_at = min(self._next.get(host, now), now + self.HORIZON)
            at = max(now + earliest, next_at)
            self._next[host] = at + min(gap * self.SHARE, self.MOST_STEP)
        return at - now

    def note_full(self, host: str, *, until: datetime, now: datetime) -> None:
        """Remember that nobody gets a place of the host before `until`."""
        with self._guard:
            if len(self._full) >= self.MOST_HOSTS:
                self._full = {one: at for one, at in self._full.items() if at > now}
            self._full[host] = until

    def full_for(self, host: str, *, now: datetime) -> timedelta:
        """How long nobody gets a place of the host, as far as is known; a clock may be set back."""
        left = self._full.get(host, now) - now
        return left if timedelta(0) < left <= self.HORIZON else timedelta(0)


_returns: Final = Returns()


def require_not_full(host: str, *, now: datetime) -> None:
    """
    Raise HostBusy where this process knows that the host has no place, which costs no query.

    Of a channel that links to one site, hundreds of pages are asked for at once.
    """
    if left := _returns.full_for(host, now=now):
        after = _returns.after(host, earliest=left + PATIENCE / 2, gap=_gap(), now=now)
        raise HostBusy(f"{host} is asked too often", after=after)


def take_place(host: str, *, now: datetime, patience: timedelta = PATIENCE) -> timedelta:
    """
    Take the next place of a host; returns how long to wait for it.

    In the caller's transaction, whose end lets the next one in. Raises HostBusy.
    """
    gap = _gap()
    CrawlHost.objects.get_or_create(host=host, defaults={"next_at": now - _LONG_AGO})
    row = CrawlHost.objects.select_for_update().get(pk=host)
    # A clock that was set back must not close a host for hours.
    at = max(now, min(row.next_at, now + 100 * gap))
    if at - now > patience:
        _returns.note_full(host, until=at - patience, now=now)
        after = _returns.after(host, earliest=at - now - patience / 2, gap=gap, now=now)
        raise HostBusy(f"{host} is asked too often", after=after)
    row.next_at = at + gap
    row.save(update_fields=["next_at"])
    return at - now


def require_room(host: str, *, now: datetime) -> None:
    """Raise HostBusy where as many pages of the host as may be are being fetched."""
    claimed = CrawledPage.objects.filter(host=host, state=PageState.CLAIMED)
    if claimed.count() >= settings.CRAWL.crawl_per_domain:
        gap = _gap()
        after = _returns.after(host, earliest=min(gap, PATIENCE), gap=gap, now=now)
        raise HostBusy(f"{host} is being asked already", after=after)


def pass_on(host: str, *, now: datetime) -> timedelta:
    """The same for a host that a redirect leads to: a transaction of its own."""
    with transaction.atomic():
        return take_place(host, now=now, patience=HOP_PATIENCE)


def _gap() -> timedelta:
    """The time between two requests to one host."""
    return timedelta(minutes=1 / settings.CRAWL.crawl_requests_per_minute)
