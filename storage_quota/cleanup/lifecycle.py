"""
How long objects live when nobody needs their room (CONTRACT §6.4).

The application deletes first: the daily `sweep` takes an object and its ledger row
together, and media only if nothing references them. It works with every store.

What is also written to the bucket as rules is a safety net for an installation whose
workers stand still. Media have none: a rule knows no references. The other rules wait a
day longer than the sweep. What one of them deletes is still in the ledger until the next
sweep, which finds it overdue: so usage is overstated for a while, never understated.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from events.queue import acknowledge, enqueue_once
from storage_quota import cleanup
from storage_quota.cleanup import Freed, Progress, Round, Step
from storage_quota.object_store.factory import get_store
from storage_quota.object_store.port import LifecycleRule, LifecycleUnsupported

TASK: Final = "storage_quota.tasks.sweep_lifecycle"
SLACK: Final = timedelta(days=1)
"""By which the sweep is ahead of the bucket's own rules."""

_BY_RULE: Final = (Step.CRAWL, Step.VISION, Step.ALBUM)


def lifetimes() -> Mapping[Step, timedelta]:
    """By content type, media only where nothing references them; and of unfinished uploads."""
    by_type = {step: settings.CLEANUP.ttl[step] for step in (*_BY_RULE, Step.MEDIA)}
    return {**by_type, Step.MULTIPART: settings.CLEANUP.abort_uploads_after}


def rounds() -> tuple[Round, ...]:
    return tuple(Round(step, age) for step, age in lifetimes().items())


def rules() -> list[LifecycleRule]:
    """What the bucket should do by itself, under our own prefixes only."""
    abort_days = settings.CLEANUP.abort_uploads_after.days
    expiring = [
        LifecycleRule(f"{step}/", (lifetimes()[step] + SLACK).days, abort_days) for step in _BY_RULE
    ]
    return [*expiring, LifecycleRule(f"{Step.MEDIA}/", None, abort_days)]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The bucket's rules and those it should have. `missing` are to be written."""

    supported: bool
    in_force: tuple[LifecycleRule, ...] = ()
    missing: tuple[LifecycleRule, ...] = ()


def compare() -> Comparison:
    try:
        in_force = tuple(get_store().lifecycle())
    except LifecycleUnsupported:
        return Comparison(supported=False)
    missing = tuple(rule for rule in rules() if rule not in in_force)
    return Comparison(supported=True, in_force=in_force, missing=missing)


def sync() -> Comparison:
    """Write the rules where the store has any; afterwards nothing is missing."""
    if compare().supported:
        get_store().sync_lifecycle(rules())
    return compare()


def sweep(
    *, now: datetime, until: float = float("inf"), progress: Progress = lambda _: None
) -> Freed:
    """Delete what is over its time. Raises cleanup.CleanupRunning."""
    return cleanup.run_overdue(
        rounds=rounds(), trigger="lifecycle", now=now, until=until, progress=progress
    )


def sweep_in_background(*, now: datetime, time_box: timedelta) -> str:
    """What a worker does once a day; what it cannot finish in `time_box` goes on in another task."""
    acknowledge(TASK)
    try:
        freed = sweep(now=now, until=time.monotonic() + time_box.total_seconds())
    except cleanup.CleanupRunning:
        return "another cleanup is running"
    if freed.trouble == cleanup.TIME_IS_UP:
        enqueue_once(TASK)
    return f"{freed.deleted_count} deleted, {freed.freed_bytes} bytes freed"
