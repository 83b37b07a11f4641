"""
Whole cleanups: one at a time in the installation, started by whoever notices first.

Reservations that cross the emergency threshold only ring. A reservation that would be
refused for want of room in the bucket waits for just the room it needs, and not for long.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar, Final

from django.conf import settings
from django.db import connection

from events.errors import DomainError
from events.queue import acknowledge, enqueue_once
from storage_quota import metrics, selectors
from storage_quota.cleanup.candidates import Freed, Plan
from storage_quota.cleanup.execution import TIME_IS_UP, Progress, execute
from storage_quota.cleanup.planning import EMERGENCY, Round, plan, plan_overdue
from storage_quota.object_store.port import OUT_OF_ORDER
from storage_quota.reservations.release import release_expired

logger = logging.getLogger(__name__)

TASK: Final = "storage_quota.tasks.emergency_cleanup"
PATIENCE: Final = timedelta(seconds=20)
"""How long a refused reservation waits for room."""
POLL_SECONDS: Final = 0.2

_RUNNING: Final = 0x5B0C1EA
"""Number of the advisory lock that a cleanup holds; it ends with its process."""


class CleanupRunning(DomainError):
    """Another process frees space just now; nothing was done."""

    code: ClassVar[str] = "cleanup_running"
    http_status: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__("Another cleanup is running: wait for its end")


def run(
    *,
    target_bytes: int,
    trigger: str,
    now: datetime,
    until: float = float("inf"),
    progress: Progress = lambda _: None,
) -> Freed:
    """
    Get usage down to `target_bytes` by what may go; `trigger` is who asked, for log and metrics.

    Ends after the batch during which `until` passes (by `time.monotonic`). What the store
    refuses is told in the answer. Raises CleanupRunning.
    """
    with _exclusively():
        metrics.CLEANUPS.inc()
        release_expired(now=now)
        freed = _repeat(
            lambda: plan(target_bytes=target_bytes, now=now),
            now=now,
            until=until,
            progress=progress,
        )
    _tell(trigger, freed)
    return freed


def run_overdue(
    *,
    rounds: Sequence[Round],
    trigger: str,
    now: datetime,
    until: float = float("inf"),
    progress: Progress = lambda _: None,
) -> Freed:
    """Delete everything whose time is over, needed or not. See `run`."""
    with _exclusively():
        freed = _repeat(
            lambda: plan_overdue(rounds=rounds, now=now), now=now, until=until, progress=progress
        )
    _tell(trigger, freed)
    return freed


def make_room(room_bytes: int, *, now: datetime, until: float) -> bool:
    """
    Wait until `room_bytes` more fit into the bucket; True if it is worth asking for them again.

    Whoever finds nobody at work frees that much, and no more: the rest is rung for. All others
    watch. Gives up at `until` (by `time.monotonic`), or where nothing may go. Never inside
    a transaction.
    """
    if not room_bytes or not settings.CLEANUP.enabled:
        return False
    target_bytes = max(0, settings.LIMITS.total_bytes - room_bytes)
    while time.monotonic() < until:
        if selectors.taken_in_all() <= target_bytes:
            return True
        with _only_one() as mine:
            if mine:
                return _free_just(target_bytes, now=now, until=until)
        time.sleep(POLL_SECONDS)
    return False


def ring() -> None:
    """Have a worker clean up soon, unless one was told already."""
    if settings.CLEANUP.enabled:
        enqueue_once(TASK)


def clean_up_in_background(*, now: datetime, time_box: timedelta, going_on: bool = False) -> str:
    """
    What a worker does that was rung for, or looks after the bucket from time to time.

    Begins at the emergency threshold and ends at the target. What it cannot finish in
    `time_box` goes on in another task, which is told that it is `going_on`.
    """
    acknowledge(TASK)
    if not settings.CLEANUP.enabled:
        return "switched off by S3_ENABLE_EMERGENCY_CLEANUP"
    if not going_on and selectors.taken_in_all() < settings.LIMITS.emergency_bytes:
        return "there is room"
    until = time.monotonic() + time_box.total_seconds()
    target_bytes = settings.CLEANUP.target_bytes
    try:
        freed = run(target_bytes=target_bytes, trigger="threshold", now=now, until=until)
    except CleanupRunning:
        return "another cleanup is running"
    if freed.trouble == TIME_IS_UP:
        enqueue_once(TASK, going_on=True)
    return f"{freed.deleted_count} deleted, {freed.freed_bytes} bytes freed"


def _free_just(target_bytes: int, *, now: datetime, until: float) -> bool:
    metrics.CLEANUPS.inc()
    freed = _repeat(
        lambda: plan(target_bytes=target_bytes, now=now, rounds=EMERGENCY), now=now, until=until
    )
    _tell("reservation", freed)
    if freed.deleted_count:
        ring()
    elif freed.left_count and not freed.trouble:  # somebody's sweep has just taken it up
        time.sleep(POLL_SECONDS)
        return True
    return freed.deleted_count > 0


def _repeat(
    look: Callable[[], Plan],
    *,
    now: datetime,
    until: float,
    progress: Progress = lambda _: None,
) -> Freed:
    """Plan and execute, again as long as plans are full and something comes of them."""
    total = Freed()
    while True:
        try:
            chosen = look()
        except OUT_OF_ORDER as outage:
            return replace(total, trouble=str(outage))
        onward = partial(_sum_up, progress, total)
        done = execute(chosen, now=now, until=until, progress=onward)
        total = total.plus(done)
        if not chosen.more or not done.finished or not done.deleted_count:
            return total


def _sum_up(progress: Progress, before: Freed, part: Freed) -> None:
    progress(before.plus(part))


def _tell(trigger: str, freed: Freed) -> None:
    metrics.record_cleanup(trigger, freed_bytes=freed.freed_bytes)
    stopped = f"; stopped: {freed.trouble}" if freed.trouble else ""
    logger.info(
        "cleanup (%s): %d deleted, %d bytes freed, %d in use, %d left%s",
        trigger, freed.deleted_count, freed.freed_bytes, freed.skipped_count, freed.left_count,
        stopped,
    )  # fmt: skip


@contextmanager
def _exclusively() -> Iterator[None]:
    with _only_one() as mine:
        if not mine:
            raise CleanupRunning
        yield


@contextmanager
def _only_one() -> Iterator[bool]:
    """Whether this process has the installation's one right to clean up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_RUNNING])
        mine = bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine and connection.connection and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_RUNNING])
