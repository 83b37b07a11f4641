"""
Lifetimes of objects, which end even where there is space enough (CONTRACT §6.4).

The daily `sweep` deletes an object and its ledger row together, and media only if nothing
references them. It works with every store.

Lifecycle rules in the bucket are a safety net for an installation whose workers do not run.
Media have none, since a rule knows no references. The rules wait a day longer than the sweep.
An object that a rule deleted stays in the ledger until the next sweep, which finds it overdue:
usage is overstated for a while, never understated.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from accounts import audit
from events.queue import acknowledge, enqueue_once
from storage_quota import cleanup
from storage_quota.cleanup import CleanupResult, CleanupRule, Progress, Step
from storage_quota.object_store.errors import LifecycleUnsupported, RightMissing, StoreLacks
from storage_quota.object_store.factory import get_store
from storage_quota.object_store.port import LifecycleRule

TASK: Final = "storage_quota.tasks.sweep_lifecycle"
SLACK: Final = timedelta(days=1)
"""How much later than the sweep the bucket's rules delete."""
OLD_VERSIONS_DAYS: Final = 7
"""Days for which a bucket with versions keeps what was replaced or deleted by mistake."""

_BY_RULE: Final = (Step.CRAWL, Step.VISION, Step.ALBUM)


def lifetimes() -> Mapping[Step, timedelta]:
    """Lifetimes of content types (media: if nothing references them) and of unfinished uploads."""
    by_type = {step: settings.CLEANUP.ttl[step] for step in (*_BY_RULE, Step.MEDIA)}
    return {**by_type, Step.MULTIPART: settings.CLEANUP.abort_uploads_after}


def cleanup_rules() -> tuple[CleanupRule, ...]:
    return tuple(CleanupRule(step, age) for step, age in lifetimes().items())


def bucket_rules(*, versioned: bool = False) -> list[LifecycleRule]:
    """Rules that the bucket should have, for this product's own prefixes only."""
    abort_days = settings.CLEANUP.abort_uploads_after.days
    old_days = OLD_VERSIONS_DAYS if versioned else None
    expiring = [
        LifecycleRule(f"{step}/", (lifetimes()[step] + SLACK).days, abort_days, old_days)
        for step in _BY_RULE
    ]
    return [*expiring, LifecycleRule(f"{Step.MEDIA}/", None, abort_days, old_days)]


@dataclass(frozen=True, slots=True)
class LifecycleComparison:
    """
    The rules in the bucket, and the `missing` ones that it should have as well.

    `versioned`: the bucket keeps what is replaced and deleted, until a rule deletes that too.
    """

    supported: bool
    versioned: bool = False
    in_force: tuple[LifecycleRule, ...] = ()
    missing: tuple[LifecycleRule, ...] = ()


def compare() -> LifecycleComparison:
    versioned = _is_versioned()
    try:
        in_force = tuple(get_store().lifecycle())
    except LifecycleUnsupported:
        return LifecycleComparison(supported=False, versioned=versioned)
    wanted = bucket_rules(versioned=versioned)
    missing = tuple(rule for rule in wanted if rule not in in_force)
    return LifecycleComparison(
        supported=True, versioned=versioned, in_force=in_force, missing=missing
    )


def _is_versioned() -> bool:
    with suppress(StoreLacks, RightMissing):
        return bool(get_store().versioning())
    return False


def sync() -> LifecycleComparison:
    """Write the rules if the store supports them, and compare again."""
    before = compare()
    if before.supported:
        rules = bucket_rules(versioned=before.versioned)
        in_force = {"rules": [asdict(rule) for rule in before.in_force]}
        # Before they are: the bucket knows no transaction.
        audit.record(
            "lifecycle.written", before=in_force, after={"rules": [asdict(rule) for rule in rules]}
        )
        get_store().sync_lifecycle(rules)
    return compare()


def sweep(
    *, now: datetime, until: float = float("inf"), progress: Progress = lambda _: None
) -> CleanupResult:
    """Delete objects whose lifetime is over. Raises cleanup.CleanupRunning."""
    return cleanup.run_overdue(
        rules=cleanup_rules(), trigger=cleanup.SWEEP, now=now, until=until, progress=progress
    )


def sweep_in_background(*, now: datetime, time_box: timedelta) -> str:
    """Sweep for at most `time_box`; if there is more to delete, enqueue another task for it."""
    acknowledge(TASK)
    try:
        freed = sweep(now=now, until=time.monotonic() + time_box.total_seconds())
    except cleanup.CleanupRunning:
        return cleanup.RUNS_ALREADY % {}
    if freed.stop_reason == cleanup.TIME_IS_UP:
        enqueue_once(TASK)
    cleanup.ring_if_due()
    return cleanup.FREED % {"count": freed.deleted_count, "size": freed.freed_bytes}
