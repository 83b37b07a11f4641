"""
Executing a plan, a batch at a time: claim, delete, settle.

The claim is one short transaction that checks each candidate again, removes it from the ledger
and deletes the rows pointing to it. From then on nobody finds the objects, and tombstones keep
their bytes counted. If this process is killed, the tombstones stay, and `release_expired`
deletes their objects.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice
from typing import Final
from uuid import UUID

from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected

from storage_quota import metrics, selectors
from storage_quota.cleanup import uploads, versions
from storage_quota.cleanup.candidates import Candidate, CleanupPlan, CleanupResult, Step, StepTotal
from storage_quota.cleanup.evictors import evict
from storage_quota.models import Reservation
from storage_quota.object_store.errors import OUT_OF_ORDER
from storage_quota.object_store.factory import get_store
from storage_quota.reservations.release import release_with_result

BATCH: Final = 100
"""Objects of one transaction (CONTRACT §7.1), which locks their ledger rows and one sum."""

_OUTSIDE_OF_LEDGER: Final[Mapping[Step, Callable[[Candidate], bool]]] = {
    Step.MULTIPART: uploads.abort,
    Step.VERSIONS: versions.delete,
    Step.MARKERS: versions.delete_marker,
}
"""How candidates are deleted that the ledger does not know; False: it stays, as it is needed."""

TIME_IS_UP: Final = "the time is up"

Progress = Callable[[CleanupResult], None]


def execute(
    plan: CleanupPlan,
    *,
    now: datetime,
    until: float = float("inf"),
    progress: Progress = lambda _: None,
) -> CleanupResult:
    """
    Delete the candidates of `plan` that are still unused, until usage reaches the target.

    No batch begins after `until` (by `time.monotonic`). Does not raise if the store fails: its
    message becomes `CleanupResult.stop_reason`.
    """
    tally = _Tally()
    try:
        if plan.candidates:
            # A store that fails should do so before any row is deleted.
            get_store().head(plan.candidates[0].key)
            get_store().refuse_if_nothing_may_be_deleted()
        for batch in _batches(plan.candidates):
            if tally.stop_reason or _reached(plan):
                break
            if time.monotonic() >= until:
                tally.stop_reason = TIME_IS_UP
                break
            _evict_batch(batch, tally, now=now)
            progress(tally.result())
    except OUT_OF_ORDER as outage:
        tally.stop_reason = str(outage)
    return tally.result()


@dataclass(slots=True)
class _Tally:
    """Running totals of a cleanup."""

    steps: dict[Step, StepTotal] = field(default_factory=dict)
    skipped: int = 0
    remaining: int = 0
    stop_reason: str = ""
    started: float = field(default_factory=time.monotonic)

    def add(self, step: Step, size_bytes: int) -> None:
        self.steps[step] = self.steps.get(step, StepTotal()).plus(size_bytes)

    def result(self) -> CleanupResult:
        return CleanupResult(
            deleted_count=sum(step.count for step in self.steps.values()),
            freed_bytes=sum(step.freed_bytes for step in self.steps.values()),
            skipped_count=self.skipped,
            remaining_count=self.remaining,
            duration_seconds=time.monotonic() - self.started,
            stop_reason=self.stop_reason,
            steps=dict(self.steps),
        )


def _batches(candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    """Split into batches of one step and content type, so that each concerns one evictor."""
    for _, group in groupby(candidates, key=lambda each: (each.step, each.content_type)):
        while batch := list(islice(group, BATCH)):
            yield batch


def _reached(plan: CleanupPlan) -> bool:
    return plan.target_bytes is not None and selectors.taken_in_all() <= plan.target_bytes


def _evict_batch(batch: Sequence[Candidate], tally: _Tally, *, now: datetime) -> None:
    if outside_of_ledger := _OUTSIDE_OF_LEDGER.get(batch[0].step):
        for candidate in batch:
            if outside_of_ledger(candidate):
                tally.add(candidate.step, candidate.size_bytes)
            else:
                tally.skipped += 1
        return
    tombstones = _take_out_of_ledger(batch, now=now)
    # After that commit: deleting objects inside it could not be undone with it.
    released = release_with_result(tombstones)
    remaining = _unreleased(tombstones) if released.remaining else set()
    gone = [tombstone for tombstone in tombstones if tombstone.pk not in remaining]
    for tombstone in gone:
        tally.add(batch[0].step, tombstone.size_bytes)
    tally.remaining += len(remaining)
    tally.skipped += len(batch) - len(tombstones)
    tally.stop_reason = released.error
    if versions.are_kept():
        for tombstone in gone:
            versions.purge(tombstone.key)
    metrics.count_evictions(batch[0].content_type, gone, asked=len(batch), remaining=len(remaining))


def _take_out_of_ledger(batch: Sequence[Candidate], *, now: datetime) -> list[Reservation]:
    """Claim a batch; returns tombstones. On a deadlock nothing is claimed: the rows are in use."""
    try:
        with transaction.atomic(durable=True):
            return evict(batch, now=now)
    except OperationalError as error:
        # PostgreSQL ends one of two transactions that lock the same rows in another order.
        if not isinstance(error.__cause__, DeadlockDetected):
            raise
        return []


def _unreleased(tombstones: Sequence[Reservation]) -> set[UUID]:
    rows = Reservation.objects.filter(pk__in=[tombstone.pk for tombstone in tombstones])
    return set(rows.values_list("pk", flat=True))
