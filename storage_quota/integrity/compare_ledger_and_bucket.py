"""Comparing the ledger with the bucket, in both directions."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from accounts import audit
from events.errors import DomainError, RetryLater
from storage_quota.integrity import check_runs, marker
from storage_quota.integrity.comparison import differences, ledger_sums, merge_join
from storage_quota.integrity.comparison.differences import Difference
from storage_quota.integrity.comparison.merge_join import Pair
from storage_quota.integrity.comparison.sample import Sample
from storage_quota.integrity.errors import CANNOT_CHECK
from storage_quota.integrity.orphans import records
from storage_quota.models import DifferenceKind, IntegrityCheck
from storage_quota.object_store import survey
from storage_quota.object_store.factory import where
from storage_quota.object_store.port import ObjectStore

GRACE: Final = timedelta(hours=24)
"""
Age below which nothing is repaired, and an object that the ledger does not know is not reported:
its upload may not be finished.
"""

_PAGE_PAIRS: Final = 1_000
_PAGE_BYTES: Final = 64 * 1024**2
"""A page ends at so many keys or bytes to read. After a kill one page is repeated."""

Observe = Callable[[IntegrityCheck], None]


def _unobserved(_: IntegrityCheck) -> None:
    """Ignore progress."""


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """
    When and how a run of the check works.

    `until`: the `time.monotonic()` at which it stops. `count_orphans`: False in a dry run.
    `observe`: called after each page.
    """

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
    store: ObjectStore, *, percent: float | None, options: CheckOptions, claim: bool = False
) -> IntegrityCheck:
    """
    Go on with the unfinished check, or begin one; it may not be finished within `until`.

    Raises one of CANNOT_CHECK, and records it unless another check is running. The caller holds
    `check_runs.only_one()`.
    """
    check = check_runs.open_check(percent=percent, now=options.now)
    try:
        if claim:
            audit.record("bucket.claimed", after={"place": where(), "check": check.pk})
            marker.claim(store, now=options.now)
        marker.confirm(store, now=options.now)
        survey.take(store, where(), now=options.now)
        _compare(store, check, options)
    except CANNOT_CHECK as failure:
        check_runs.fail(check, _reason(failure))
        raise
    return check


def _compare(store: ObjectStore, check: IntegrityCheck, options: CheckOptions) -> None:
    tenants = records.known_tenants()
    sample = check_runs.sample_of(check)
    after = check_runs.position(check)
    pairs = merge_join.joined(
        merge_join.ledger_entries(after=after),
        merge_join.bucket_objects(store.list(after=after)),
    )
    started = time.monotonic()
    for page in _pages(pairs, sample):
        comparison = differences.compare_page(
            page, store=store, sample=sample, before=options.before
        )
        reported = _count(comparison.found, tenants, options)
        spent, started = time.monotonic() - started, time.monotonic()
        check_runs.advance(
            check, page, comparison, reported=reported, seconds=spent, now=options.now
        )
        options.observe(check)
        if options.is_over:
            return
    _finish(store, check, options)


def _pages(pairs: Iterator[Pair], sample: Sample) -> Iterator[list[Pair]]:
    page: list[Pair] = []
    size_bytes = 0
    for pair in pairs:
        page.append(pair)
        if pair.entry and differences.is_sampled(pair, sample):
            size_bytes += pair.entry.size_bytes
        if len(page) >= _PAGE_PAIRS or size_bytes >= _PAGE_BYTES:
            yield page
            page, size_bytes = [], 0
    if page:
        yield page


def _count(found: list[Difference], tenants: set[UUID], options: CheckOptions) -> list[Difference]:
    """Count orphans against the bucket from now on; returns the differences to report."""
    infos = [difference.info for difference in found if difference.info]
    if not infos:
        return found
    # Before `note`, which overwrites what was known about them.
    decided = records.decided(infos)
    if options.count_orphans:
        records.note(infos, tenants=tenants, now=options.now)
    return [
        difference
        for difference in found
        if difference.kind != DifferenceKind.ORPHANED or difference.key not in decided
    ]


def _finish(store: ObjectStore, check: IntegrityCheck, options: CheckOptions) -> None:
    if options.count_orphans:
        records.forget_gone(store, unseen_since=check.started_at)
    found = [*ledger_sums.drifts(), *ledger_sums.leaks(before=options.before)]
    check_runs.finish(check, found, now=options.now)
    options.observe(check)


def _reason(failure: DomainError | RetryLater) -> str:
    return str(failure) or type(failure).__name__
