"""
Who fetches a page: the state of its row, requested → claimed → an outcome.

While a worker fetches no transaction is open: the row names the worker, and `events.workers.liveness` tells
others when it is gone. A page that was claimed too often without an end is given up.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction

from crawl.limits import budgets, hosts
from crawl.models import CrawledPage, PageState
from crawl.reasons import Reason
from events.errors import RetryLater
from events.postgresql.prepared import Prepared
from events.workers import liveness
from events.workers.claim_columns import is_stale, release, take

LEASE: Final = timedelta(minutes=9)
"""Longer than waiting for a place, all hops, the extraction and two objects of the bucket take."""
SOON: Final = timedelta(seconds=2)
MOST_ATTEMPTS: Final = 6


class FetchInProgress(RetryLater):
    """Another worker fetches this page."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A page that is ours to fetch; `wait` until its place in the row of its host comes."""

    page: CrawledPage
    claim_id: uuid.UUID
    wait: timedelta
    claimed_at: datetime


_in_hand: set[uuid.UUID] = set()
"""Claims that threads of this process work on; a claim is in hand before its row can be seen."""


def claim(
    page_id: uuid.UUID, *, now: datetime, require_usable: Callable[[str], None] = lambda _: None
) -> Claim | None:
    """
    Claim a page; None where nothing is to be fetched, or it was given up.

    Takes one page of the tenant's budgets and a place of the host with it, all or nothing; before
    that, `require_usable` may raise RetryLater for its address. Raises FetchInProgress,
    hosts.HostBusy, and FetchFailed where a budget is used up.
    """
    claim_id, claimed = uuid.uuid4(), None
    liveness.worker_id()  # before a transaction is open: it may wait for its connection
    _in_hand.add(claim_id)
    try:
        with transaction.atomic():
            page = CrawledPage.objects.select_for_update().get(pk=page_id)
            if _is_to_be_fetched(page, now=now):
                require_usable(page.url)
                wait = hosts.take_place(page.host, now=now)
                hosts.require_room(page.host, now=now)
                budgets.take(page.tenant_id, page.host, now=now)
                _take(page, claim_id, now=now)
                claimed = Claim(page, claim_id, wait, now)
    finally:
        if claimed is None:
            _in_hand.discard(claim_id)
    return claimed


def is_fresh(page: CrawledPage, *, now: datetime) -> bool:
    """Whether the server was asked so recently that it is not asked again."""
    fresh = timedelta(minutes=settings.CRAWL.crawl_fresh_minutes)
    return page.checked_at is not None and now - page.checked_at < fresh


def _is_to_be_fetched(page: CrawledPage, *, now: datetime) -> bool:
    if page.state == PageState.CLAIMED and not is_stale(page, in_hand=_in_hand, now=now):
        raise FetchInProgress(f"page {page.pk} is being fetched", after=SOON)
    if page.state == PageState.WAITING:
        return page.due_at is not None and page.due_at <= now
    if page.state not in {PageState.REQUESTED, PageState.CLAIMED}:
        return False
    if page.attempts >= MOST_ATTEMPTS:
        _release(page, PageState.FAILED)
        page.reason, page.attempts = Reason.GIVEN_UP, 0
        page.save()
        return False
    return True


def _take(page: CrawledPage, claim_id: uuid.UUID, *, now: datetime) -> None:
    page.state, page.attempts, page.due_at = PageState.CLAIMED, page.attempts + 1, None
    take(page, claim_id, until=now + LEASE)
    page.save()


def settle(claim: Claim, change: Callable[[CrawledPage], None]) -> CrawledPage | None:
    """
    Write an outcome in the caller's transaction; `change` sets the state among the rest.

    None where the claim was lost: another worker's visit counts.
    """
    page = CrawledPage.objects.select_for_update().get(pk=claim.page.pk)
    if page.claim_id != claim.claim_id:
        return None
    _release(page, PageState.REQUESTED)
    change(page)
    page.save()
    return page


def let_go(claim: Claim) -> None:
    """Forget that this process works on the claim; called when its end is committed, or failed."""
    _in_hand.discard(claim.claim_id)


def cancel(claim: Claim, *, was_asked: bool = True) -> None:
    """
    Give a claim back: what went wrong is not the page's fault and does not count as an attempt.

    In the tenant's day it counts, unless nobody `was_asked`: else what always fails after it was
    fetched would be fetched without end.
    """
    try:
        with transaction.atomic():
            if settle(claim, _uncount) and not was_asked:
                budgets.give_back(claim.page.tenant_id, taken_at=claim.claimed_at)
    finally:
        let_go(claim)  # where that fails, too: what is in nobody's hands is freed within seconds


def _uncount(page: CrawledPage) -> None:
    page.attempts -= 1


def release_stale_claims(*, now: datetime) -> int:
    """Free what workers that are gone held; every worker calls it, see `events.delivery.recovery`."""
    claimed = _CLAIMED.objects()
    return sum(
        _free(one.pk, now=now) for one in claimed if is_stale(one, in_hand=_in_hand, now=now)
    )


_CLAIMED = Prepared(lambda: CrawledPage.objects.filter(state=PageState.CLAIMED))


def _free(pk: uuid.UUID, *, now: datetime) -> bool:
    with transaction.atomic():
        # A locked row is being settled at this moment, so its worker is alive.
        page = CrawledPage.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if (
            page is None
            or page.state != PageState.CLAIMED
            or not is_stale(page, in_hand=_in_hand, now=now)
        ):
            return False
        _release(page, PageState.REQUESTED)
        page.save()
        return True


def _release(page: CrawledPage, state: PageState) -> None:
    page.state = state
    release(page)
