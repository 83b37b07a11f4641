"""Visit the pages of an event, and tell its post of them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from crawl.canonicalize import url_hash
from crawl.limits.hosts import require_not_full
from crawl.models import PageState
from crawl.services.told import tell
from crawl.services.visit import visit
from events.errors import RetryLater
from events.postgresql import one_trip

_PAGES = """
    SELECT url_hash, id, host, state FROM crawled_pages
    WHERE tenant_id = %s AND url_hash = ANY(%s)
"""


def visit_pages(urls: Sequence[str], *, tenant_id: UUID, post_id: str = "", now: datetime) -> str:
    """
    Visit those of the pages that are to be visited; returns how many are in which state.

    A page that has to wait keeps no other waiting: RetryLater is raised when all were tried.
    """
    states: Counter[str] = Counter()
    busy: list[RetryLater] = []
    started = timezone.now()
    for page_id, host in _pages(urls, tenant_id):
        moment = now + (timezone.now() - started)
        try:
            if host:
                require_not_full(host, now=moment)
            states[visit(page_id, now=moment)] += 1
        except RetryLater as later:
            busy.append(later)
    if busy:
        after = min((one.after for one in busy if one.after), default=timedelta(seconds=2))
        raise RetryLater(str(busy[0]), after=after)
    if post_id:
        # Where all were fresh, no visit has told the post.
        with transaction.atomic():
            tell([UUID(post_id)], now=now)
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "no pages"


def _pages(urls: Sequence[str], tenant_id: UUID) -> list[tuple[UUID, str]]:
    """The pages in the order of the links, each with its host where that is to be asked."""
    hashes = [url_hash(url) for url in urls]
    [rows] = one_trip.fetch((_PAGES, [tenant_id, hashes]))
    found = {
        one: (pk, host if state == PageState.REQUESTED else "") for one, pk, host, state in rows
    }
    return [found[one] for one in dict.fromkeys(hashes) if one in found]
