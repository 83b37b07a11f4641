"""
Concurrency limits over all workers and hosts: a semaphore of N numbered advisory locks.

A caller that finds no lock free waits in a queue, which is an advisory lock, too. Only the first
in the queue polls, so waiting costs next to nothing, and callers are served in the order in which
they came. Backfill has a queue of its own, of which one caller at a time waits in the main queue:
recent posts never wait for more than one older post.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

from events.advisory_locks import key_of
from events.errors import RetryLater

PATIENCE = timedelta(minutes=2)
"""How long a prepared picture waits before its delivery is put off."""
_POLL_SECONDS = 0.01
"""Between two tries of the first in the queue: what handing over costs at most."""


class LimitReached(RetryLater):
    """As many calls as allowed are in progress; the picture is analyzed later."""


@contextmanager
def acquire(
    name: str, *, limit: int, is_recent: bool = True, patience: timedelta = PATIENCE
) -> Iterator[None]:
    """
    Hold one of `limit` locks of the semaphore; LimitReached if none is free within `patience`.

    Not inside a transaction. Releasing is one statement without a commit.
    """
    until = time.monotonic() + patience.total_seconds()
    taken = _take_free(name, limit) or _wait_in_queue(name, limit, is_recent=is_recent, until=until)
    try:
        yield
    finally:
        _execute("SELECT pg_advisory_unlock(%s)", taken)


@contextmanager
def acquire_all(limits: Sequence[tuple[str, int]], *, is_recent: bool = True) -> Iterator[None]:
    """
    Hold a lock of each semaphore (name and limit), taken in the order given.

    All callers must give the same order, or two of them could wait for each other.
    """
    with ExitStack() as stack:
        for name, limit in limits:
            stack.enter_context(acquire(name, limit=limit, is_recent=is_recent))
        yield


def _wait_in_queue(name: str, limit: int, *, is_recent: bool, until: float) -> int:
    with ExitStack() as stack:
        if not is_recent:
            stack.enter_context(_queue(f"{name}:backfill", until=until))
        stack.enter_context(_queue(f"{name}:queue", until=until))
        while time.monotonic() < until:
            taken = _take_free(name, limit)
            if taken is not None:
                return taken
            time.sleep(_POLL_SECONDS)
    raise LimitReached(f"{limit} calls of {name} are in progress", after=timedelta(seconds=1))


def _take_free(name: str, limit: int) -> int | None:
    """Take the first free lock; returns its key, or None."""
    keys = [key_of(f"{name}:{number}") for number in range(limit)]
    # PostgreSQL evaluates a CASE up to its first true condition: at most one lock is taken.
    cases = " ".join(["WHEN pg_try_advisory_lock(%s) THEN %s::bigint"] * limit)
    found = _execute(f"SELECT CASE {cases} END", *(part for key in keys for part in (key, key)))
    return None if found is None else int(found)


@contextmanager
def _queue(name: str, *, until: float) -> Iterator[None]:
    """Wait for the head of the queue, and keep it inside the block."""
    key = key_of(name)
    left_ms = max(1, int((until - time.monotonic()) * 1000))
    try:
        # PostgreSQL serves those that wait for a lock in the order in which they came.
        _execute("SELECT set_config('lock_timeout', %s, false)", f"{left_ms}ms")
        _execute("SELECT pg_advisory_lock(%s)", key)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise LimitReached(f"{name} is long", after=timedelta(seconds=1)) from error
        raise
    finally:
        _execute("SELECT set_config('lock_timeout', '0', false)")
    try:
        yield
    finally:
        _execute("SELECT pg_advisory_unlock(%s)", key)


def _execute(statement: str, *values: str | int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0]
