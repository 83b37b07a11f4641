"""
Network calls in flight, over all workers and hosts: each holds one of N numbered locks.

Who finds no slot free stands in a line. Only the first of the line looks for a free slot, so
that waiting costs next to nothing and slots are handed over in the order of asking; old posts
form a line of their own, of which one at a time stands in the line of the fresh ones.
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
"""How long a prepared picture waits for a slot before its delivery is put off."""
_LOOK_EVERY = 0.01
"""Seconds between two looks of the first in line: what a hand-over costs at most."""


class NoSlot(RetryLater):
    """Everybody is on the line; the picture is looked at later."""


@contextmanager
def slot(
    line: str, *, slots: int, live: bool = True, patience: timedelta = PATIENCE
) -> Iterator[None]:
    """
    Hold one of `slots` places of `line`; NoSlot where none was free within `patience`.

    Not inside a transaction. Releasing is one statement without a commit.
    """
    until = time.monotonic() + patience.total_seconds()
    taken = _take(line, slots) or _stand_in_line(line, slots, live=live, until=until)
    try:
        yield
    finally:
        _execute("SELECT pg_advisory_unlock(%s)", taken)


@contextmanager
def all_of(lines: Sequence[tuple[str, int]], *, live: bool = True) -> Iterator[None]:
    """A place of each line, in the order given; everybody gives the same order."""
    with ExitStack() as places:
        for line, count in lines:
            places.enter_context(slot(line, slots=count, live=live))
        yield


def _stand_in_line(line: str, slots: int, *, live: bool, until: float) -> int:
    with ExitStack() as lines:
        if not live:
            lines.enter_context(_line(f"{line}:old posts", until=until))
        lines.enter_context(_line(f"{line}:line", until=until))
        while time.monotonic() < until:
            taken = _take(line, slots)
            if taken is not None:
                return taken
            time.sleep(_LOOK_EVERY)
    raise NoSlot(f"no slot of {line} was free", after=timedelta(seconds=1))


def _take(line: str, slots: int) -> int | None:
    """The first free slot. A CASE stops at the first that is true, so one lock is taken at most."""
    keys = [key_of(f"{line}:{number}") for number in range(slots)]
    cases = " ".join(["WHEN pg_try_advisory_lock(%s) THEN %s::bigint"] * slots)
    found = _execute(f"SELECT CASE {cases} END", *(part for key in keys for part in (key, key)))
    return None if found is None else int(found)


@contextmanager
def _line(name: str, *, until: float) -> Iterator[None]:
    key = key_of(name)
    left_ms = max(1, int((until - time.monotonic()) * 1000))
    try:
        _execute("SELECT set_config('lock_timeout', %s, false)", f"{left_ms}ms")
        _execute("SELECT pg_advisory_lock(%s)", key)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise NoSlot(f"{name} is long", after=timedelta(seconds=1)) from error
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
