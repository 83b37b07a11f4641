"""Drain a queue: the loop that worker processes and `manage.py drain` have in common."""

import logging
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Final

from django.db import Error, connection, connections
from django.db.models import QuerySet
from django.utils import timezone

from events import subscriptions
from events.delivery import claims, run
from events.delivery.run import CONNECTION_BROKEN, Proceed, Tally, always
from events.models import OPEN_STATES, Delivery
from events.subscriptions import Subscription
from events.workers import clock

logger = logging.getLogger(__name__)

TURN: Final = 1.0
"""Seconds after which a busy subscriber makes room for the other subscribers of its queue."""
POLL_EVERY: Final = 0.2
"""Seconds between two looks for further due deliveries while some threads work."""
IDLE_POLL: Final = 0.25
"""Seconds between two looks for due deliveries of a queue that has none."""
GATHER_FOR: Final = 1.0
"""
Seconds for which projections gather after less than a batch. What a batch costs hardly depends on its
size, and a picture leads to two deliveries for the search, half a second apart.
"""
RECONNECT_EVERY: Final = 0.5
"""Seconds between two attempts while PostgreSQL takes no connection."""
GIVE_UP_AFTER: Final = 30.0
"""Seconds without a connection after which `drain` raises the error; `serve` goes on for ever."""

Observer = Callable[[Subscription, Tally], None]


def serve(queue: str, *, proceed: Proceed) -> None:
    """
    Deliver what is due in `queue` as soon as it is, while `proceed` says so.

    Outlives restarts of PostgreSQL, ended connections, and times when it takes no new ones. Nothing
    is taken while the clock of this host is wrong.
    """

    def goes_on() -> bool:
        return proceed() and clock.agrees()

    for subscription in subscriptions.registered(queue=queue):
        if subscription.task:
            logger.info("%s started successfully", subscription.task)
    while proceed():
        try:
            done = _round(queue, proceed=goes_on) if clock.agrees_now() else Tally()
            time.sleep(_rest_after(done, queue=queue))
        except Error as error:
            logger.warning("queue %s: %s: trying again", queue, error, exc_info=error)
            connection.close()
            time.sleep(RECONNECT_EVERY)
    connections.close_all()


def _rest_after(done: Tally, *, queue: str) -> float:
    """Seconds until the next look at the queue."""
    if not done.settled:  # nothing is due, or other workers have locked what is
        return IDLE_POLL
    batches = [subscription.batch for subscription in subscriptions.registered(queue=queue)]
    gathers = subscriptions.is_of_projections(queue) and done.settled < min(batches)
    return GATHER_FOR if gathers else 0.0


def drain(queue: str, *, proceed: Proceed = always, observe: Observer = lambda *_: None) -> Tally:
    """
    Deliver what is due in `queue`, one subscriber after the other, until nothing is due.

    Stops early when `proceed` says no. `observe` is called after every batch.
    """
    total = Tally()
    while proceed() and (done := _round(queue, proceed=proceed, observe=observe)).settled:
        total.add(done)
    return total


def _round(queue: str, *, proceed: Proceed, observe: Observer = lambda *_: None) -> Tally:
    """Give each subscriber of the queue that has due deliveries one turn."""
    listening, total = subscriptions.registered(queue=queue), Tally()
    for subscription in claims.have_due(listening, now=timezone.now()):
        # Alone in its queue, a subscriber needs to make room for nobody.
        turn = _for_seconds(TURN, proceed) if len(listening) > 1 else proceed
        total.add(_turn(subscription, proceed=turn, observe=observe))
    return total


def _for_seconds(seconds: float, proceed: Proceed) -> Proceed:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until and proceed()


def _turn(subscription: Subscription, *, proceed: Proceed, observe: Observer) -> Tally:
    """Deliver batches to one subscriber as long as it has its turn."""
    if subscription.threads == 1:
        return _work(subscription, proceed=proceed, observe=observe)
    return _turn_of_threads(subscription, proceed=proceed, observe=observe)


def _work(subscription: Subscription, *, proceed: Proceed, observe: Observer) -> Tally:
    """Deliver batches until one is not full, so nothing is due; a connection that breaks is replaced."""
    total = Tally()
    broken_since: float | None = None
    while proceed():
        try:
            tally = run.deliver_batch(subscription, proceed=proceed)
        except CONNECTION_BROKEN as error:
            broken_since = broken_since or time.monotonic()
            if connection.in_atomic_block or time.monotonic() - broken_since > GIVE_UP_AFTER:
                raise
            logger.warning("%s: connecting again: %s", subscription.name, error, exc_info=error)
            connection.close()
            time.sleep(RECONNECT_EVERY)
            continue
        broken_since = None
        if tally.settled:
            total.add(tally)
            observe(subscription, tally)
        if tally.settled < subscription.batch:
            break
    return total


def _turn_of_threads(subscription: Subscription, *, proceed: Proceed, observe: Observer) -> Tally:
    """
    Deliver in several threads, each of which claims batches by itself until nothing is due.

    There are as many as deliveries are due, for each has a connection of its own. As long as one
    of them works this thread looks for more: a delivery that becomes due meanwhile must not wait
    for the end of a long call.
    """
    total, guard = Tally(), threading.Lock()

    def observe_locked(subscription: Subscription, tally: Tally) -> None:
        with guard:
            total.add(tally)
            observe(subscription, tally)

    def work() -> None:
        try:
            _work(subscription, proceed=proceed, observe=observe_locked)
        finally:
            connections.close_all()  # Django closes only those of its own threads

    working: set[Future[None]] = set()
    due = claims.count_due(subscription, at_most=subscription.threads, now=timezone.now())
    with ThreadPoolExecutor(subscription.threads, thread_name_prefix=subscription.name) as pool:
        while due or working:
            working |= {pool.submit(work) for _ in range(due)}
            ended, working = wait(working, timeout=POLL_EVERY)
            for one in ended:
                one.result()
            due = _due_besides(working, subscription) if working and proceed() else 0
    return total


def _due_besides(working: Collection[object], subscription: Subscription) -> int:
    """Count what is due while some threads work, up to the number of those that do not."""
    free = subscription.threads - len(working)
    try:
        return claims.count_due(subscription, at_most=free, now=timezone.now()) if free else 0
    except CONNECTION_BROKEN as error:
        logger.warning("%s: looking again: %s", subscription.name, error, exc_info=error)
        connection.close()
        return 0


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
