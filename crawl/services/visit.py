"""One visit of a page: claim → fetch, take apart, store → settle."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from crawl import claims, metrics
from crawl.claims import Claim
from crawl.extraction.process import Article, PageUnreadable, shared
from crawl.fetchers.crawl4ai import Crawl4aiFetcher, ServiceNotAsked
from crawl.fetchers.http import MIMES, HttpFetcher
from crawl.fetchers.port import Answer, Fetcher, FetchFailed
from crawl.limits import budgets, hosts, robots
from crawl.limits.hosts import HostBusy
from crawl.models import CrawledPage, PageState
from crawl.policy import host_is_open, host_of
from crawl.reasons import Reason
from crawl.services import store_page
from crawl.services.outcome import NOT_MODIFIED, Outcome, after_failure, failure_of
from crawl.services.store_page import Stored
from crawl.services.told import tell
from crawl.settings import rules
from events.metrics import count_when_committed
from storage_quota.services import lock_existing

_COUNTS_AS_AWAY: Final = frozenset({Reason.GONE, Reason.SERVER_ERROR, Reason.TIMEOUT, Reason.UNREACHABLE})  # fmt: skip


_lock: Final = Lock()
_fetchers: Final[list[Fetcher]] = []


def fetcher() -> Fetcher:
    """The one fetcher of this process, whose connections are opened with its first request."""
    with _lock:
        if not _fetchers:
            uses_service = bool(settings.CRAWL.crawl4ai_url)
            _fetchers.append(Crawl4aiFetcher() if uses_service else HttpFetcher())
        return _fetchers[0]


def forget_fetcher() -> None:
    """Close it; the next visit gets one that knows the settings of then."""
    with _lock:
        while _fetchers:
            _fetchers.pop().close()


def visit(page_id: UUID, *, now: datetime) -> str:
    """
    Visit a page if it is to be visited; returns its state. Idempotent: what is read stays.

    Raises RetryLater where another worker has the page or its host is busy; whatever else goes
    wrong is an outcome of the page.
    """
    try:
        claim = claims.claim(page_id, now=now, require_usable=fetcher().require_usable)
    except FetchFailed as budget:
        return _wait_for_budget(page_id, budget, now=now)
    if claim is None:
        return _known(CrawledPage.objects.get(pk=page_id))
    end: Callable[[Claim], None] = claims.cancel
    try:
        time.sleep(claim.wait.total_seconds())
        state = _visit_claimed(claim, now=now + claim.wait)
        end = claims.let_go
    except ServiceNotAsked:
        end = partial(claims.cancel, was_asked=False)
        raise
    finally:
        end(claim)
    return state


def _known(page: CrawledPage) -> str:
    if page.state == PageState.READ:
        metrics.CACHE_HITS.labels("fresh").inc()
    return str(page.state)


def _visit_claimed(claim: Claim, *, now: datetime) -> str:
    started, status = time.monotonic(), None
    try:
        answer = _fetch(claim.page, now=now)
        seconds, status = time.monotonic() - started, answer.status
        if failure := failure_of(answer, mimes=MIMES):
            raise failure
        outcome = _keep(claim, answer, seconds, now=now)
    except FetchFailed as failure:
        seconds = time.monotonic() - started
        outcome = after_failure(claim.page, failure, status=status, now=now)
        outcome = replace(outcome, seconds=seconds)
        _settle_failure(claim, outcome, now=now)
    metrics.LATENCY.labels(metrics.host_label(claim.page.host), outcome.state).observe(seconds)
    return str(outcome.state)


def _fetch(page: CrawledPage, *, now: datetime) -> Answer:
    return fetcher().fetch(
        page.url,
        etag=page.etag,
        last_modified=page.last_modified,
        before_hop=partial(_before_hop, page, {page.host}, now),
    )


def _before_hop(page: CrawledPage, counted: set[str], now: datetime, url: str) -> None:
    """
    Ask lists, budgets, robots.txt and the row of the host before each request, also of a redirect.

    `counted` are the hosts of which this visit has taken its page already.
    """
    host = host_of(url)
    if not host_is_open(url, rules()):
        raise FetchFailed(Reason.DENIED, host, again=False)
    if host not in counted:
        budgets.take_on_the_way(page.tenant_id, host, now=now)
        counted.add(host)
    agent = settings.CRAWL.crawl_user_agent
    robots.require_open(url, fetcher(), agent=agent, now=now)
    if host != page.host:
        _pass_on(host, now=now)


def _pass_on(host: str, *, now: datetime) -> None:
    """Wait for the next place in the row of a host to which a redirect leads."""
    try:
        time.sleep(hosts.pass_on(host, now=now).total_seconds())
    except HostBusy as busy:
        raise FetchFailed(Reason.RATE_LIMITED, host, again=True, after=busy.after) from busy


def _keep(claim: Claim, answer: Answer, seconds: float, *, now: datetime) -> Outcome:
    """Take the page apart and store it; the outcome is committed."""
    if answer.status == NOT_MODIFIED:
        outcome = Outcome(
            PageState.READ, Reason.NOT_MODIFIED, http_status=answer.status, seconds=seconds
        )
        _settle(claim, outcome, None, None, Stored(), now=now)
        count_when_committed(partial(metrics.CACHE_HITS.labels("not_modified").inc))
        return outcome
    try:
        article = shared.extract(answer.body, url=answer.url, charset=answer.charset)
    except PageUnreadable as error:
        raise FetchFailed(Reason.UNREADABLE, str(error), again=False) from error
    stored = store_page.put(claim.page, answer.body, article, now=now)
    reason = Reason.FETCHED if stored.html else Reason.NO_ROOM
    reason = reason if article.text else Reason.NO_ARTICLE
    outcome = Outcome(PageState.READ, reason, http_status=answer.status, seconds=seconds)
    _settle(claim, outcome, answer, article, stored, now=now)
    return outcome


def _settle(
    claim: Claim,
    outcome: Outcome,
    answer: Answer | None,
    article: Article | None,
    stored: Stored,
    *,
    now: datetime,
) -> None:
    """Write that a page is there; without an article it has not changed."""
    with transaction.atomic():
        # Before the row of the page is locked: an eviction takes them in this order.
        kept = lock_existing(filter(None, (stored.html, stored.markdown)))

        def change(page: CrawledPage) -> None:
            _write(page, outcome)
            page.attempts, page.gone_since, page.checked_at = 0, None, now
            if answer is not None and article is not None:
                page.final_url = answer.url[:2000] if answer.url != page.url else ""
                page.html_key = stored.html if stored.html in kept else ""
                page.markdown_key = stored.markdown if stored.markdown in kept else ""
                # What the bucket does not have is fetched as a whole the next time.
                page.etag = answer.etag if page.html_key else ""
                page.last_modified = answer.last_modified if page.html_key else ""
                page.title = article.title
                store_page.add_version(page, article, now=now)

        _tell_of(claims.settle(claim, change), outcome, now=now)


def _settle_failure(claim: Claim, outcome: Outcome, *, now: datetime) -> None:
    """Write why a page was not read; its last version stays."""

    def change(page: CrawledPage) -> None:
        _write(page, outcome)
        is_away = outcome.state == PageState.GONE or (
            page.version > 0 and outcome.reason in _COUNTS_AS_AWAY
        )
        page.gone_since = (page.gone_since or now) if is_away else page.gone_since
        if outcome.state != PageState.WAITING:
            page.attempts, page.checked_at = 0, now

    with transaction.atomic():
        _tell_of(claims.settle(claim, change), outcome, now=now)


def _write(page: CrawledPage, outcome: Outcome) -> None:
    page.state, page.reason, page.details = outcome.state, outcome.reason, outcome.details
    page.http_status, page.due_at = outcome.http_status, outcome.due_at
    page.seconds = outcome.seconds


def _tell_of(page: CrawledPage | None, outcome: Outcome, *, now: datetime) -> None:
    """Tell the posts that point to the page, unless the claim was lost."""
    if page is None:
        return
    tell(page.mentions.values_list("post", flat=True), now=now)
    labels = (str(outcome.state), str(outcome.reason))
    count_when_committed(partial(metrics.REQUESTS.labels(*labels).inc))


def _wait_for_budget(page_id: UUID, budget: FetchFailed, *, now: datetime) -> str:
    """Put off the page, and with it all that are due and would meet the same end."""
    with transaction.atomic():
        page = CrawledPage.objects.select_for_update().get(pk=page_id)
        if page.state not in {PageState.REQUESTED, PageState.WAITING}:
            return str(page.state)
        outcome = after_failure(page, budget, status=None, now=now)
        _write(page, outcome)
        page.save()
        same = CrawledPage.objects.filter(
            tenant=page.tenant_id, state=PageState.WAITING, due_at__lte=now
        )
        if budget.reason == Reason.DOMAIN_BUDGET:
            same = same.filter(host=page.host)
        same.update(due_at=outcome.due_at)
        _tell_of(page, outcome, now=now)
    return str(page.state)
