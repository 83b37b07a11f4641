"""Comparing the books with the bucket, both ways."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from events.errors import DomainError, RetryLater
from storage_quota.integrity import check_runs, compare, ledger_check, marker, merge_join, orphans
from storage_quota.integrity.compare import Found
from storage_quota.integrity.errors import CANNOT_CHECK
from storage_quota.integrity.merge_join import Pair
from storage_quota.integrity.sample import Sample
from storage_quota.models import Finding, IntegrityCheck
from storage_quota.object_store.port import ObjectStore

GRACE: Final = timedelta(hours=24)
"""What is younger is left alone: an upload may be on its way."""

_PAGE_PAIRS: Final = 1_000
_PAGE_BYTES: Final = 64 * 1024**2
"""A page ends at whichever comes first: keys, or bytes to be read. A kill repeats one page."""

Observe = Callable[[IntegrityCheck], None]


def _unobserved(_: IntegrityCheck) -> None:
    """Nobody is watching."""


@dataclass(frozen=True, slots=True)
class Terms:
    """`until`: the `time.monotonic()` at which to stop. `count_orphans`: not in a dry run."""

    now: datetime
    grace: timedelta = GRACE
    until: float = float("inf")
    count_orphans: bool = True
    observe: Observe = _unobserved

    @property
    def before(self) -> datetime:
        return self.now - self.grace

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until


def run(
    store: ObjectStore, *, percent: float | None, terms: Terms, claim: bool = False
) -> IntegrityCheck:
    """
    Go on with the round that is open, or begin one; it may not be finished in time.

    Raises one of CANNOT_CHECK, and writes that down unless another check is running. The
    caller holds `rounds.only_one()`.
    """
    check = check_runs.open_round(percent=percent, now=terms.now)
    try:
        if claim:
            marker.claim(store, now=terms.now)
        marker.confirm(store, now=terms.now)
        _compare(store, check, terms)
    except CANNOT_CHECK as failure:
        check_runs.fail(check, _reason(failure))
        raise
    return check


def _compare(store: ObjectStore, check: IntegrityCheck, terms: Terms) -> None:
    tenants = orphans.known_tenants()
    sample = check_runs.sample_of(check)
    pairs = merge_join.joined(
        merge_join.lines(after=check.cursor), merge_join.objects(store.list(after=check.cursor))
    )
    started = time.monotonic()
    for page in _pages(pairs, sample):
        judgment = compare.judge(page, store=store, sample=sample, before=terms.before)
        heard = _count(judgment.found, tenants, terms)
        spent, started = time.monotonic() - started, time.monotonic()
        check_runs.advance(check, page, judgment, heard=heard, seconds=spent, now=terms.now)
        terms.observe(check)
        if terms.is_over:
            return
    _finish(store, check, terms)


def _pages(pairs: Iterator[Pair], sample: Sample) -> Iterator[list[Pair]]:
    page: list[Pair] = []
    size_bytes = 0
    for pair in pairs:
        page.append(pair)
        if pair.line and compare.is_sampled(pair, sample):
            size_bytes += pair.line.size_bytes
        if len(page) >= _PAGE_PAIRS or size_bytes >= _PAGE_BYTES:
            yield page
            page, size_bytes = [], 0
    if page:
        yield page


def _count(found: list[Found], tenants: set[UUID], terms: Terms) -> list[Found]:
    """Orphans count against the bucket from now on. Returns what a person should hear of."""
    infos = [one.info for one in found if one.info]
    if not infos:
        return found
    settled = orphans.settled(infos)
    if terms.count_orphans:
        orphans.note(infos, tenants=tenants, now=terms.now)
    return [one for one in found if one.kind != Finding.ORPHANED or one.key not in settled]


def _finish(store: ObjectStore, check: IntegrityCheck, terms: Terms) -> None:
    if terms.count_orphans:
        orphans.forget_gone(store, unseen_since=check.started_at)
    found = [*ledger_check.drifts(), *ledger_check.leaks(before=terms.before)]
    check_runs.finish(check, found, now=terms.now)
    terms.observe(check)


def _reason(failure: DomainError | RetryLater) -> str:
    return str(failure) or type(failure).__name__
