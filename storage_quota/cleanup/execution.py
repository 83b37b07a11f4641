"""
Deleting what was planned, a batch at a time: claim, delete, settle.

The claim takes a batch out of the ledger and drops the rows that point to it, in one short
transaction that asks again whether each object may go. From then on nobody finds them, and
their bytes are covered by promises that are expired from the start. Whoever is killed here
leaves such promises, and the sweep deletes their objects.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice
from typing import Final
from uuid import UUID

from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected

from storage_quota import metrics, selectors
from storage_quota.cleanup import uploads
from storage_quota.cleanup.candidates import Freed, Plan, Step, StepFreed, Victim
from storage_quota.cleanup.evictors import let_go
from storage_quota.models import Reservation
from storage_quota.object_store.factory import get_store
from storage_quota.object_store.port import OUT_OF_ORDER
from storage_quota.reservations.release import end_many

BATCH: Final = 100
"""Objects of one transaction (CONTRACT §7.1): it locks their ledger rows and a sum."""

TIME_IS_UP: Final = "the time is up"

Progress = Callable[[Freed], None]


def execute(
    plan: Plan,
    *,
    now: datetime,
    until: float = float("inf"),
    progress: Progress = lambda _: None,
) -> Freed:
    """
    Delete what `plan` names and still may go; stops as soon as usage is at the target.

    No more batches begin after `until` (by `time.monotonic`). Never raises because the store
    is out of order: what it says becomes `Freed.trouble`.
    """
    tally = _Tally()
    try:
        if plan.victims:
            get_store().head(plan.victims[0].key)  # one that is away says so before rows are gone
        for batch in _batches(plan.victims):
            if tally.trouble or _reached(plan):
                break
            if time.monotonic() >= until:
                tally.trouble = TIME_IS_UP
                break
            _evict(batch, tally, now=now)
            progress(tally.freed())
    except OUT_OF_ORDER as outage:
        tally.trouble = str(outage)
    return tally.freed()


@dataclass(slots=True)
class _Tally:
    """Counts up while a cleanup runs."""

    steps: dict[Step, StepFreed] = field(default_factory=dict)
    skipped: int = 0
    left: int = 0
    trouble: str = ""
    started: float = field(default_factory=time.monotonic)

    def add(self, step: Step, size_bytes: int) -> None:
        self.steps[step] = self.steps.get(step, StepFreed()).plus(size_bytes)

    def freed(self) -> Freed:
        return Freed(
            deleted_count=sum(step.count for step in self.steps.values()),
            freed_bytes=sum(step.freed_bytes for step in self.steps.values()),
            skipped_count=self.skipped,
            left_count=self.left,
            duration_seconds=time.monotonic() - self.started,
            trouble=self.trouble,
            steps=dict(self.steps),
        )


def _batches(victims: Sequence[Victim]) -> Iterator[list[Victim]]:
    """Of one step and content type each, so one evictor is asked about all of a batch."""
    for _, group in groupby(victims, key=lambda victim: (victim.step, victim.content_type)):
        while batch := list(islice(group, BATCH)):
            yield batch


def _reached(plan: Plan) -> bool:
    return plan.target_bytes is not None and selectors.taken_in_all() <= plan.target_bytes


def _evict(batch: Sequence[Victim], tally: _Tally, *, now: datetime) -> None:
    if batch[0].step is Step.MULTIPART:
        for victim in batch:
            uploads.abort(victim)
            tally.add(victim.step, victim.size_bytes)
        return
    covers = _let_go(batch, now=now)
    swept = end_many(covers)
    left = _still_open(covers) if swept.left else set()
    gone = [cover for cover in covers if cover.pk not in left]
    for cover in gone:
        tally.add(batch[0].step, cover.size_bytes)
    tally.left += len(left)
    tally.skipped += len(batch) - len(covers)
    tally.trouble = swept.trouble
    metrics.count_evictions(batch[0].content_type, gone, asked=len(batch), left=len(left))


def _let_go(batch: Sequence[Victim], *, now: datetime) -> list[Reservation]:
    """Whoever writes the same rows at the same time in another order wins: they are in use."""
    try:
        with transaction.atomic(durable=True):
            return let_go(batch, now=now)
    except OperationalError as error:
        if not isinstance(error.__cause__, DeadlockDetected):
            raise
        return []


def _still_open(covers: Sequence[Reservation]) -> set[UUID]:
    rows = Reservation.objects.filter(pk__in=[cover.pk for cover in covers])
    return set(rows.values_list("pk", flat=True))
