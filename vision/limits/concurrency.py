"""
Concurrency limit over all workers and hosts: N places, which are numbered advisory locks.

One tenant may have all places. Where several want them, each has a share of at least `share`: a
caller whose tenant has fewer calls in progress comes before those whose tenants have as many or
more. Among these, and among those, places are shared evenly. A place that nobody else waits for
goes to whoever does.

A caller waits in the queue of its tenant first, which is an advisory lock, too, and only the first
of each tenant polls: waiting costs next to nothing. Backfill has a queue of its own in front of
that, of which one caller at a time moves on: a tenant's recent posts never wait for more than one
of its older ones.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from events.advisory_locks import LockTimeout, first_free, held, is_held
from events.errors import RetryLater

PATIENCE = timedelta(minutes=2)
"""How long a prepared picture waits before its delivery is put off."""
_POLL_SECONDS = 0.01
"""Between two tries of the first in the queue: what handing over costs at most."""
_RECHECK_SECONDS = 0.2
"""After this, a tenant above its share lets the next tenant try, and looks at its share again."""


class LimitReached(RetryLater):
    """As many calls as allowed are in progress; the picture is analyzed later."""


@dataclass(frozen=True, slots=True)
class TenantShare:
    """
    What one tenant may have of the places.

    It has a right to `share` places and may take `most`, if they are free.
    """

    tenant: str
    share: int
    most: int


@contextmanager
def acquire(
    name: str,
    *,
    limit: int,
    of: TenantShare,
    is_recent: bool = True,
    patience: timedelta = PATIENCE,
) -> Iterator[None]:
    """
    Hold one of the `limit` places called `name`; LimitReached if none is free within `patience`.

    Not inside a transaction. Releasing is one statement for each lock, without a commit.
    """
    until = time.monotonic() + patience.total_seconds()
    own = f"{name}:{of.tenant}"
    with ExitStack() as queues:
        if not is_recent:
            queues.enter_context(_queue(f"{own}:backfill", until=until))
        queues.enter_context(_queue(f"{own}:queue", until=until))
        taken = _wait(name, limit=limit, of=of, until=until)
    # The queue is left as soon as the place is taken, so that the tenant's next caller can poll.
    with taken:
        yield


def lock_names(name: str, *, limit: int, tenants: Iterable[str]) -> Iterator[str]:
    """Yield the names of all advisory locks of the limit called `name`, for `diag_locks`."""
    yield from (f"{name}:{number}" for number in range(limit))
    yield from (f"{name}:first", f"{name}:more")
    for tenant in tenants:
        own = f"{name}:{tenant}"
        yield from (f"{own}:{number}" for number in range(limit))
        yield from (f"{own}:queue", f"{own}:backfill")


def _wait(
    name: str, *, limit: int, of: TenantShare, until: float
) -> AbstractContextManager[object]:
    """Wait, as the first of the tenant, for one of its numbers and a place."""
    places = [f"{name}:{number}" for number in range(limit)]
    # As many numbers as the tenant may have places. The lowest free one is taken each time, so
    # a number below `share` means that the tenant has not got its share yet.
    numbers = [f"{name}:{of.tenant}:{number}" for number in range(min(limit, of.most))]
    share = set(numbers[: of.share])
    while time.monotonic() < until:
        with ExitStack() as attempt:
            number = attempt.enter_context(first_free(numbers))
            if number is None:
                time.sleep(_POLL_SECONDS)
            elif place := _place(name, places, is_first=number in share, until=until):
                attempt.push(place)
                return attempt.pop_all()
    raise LimitReached(f"{limit} calls of {name} are in progress", after=timedelta(seconds=1))


def _place(
    name: str, places: Sequence[str], *, is_first: bool, until: float
) -> AbstractContextManager[object] | None:
    """
    Take a place, in turn with the tenants that wait for the same reason.

    None after a while: a tenant above its share may have come below it meanwhile.
    """
    if not is_first:
        until = min(until, time.monotonic() + _RECHECK_SECONDS)
    first = f"{name}:first"
    line = first if is_first else f"{name}:more"
    try:
        with _queue(line, until=until):
            while True:
                # Who has not got its share is in the line `first`, and goes before all others.
                if (is_first or not is_held(first)) and (place := _take_free(places)):
                    return place
                if time.monotonic() >= until:
                    return None
                time.sleep(_POLL_SECONDS)
    except LimitReached:
        return None


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
