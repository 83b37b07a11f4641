"""Work a queue off: the same loop for django-q2's workers and for `manage.py drain`."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, connections
from django.db.models import Min, QuerySet
from django.utils import timezone

from events import subscriptions
from events.delivery import claims, run
from events.delivery.run import Tally
from events.models import OPEN_STATES, Delivery
from events.subscriptions import Subscription

TURN = 1.0
"""Seconds after which a subscriber with much to do lets the others of its queue go on."""

LOOK_AGAIN = 0.2
"""Seconds between two looks of a thread that found nothing due while its neighbors work."""

Observer = Callable[[Subscription, Tally], None]


def drain(queue: str, *, until: float = float("inf"), observe: Observer = lambda *_: None) -> Tally:
    """
    Deliver what is due in `queue`, in turn for each of its subscribers, until nothing is.

    Stops early at `until` (`time.monotonic()`). `observe` is told of every batch.
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
    """Batches of one subscriber, for TURN seconds at most: then it is the others' turn."""
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
    Each thread claims for itself until nothing is due; none waits for a slow neighbor.

    Who finds nothing stays as long as a neighbor works: what becomes due meanwhile must not
    wait for the end of a long call.
    """
    total = Tally()
    guard = threading.Lock()
    busy = subscription.threads

    def one_at_a_time(subscription: Subscription, tally: Tally) -> None:
        with guard:
            total.add(tally)
            observe(subscription, tally)

    def may_leave(change: int) -> bool:
        nonlocal busy
        with guard:
            busy += change
            return busy == 0

    def work() -> None:
        try:
            _work(subscription, until=until, observe=one_at_a_time)
            while not may_leave(-1) and time.monotonic() < until:
                time.sleep(LOOK_AGAIN)
                may_leave(+1)
                _work(subscription, until=until, observe=one_at_a_time)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(subscription.threads, thread_name_prefix=subscription.name) as pool:
        for future in [pool.submit(work) for _ in range(subscription.threads)]:
            future.result()
    return total


def waiting() -> QuerySet[Delivery]:
    """
    What is still to be delivered to subscribers this process knows.

    Those of a room that is switched off, or of another release, wait until somebody does.
    """
    known = [subscription.name for subscription in subscriptions.registered()]
    return Delivery.objects.filter(subscriber__in=known, state__in=OPEN_STATES)


def due_queues(*, now: datetime) -> list[str]:
    """Queues with something to deliver at `now`."""
    due = waiting().filter(due_at__lte=now)
    return sorted(due.values_list("queue", flat=True).distinct().order_by())


def seconds_until_due(queue: str, *, now: datetime) -> float | None:
    """How long until something of the queue is due; 0 if it is, None if nothing is open."""
    due_at = waiting().filter(queue=queue).aggregate(first=Min("due_at"))["first"]
    return None if due_at is None else max(0.0, (due_at - now).total_seconds())


@contextmanager
def only_one_on_this_host(queue: str) -> Iterator[bool]:
    """
    Whether nobody else on this host drains `queue` now.

    One drain of a queue has all the threads it needs; a second would only take a worker
    away from the other queues. The lock belongs to the connection, so it dies with it.
    """
    name = f"drain:{socket.gethostname()}:{queue}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        (mine,) = cursor.fetchone()
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
