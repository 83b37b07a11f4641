"""
Running cleanups, one at a time in the installation.

A reservation that crosses the emergency threshold only enqueues a cleanup; so do the sweeps and
every refusal while usage stays above it. A reservation that
would be refused because the bucket is full frees just the space it needs, or waits for the
process that is cleaning up, for a limited time.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final

from django.conf import settings

from accounts import audit
from events.errors import DomainError
from events.postgresql import advisory_locks
from events.queue import acknowledge, enqueue_once, unfinished
from events.sentences import Sentence, gettext_noop
from storage_quota import metrics, selectors
from storage_quota.cleanup.candidates import CleanupPlan, CleanupResult
from storage_quota.cleanup.execution import TIME_IS_UP, Progress, execute
from storage_quota.cleanup.planning import EMERGENCY, CleanupRule, plan, plan_overdue
from storage_quota.object_store import survey
from storage_quota.object_store.errors import OUT_OF_ORDER
from storage_quota.object_store.factory import get_store, where
from storage_quota.reservations.release import release_expired

logger = logging.getLogger(__name__)

TASK: Final = "storage_quota.tasks.emergency_cleanup"
PATIENCE: Final = timedelta(seconds=20)
"""How long a reservation waits for space before it is refused."""
POLL_SECONDS: Final = 0.2
KEPT: Final = (
    "each is the only good copy of an object that was overwritten or deleted in the bucket by"
    " somebody else; see `manage.py verify_storage`"
)
"""Why a cleanup leaves old versions."""

SWEEP: Final = "lifecycle"
"""The trigger of the daily sweep."""
LOCK: Final = "storage_quota.cleanup"
"""Name of the advisory lock that a running cleanup holds; it ends with its process."""

FREED = Sentence(gettext_noop("%(count)s deleted, %(size)s bytes freed"))
RUNS_ALREADY = Sentence(gettext_noop("another cleanup is running"))
_OFF = Sentence(gettext_noop("switched off by %(setting)s"))
_ROOM = Sentence(gettext_noop("there is room"))


class CleanupRunning(DomainError):
    """Another process is cleaning up; nothing was done."""

    code: ClassVar[str] = "cleanup_running"
    http_status: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__(gettext_noop("Another cleanup is running: wait for its end"))


def run(
    *,
    target_bytes: int,
    trigger: str,
    now: datetime,
    until: float = float("inf"),
    progress: Progress = lambda _: None,
) -> CleanupResult:
    """
    Delete candidates until usage is at `target_bytes`.

    `trigger` names the cause in the log and in metrics. Ends after the batch during which `until`
    passes (by `time.monotonic`). If the store fails, the result says so. Raises CleanupRunning.
    """
    with _exclusively(), _recorded(trigger, target_bytes=target_bytes) as figures:
        metrics.CLEANUPS.inc()
        _survey(now=now)
        release_expired(now=now)
        freed = _repeat(
            lambda: plan(target_bytes=target_bytes, now=now),
            now=now,
            until=until,
            progress=progress,
        )
        figures.update(_figures(freed))
    _log(trigger, freed)
    return freed


def run_overdue(
    *,
    rules: Sequence[CleanupRule],
    trigger: str,
    now: datetime,
    until: float = float("inf"),
    progress: Progress = lambda _: None,
) -> CleanupResult:
    """Delete everything whose lifetime is over, whether or not space is needed. See `run`."""
    steps = {rule.step: str(rule.older_than) for rule in rules}
    with _exclusively(), _recorded(trigger, older_than=steps) as figures:
        freed = _repeat(
            lambda: plan_overdue(rules=rules, now=now), now=now, until=until, progress=progress
        )
        figures.update(_figures(freed))
    _log(trigger, freed)
    return freed


def survey_server(*, now: datetime) -> None:
    """Survey the bucket's server, however recent the last survey is; raises as the store does."""
    survey.take(get_store(), where(), now=now)


def _survey(*, now: datetime) -> None:
    """Look at the bucket's server if that is due: where it keeps versions, deleting is not enough."""
    known = survey.state()
    if survey.is_due(where(), now=now) or (known is not None and known.keeps_old):
        with suppress(*OUT_OF_ORDER):  # the cleanup itself says what is wrong with the store
            survey.take(get_store(), where(), now=now)


def make_room(room_bytes: int, *, now: datetime, until: float) -> bool:
    """
    Free `room_bytes` in the bucket, or wait for it; True if it is worth trying to reserve again.

    If no cleanup is running, this process frees that much and enqueues a cleanup for the rest;
    otherwise it waits. Gives up at `until` (by `time.monotonic`), or if there are no candidates.
    Never inside a transaction.
    """
    if not room_bytes or not settings.CLEANUP.enabled:
        return False
    target_bytes = max(0, settings.LIMITS.total_bytes - room_bytes)
    while time.monotonic() < until:
        if selectors.taken_in_all() <= target_bytes:
            return True
        with advisory_locks.try_held(LOCK) as mine:
            if mine:
                return _free_just(target_bytes, now=now, until=until)
        time.sleep(POLL_SECONDS)
    return False


def ring() -> None:
    """Enqueue a cleanup, unless one is enqueued already."""
    if settings.CLEANUP.enabled:
        enqueue_once(TASK)


def ring_if_due(used_bytes: int | None = None) -> None:
    """Enqueue a cleanup while usage (of now, if it is not given) is at the emergency threshold."""
    used_bytes = selectors.taken_in_all() if used_bytes is None else used_bytes
    if used_bytes >= settings.LIMITS.emergency_bytes:
        ring()


def clean_up_in_background(*, now: datetime, time_box: timedelta, going_on: bool = False) -> str:
    """
    Clean up as a task: enqueued when the threshold is crossed, and scheduled.

    Begins at the emergency threshold and ends at the target. If `time_box` does not suffice,
    another task goes on; with `going_on`, or after a run that was killed, it does not look at the
    threshold again.
    """
    acknowledge(TASK)
    if not settings.CLEANUP.enabled:
        return _OFF % {"setting": "S3_ENABLE_EMERGENCY_CLEANUP"}
    try:
        with _exclusively(), unfinished(TASK) as interrupted:
            above = going_on or interrupted or _is_threshold_reached()
            return _clean_up(now=now, time_box=time_box) if above else _ROOM % {}
    except CleanupRunning:
        return RUNS_ALREADY % {}


def _is_threshold_reached() -> bool:
    return selectors.taken_in_all() >= settings.LIMITS.emergency_bytes


def _clean_up(*, now: datetime, time_box: timedelta) -> str:
    until = time.monotonic() + time_box.total_seconds()
    target_bytes = settings.CLEANUP.target_bytes
    freed = run(target_bytes=target_bytes, trigger="threshold", now=now, until=until)
    if freed.stop_reason == TIME_IS_UP:
        enqueue_once(TASK, going_on=True)
    return FREED % {"count": freed.deleted_count, "size": freed.freed_bytes}


def _free_just(target_bytes: int, *, now: datetime, until: float) -> bool:
    metrics.CLEANUPS.inc()
    freed = _repeat(
        lambda: plan(target_bytes=target_bytes, now=now, rules=EMERGENCY), now=now, until=until
    )
    _log("reservation", freed)
    if freed.deleted_count:
        ring()
    elif freed.remaining_count and not freed.stop_reason:
        # Another process is deleting these objects right now: their space is free in a moment.
        time.sleep(POLL_SECONDS)
        return True
    return freed.deleted_count > 0


def _repeat(
    make_plan: Callable[[], CleanupPlan],
    *,
    now: datetime,
    until: float,
    progress: Progress = lambda _: None,
) -> CleanupResult:
    """Plan and execute; repeat while a plan is full and its execution deletes something."""
    total = CleanupResult()
    while True:
        try:
            chosen = make_plan()
        except OUT_OF_ORDER as outage:
            return replace(total, stop_reason=str(outage))
        if chosen.kept_count:
            logger.warning("%d old versions stay: %s", chosen.kept_count, KEPT)
        report = partial(_report_total, progress, total)
        done = execute(chosen, now=now, until=until, progress=report)
        total = total.plus(done)
        if not chosen.more or not done.finished or not done.deleted_count:
            return total


def _report_total(progress: Progress, before: CleanupResult, part: CleanupResult) -> None:
    progress(before.plus(part))


@contextmanager
def _recorded(trigger: str, **aim: Any) -> Iterator[dict[str, Any]]:
    """Two entries in the audit; none of the daily sweep, which does what its lifetimes say."""
    if trigger == SWEEP:
        yield {}
        return
    with audit.recorded("cleanup", before={"trigger": trigger, **aim}) as figures:
        yield figures


def _figures(freed: CleanupResult) -> dict[str, Any]:
    return {
        "deleted": freed.deleted_count,
        "freed_bytes": freed.freed_bytes,
        "in_use": freed.skipped_count,
        "remaining": freed.remaining_count,
        "stopped": freed.stop_reason,
    }


def _log(trigger: str, freed: CleanupResult) -> None:
    metrics.record_cleanup(trigger, freed_bytes=freed.freed_bytes)
    stopped = f"; stopped: {freed.stop_reason}" if freed.stop_reason else ""
    logger.info(
        "cleanup (%s): %d deleted, %d bytes freed, %d in use, %d remaining%s",
        trigger,
        freed.deleted_count,
        freed.freed_bytes,
        freed.skipped_count,
        freed.remaining_count,
        stopped,
    )


@contextmanager
def _exclusively() -> Iterator[None]:
    with advisory_locks.try_held(LOCK) as mine:
        if not mine:
            raise CleanupRunning
        yield
