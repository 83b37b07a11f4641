"""
Concurrency limit over all workers and hosts: N places, which are rows (`vision.limits.places`).

One tenant may have all places. Where several want them, each has a share of at least `share`: a
caller whose tenant has fewer calls in progress comes before those whose tenants have as many or
more. Among these, and among those, places are shared evenly. A place that nobody else waits for
goes to whoever does.

Where nobody waits, a place is taken by one statement. Else a caller waits in the queue of its
tenant, which is an advisory lock, and only the first of each tenant polls, or is told by a thread
of its own process that gives a place back: waiting costs next to nothing. When the process is asked
to end, the first ones give up, then who comes after them. Backfill has a queue of
its own in front of that, of which one caller at a time moves on: a tenant's recent posts never wait
for more than one of its older ones. A restart of PostgreSQL mixes the queues up; the places stay
as they are.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from events.errors import RetryLater
from events.postgresql.advisory_locks import LockTimeout, held
from events.workers import ending
from vision.limits import places
from vision.limits.places import ClaimKey

PATIENCE = timedelta(minutes=2)
"""How long a prepared picture waits before its delivery is put off."""
_POLL_SECONDS = 0.01
"""Between two tries of the first in the queue: what handing over by another process costs at most."""
_OWN_SECONDS = 0.1
"""The same where this process holds all places: its threads tell when they give one back."""
_RECHECK_SECONDS = 0.2
"""After this, a tenant above its share lets the next tenant try, and looks at its share again."""

_LOOK_EVERY_SECONDS = 1.0
"""Between two looks for workers that are gone: all that live may be waiting in here."""
_looked_at = 0.0


class LimitReached(RetryLater):
    """The allowed number of calls is in progress, or this process ends; the picture is analyzed later."""


@dataclass(frozen=True, slots=True)
class Caller:
    """
    Who wants a place: a tenant that has a right to `share` places, and may take `most` if they are free.

    `claim` is the claim whose call begins with the place; None for a call without one.
    """

    tenant: str
    share: int
    most: int
    claim: ClaimKey | None = None


@contextmanager
def acquire(
    name: str,
    *,
    limit: int,
    of: Caller,
    is_recent: bool = True,
    patience: timedelta = PATIENCE,
) -> Iterator[UUID]:
    """
    Hold one of the `limit` places called `name`; LimitReached if none is free within `patience`.

    Also LimitReached once this process is asked to end: no call may begin then. Yields the place,
    for a caller that gives it back earlier. Raises ClaimLost where somebody has freed the caller's
    claim meanwhile. Not inside a transaction.
    """
    until = time.monotonic() + patience.total_seconds()
    with ExitStack() as held_by_us:
        place = _queued(name, limit=limit, of=of, is_recent=is_recent, until=until)
        held_by_us.callback(places.give_back, place)
        yield place


def lock_names(name: str, *, tenants: Iterable[str]) -> Iterator[str]:
    """Yield the names of the queues for the limit called `name`, which are advisory locks."""
    yield from (f"{name}:first", f"{name}:more")
    for tenant in tenants:
        yield from (f"{name}:{tenant}:queue", f"{name}:{tenant}:backfill")


def _queued(name: str, *, limit: int, of: Caller, is_recent: bool, until: float) -> UUID:
    """Take a place; where the connection breaks, which ends its queues, queue up anew."""
    own = f"{name}:{of.tenant}"
    while True:
        _give_up_at_the_end()
        try:
            if place := _at_once(name, limit=limit, of=of):
                return place
            with ExitStack() as queues:
                if not is_recent:
                    queues.enter_context(_queue(f"{own}:backfill", until=until))
                queues.enter_context(_queue(f"{own}:queue", until=until))
                # The queue is left as soon as the place is taken: the tenant's next one polls.
                return _wait(name, limit=limit, of=of, until=until)
        except (OperationalError, InterfaceError):
            if time.monotonic() >= until:
                raise
            connection.close()  # a new one is opened for the next statement
            time.sleep(_RECHECK_SECONDS)


def _at_once(name: str, *, limit: int, of: Caller) -> UUID | None:
    """Take a place by one statement; None if none is free, or anybody waits in any queue for it."""
    most = min(limit, of.most)
    if places.held_here() >= most:
        return None  # the statement would only say so, too
    lines = [*lock_names(name, tenants=[of.tenant])]
    return places.take(
        name, limit=limit, tenant=of.tenant, most=most, unless_held=lines, claim=of.claim
    )


def _wait(name: str, *, limit: int, of: Caller, until: float) -> UUID:
    """Wait, as the first of the tenant, until it may have one place more, and for that place."""
    lines = [*lock_names(name, tenants=())]
    while time.monotonic() < until:
        _give_up_at_the_end()
        most, seen = min(limit, of.most), places.times_given_back()
        # Nobody of another tenant waits: by one statement, whatever the tenant's share.
        place = places.take(
            name, limit=limit, tenant=of.tenant, most=most, unless_held=lines, claim=of.claim
        )
        if place:
            return place
        # Only the first of the tenant is here, so the number can but fall until a place is taken.
        number = places.held_by(of.tenant, name=name)
        if number >= most:
            _pause(most, since=seen)
        elif place := _place(name, limit=limit, of=of, is_first=number < of.share, until=until):
            return place
    raise LimitReached(f"{limit} calls of {name} are in progress", after=timedelta(seconds=1))


def _place(name: str, *, limit: int, of: Caller, is_first: bool, until: float) -> UUID | None:
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
                _give_up_at_the_end()
                seen = places.times_given_back()
                # Who has not got its share is in the line `first`, and goes before all others.
                place = places.take(
                    name,
                    limit=limit,
                    tenant=of.tenant,
                    most=min(limit, of.most),
                    unless_held=() if is_first else [first],
                    claim=of.claim,
                )
                if place:
                    return place
                if time.monotonic() >= until:
                    return None
                _pause(limit, since=seen)
    except LimitReached:
        return None  # where the process is to end, who called raises it again


def _give_up_at_the_end() -> None:
    if ending.is_asked():
        raise LimitReached("the process is about to end", after=timedelta(0))


def _pause(taken: int, *, since: int) -> None:
    """
    Wait until the next try; look at times whether a worker that is gone holds places.

    `taken` places are taken; where threads of this process have them, one will tell, or has told
    since the last try.
    """
    global _looked_at  # noqa: PLW0603 - one per process; that two threads look at once is no harm
    if time.monotonic() - _looked_at >= _LOOK_EVERY_SECONDS:
        _looked_at = time.monotonic()
        places.release_forgotten(now=timezone.now())
    is_told = places.held_here() >= taken
    places.wait_for_one(since=since, seconds=_OWN_SECONDS if is_told else _POLL_SECONDS)


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
