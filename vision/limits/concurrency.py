"""
Concurrency limits over all workers and hosts: a semaphore of N numbered advisory locks.

A caller that finds no lock free waits in a queue, which is an advisory lock, too. Only the first
in the queue polls, so waiting costs next to nothing, and callers are served in the order in which
they came. Backfill has a queue of its own, of which one caller at a time waits in the main queue:
recent posts never wait for more than one older post.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta

from events.advisory_locks import LockTimeout, first_free, held
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
    locks = [f"{name}:{number}" for number in range(limit)]
    with _take_free(locks) or _wait_in_queue(name, locks, is_recent=is_recent, until=until):
        yield


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


def _wait_in_queue(
    name: str, locks: Sequence[str], *, is_recent: bool, until: float
) -> AbstractContextManager[object]:
    """Wait for a free lock. The queue is left as soon as it is taken, so the next one can poll."""
    with ExitStack() as queues:
        if not is_recent:
            queues.enter_context(_queue(f"{name}:backfill", until=until))
        queues.enter_context(_queue(f"{name}:queue", until=until))
        while time.monotonic() < until:
            taken = _take_free(locks)
            if taken is not None:
                return taken
            time.sleep(_POLL_SECONDS)
    raise LimitReached(f"{len(locks)} calls of {name} are in progress", after=timedelta(seconds=1))


def _take_free(locks: Sequence[str]) -> AbstractContextManager[object] | None:
    """Take the first free lock; leaving the context that is returned gives it back."""
    with ExitStack() as stack:
        if stack.enter_context(first_free(locks)) is not None:
            return stack.pop_all()
    return None


@contextmanager
def _queue(name: str, *, until: float) -> Iterator[None]:
    """Wait for the head of the queue, and keep it inside the block."""
    # PostgreSQL serves those that wait for a lock in the order in which they came.
    timeout = timedelta(seconds=max(0.0, until - time.monotonic()))
    with ExitStack() as stack:
        try:
            stack.enter_context(held(name, timeout=timeout))
        except LockTimeout as error:
            raise LimitReached(f"{name} is long", after=timedelta(seconds=1)) from error
        yield
