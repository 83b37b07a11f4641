"""Drain a queue: the loop that django-q2's workers and `manage.py drain` have in common."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime

from django.db import connections
from django.db.models import Min, QuerySet
from django.utils import timezone

from events import advisory_locks, subscriptions
from events.delivery import claims, run
from events.delivery.run import Tally
from events.models import OPEN_STATES, Delivery
from events.subscriptions import Subscription

TURN = 1.0
"""Seconds after which a busy subscriber makes room for the other subscribers of its queue."""

POLL_EVERY = 0.2
"""Seconds after which an idle thread checks again for due deliveries while others still work."""

Observer = Callable[[Subscription, Tally], None]


def drain(queue: str, *, until: float = float("inf"), observe: Observer = lambda *_: None) -> Tally:
    """
    Deliver what is due in `queue`, one subscriber after the other, until nothing is due.

    Stops early at `until` (`time.monotonic()`). `observe` is called after every batch.
    """
    total = Tally()
    worked = True
    while worked and time.monotonic() < until:
        worked = False
        for subscription in subscriptions.registered(queue=queue):
            tally = _turn(subscription, until=until, observe=observe)
            total.add(tally)
            worked = worked or tally.settled > 0
    return total


def _turn(subscription: Subscription, *, until: float, observe: Observer) -> Tally:
    """Deliver batches to one subscriber, for TURN seconds at most."""
    if subscription.threads == 1:
        return _work(subscription, until=min(until, time.monotonic() + TURN), observe=observe)
    if not claims.anything_due(subscription, now=timezone.now()):
        return Tally()
    return _turn_of_threads(subscription, until=until, observe=observe)


def _work(subscription: Subscription, *, until: float, observe: Observer) -> Tally:
    total = Tally()
    while time.monotonic() < until:
        tally = run.deliver_batch(subscription)
        if not tally.settled:
            break
        total.add(tally)
        observe(subscription, tally)
    return total


def _turn_of_threads(subscription: Subscription, *, until: float, observe: Observer) -> Tally:
    """
    Deliver in several threads, each of which claims batches by itself until nothing is due.

    A thread that finds nothing due stays as long as another one works: a delivery that becomes
    due meanwhile must not wait for the end of a long call.
    """
    total = Tally()
    guard = threading.Lock()
    busy = subscription.threads

    def observe_locked(subscription: Subscription, tally: Tally) -> None:
        with guard:
            total.add(tally)
            observe(subscription, tally)

    def change_busy(change: int) -> bool:
        """Count this thread as idle (-1) or busy (+1); True if all threads are idle."""
        nonlocal busy
        with guard:
            busy += change
            return busy == 0

    def work() -> None:
        try:
            _work(subscription, until=until, observe=observe_locked)
            while not change_busy(-1) and time.monotonic() < until:
                time.sleep(POLL_EVERY)
                change_busy(+1)
                _work(subscription, until=until, observe=observe_locked)
        finally:
            connections.close_all()  # Django closes only those of its own threads

    with ThreadPoolExecutor(subscription.threads, thread_name_prefix=subscription.name) as pool:
        for future in [pool.submit(work) for _ in range(subscription.threads)]:
            future.result()
    return total


def waiting() -> QuerySet[Delivery]:
    """
    Select open deliveries to subscribers that this process knows.

    Deliveries to subscribers of a room that is switched off, or of another release, are left to a
    process that knows them.
    """
    known = [subscription.name for subscription in subscriptions.registered()]
    return Delivery.objects.filter(subscriber__in=known, state__in=OPEN_STATES)


def due_queues(*, now: datetime) -> list[str]:
    """Return the names of the queues that have something to deliver at `now`."""
    due = waiting().filter(due_at__lte=now)
    return sorted(due.values_list("queue", flat=True).distinct().order_by())


def seconds_until_due(queue: str, *, now: datetime) -> float | None:
    """Return the seconds until something of the queue is due, or None if nothing is open."""
    due_at = waiting().filter(queue=queue).aggregate(first=Min("due_at"))["first"]
    return None if due_at is None else max(0.0, (due_at - now).total_seconds())


def only_one_on_this_host(queue: str) -> AbstractContextManager[bool]:
    """
    Hold this host's right to drain `queue`; yields False if another process has it.

    One drain of a queue has all the threads it needs; a second would only take a worker
    away from the other queues.
    """
    return advisory_locks.try_held(f"drain:{socket.gethostname()}:{queue}")
