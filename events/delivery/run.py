"""Run handlers. This is the one place that catches whatever they raise."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from events import backfill
from events.delivery import claims, dead_letters, figures
from events.delivery.about import about_delivery
from events.errors import RetryLater
from events.logs import trace
from events.models import Delivery
from events.schemas import Event
from events.subscriptions import Mode, Subscription

logger = logging.getLogger(__name__)

Result = str | Event | Exception
"""What a delivery has led to: an outcome, an event that is read but not handled, or an error."""
Results = Sequence[tuple[Delivery, Result]]
Proceed = Callable[[], bool]
"""Whether to go on; False when the turn is over, or when the worker is asked to end."""
CONNECTION_BROKEN = (OperationalError, InterfaceError)
"""What a statement raises when PostgreSQL restarts, ends the connection or takes no new one."""
SETTLE_EVERY = 1.0
"""Seconds that outcomes of a leased batch may wait to be settled together."""
SETTLE_ATTEMPTS, SETTLE_AGAIN = 40, 0.25
"""Attempts at settling while the connection is broken, and seconds between two of them."""


@dataclass(slots=True)
class Tally:
    """Numbers of deliveries by what became of them; `seconds` adds up the time of all threads."""

    done: int = 0
    failed: int = 0
    postponed: int = 0
    dead: int = 0
    seconds: float = 0.0

    def add(self, other: "Tally") -> None:
        self.done += other.done
        self.failed += other.failed
        self.postponed += other.postponed
        self.dead += other.dead
        self.seconds += other.seconds

    @property
    def settled(self) -> int:
        return self.done + self.failed + self.postponed + self.dead


def always() -> bool:
    return True


def deliver_batch(subscription: Subscription, *, proceed: Proceed = always) -> Tally:
    """
    Claim one batch of due deliveries, run and settle it; an empty tally if nothing was due.

    What of a leased batch is not begun when `proceed` says no is given back.
    """
    started = time.monotonic()
    if subscription.mode == Mode.TRANSACTIONAL:
        tally = _transactional(subscription)
    elif subscription.mode == Mode.LEASED:
        tally = _leased(subscription, proceed)
    else:
        tally = _projection(subscription)
    tally.seconds = time.monotonic() - started
    figures.count(
        subscription.name,
        done=tally.done,
        failed=tally.failed,
        postponed=tally.postponed,
        dead=tally.dead,
    )
    return tally


def _transactional(subscription: Subscription) -> Tally:
    """
    Claim, run and settle a batch in one transaction: a killed worker leaves no trace.

    The batch is tried as a whole first. Only if something in it fails, its rows are rolled back
    and its deliveries are run one by one, each in a savepoint of its own.
    """
    now = timezone.now()
    tally = Tally()
    with transaction.atomic():
        deliveries = claims.lock_due(subscription, limit=subscription.batch, now=now)
        for delivery in deliveries:
            delivery.attempts += 1
        results = _as_a_whole(subscription, deliveries, now=now)
        if results is None:
            results = [
                (d, _run(d, partial(_in_savepoint, subscription, [d], now=now))) for d in deliveries
            ]
        _settle(subscription, results, tally, now=now)
    return tally


def _as_a_whole(
    subscription: Subscription, deliveries: Sequence[Delivery], *, now: datetime
) -> list[tuple[Delivery, Result]] | None:
    """Return the outcomes of the whole batch, or None if any part of it failed."""
    if len(deliveries) < 2:  # noqa: PLR2004 - nothing to gain
        return None
    outcomes: list[str] = []
    attempt = _run(None, partial(_in_savepoint, subscription, deliveries, outcomes, now=now))
    return list(zip(deliveries, outcomes, strict=True)) if isinstance(attempt, str) else None


def _in_savepoint(
    subscription: Subscription,
    deliveries: Sequence[Delivery],
    outcomes: list[str] | None = None,
    *,
    now: datetime,
) -> str:
    """Run the handler for each delivery, add the outcomes to `outcomes`, return the last one."""
    found = outcomes if outcomes is not None else []
    with transaction.atomic():
        for delivery in deliveries:
            with _as_part_of(delivery):
                found.append(subscription.handler(_event(subscription, delivery), now=now))
        # A deferred constraint that is violated only at the commit would fail the whole batch.
        connection.check_constraints()
    return found[-1]


def _leased(subscription: Subscription, proceed: Proceed) -> Tally:
    """
    Claim a batch under a lease, run it with no transaction open, settle what is still leased.

    Outcomes are settled together, but none waits longer than SETTLE_EVERY: a killed worker
    repeats at most that much, and a batch of quick handlers pays for one commit.
    """
    tally = Tally()
    results: list[tuple[Delivery, Result]] = []
    settled_at = time.monotonic()
    leased = claims.lease(subscription, limit=subscription.batch, now=timezone.now())
    waiting = deque(leased)
    try:
        while waiting and proceed():
            delivery = waiting.popleft()
            results.append((delivery, _run(delivery, partial(_handle, subscription, delivery))))
            if time.monotonic() - settled_at > SETTLE_EVERY:
                _settle_leased(subscription, results, tally)
                results, settled_at = [], time.monotonic()
        _settle_leased(subscription, results, tally)
        claims.give_back(waiting)
    finally:
        claims.drop(leased)
    return tally


def _handle(subscription: Subscription, delivery: Delivery) -> str:
    _reconnect_if_broken()
    return subscription.handler(_event(subscription, delivery), now=timezone.now())


def _reconnect_if_broken() -> None:
    """Drop a connection that broke under an earlier delivery, for which this one is not to blame."""
    if connection.errors_occurred and not connection.in_atomic_block and not connection.is_usable():
        connection.close()


def _projection(subscription: Subscription) -> Tally:
    """
    Run a leased batch with one call of the handler; unreadable payloads fail by themselves.

    If that call fails, each event gets a call of its own: one that cannot be handled would else
    take those beside it along, and a whole batch would be given up.
    """
    tally = Tally()
    leased = claims.lease(subscription, limit=subscription.batch, now=timezone.now())
    try:
        results: list[tuple[Delivery, Result]] = [
            (d, _run(d, partial(_event, subscription, d))) for d in leased
        ]
        readable = [(d, event) for d, event in results if isinstance(event, Event)]
        if readable:
            unreadable = [(d, r) for d, r in results if not isinstance(r, Event)]
            results = [*_project(subscription, readable), *unreadable]
        _settle_leased(subscription, results, tally)
    finally:
        claims.drop(leased)
    return tally


def _project(
    subscription: Subscription, readable: Sequence[tuple[Delivery, Event]]
) -> list[tuple[Delivery, Result]]:
    """Call the handler for all of them at once; where that fails by one of them, for each alone."""
    is_one = len(readable) == 1
    together = _call(subscription, readable, tells=is_one)
    if is_one or not _may_be_the_fault_of_one(together):
        return [(delivery, together) for delivery, _ in readable]
    logger.warning("%s: a batch failed, each of its events is tried alone", subscription.name)
    return [(one[0], _call(subscription, [one], tells=True)) for one in readable]


def _call(
    subscription: Subscription, readable: Sequence[tuple[Delivery, Event]], *, tells: bool
) -> Result:
    work = partial(subscription.handler, [event for _, event in readable], now=timezone.now())
    # What is recent makes all of it recent.
    with backfill.use(all(delivery.backfill for delivery, _ in readable)):
        return _run(readable[0][0], work, inherit_backfill=False, tells=tells)


def _may_be_the_fault_of_one(result: Result) -> bool:
    """Whether a batch failed by what it holds; without a connection all of it fails, however called."""
    is_failure = isinstance(result, Exception) and not isinstance(result, RetryLater)
    return is_failure and connection.is_usable()


def _event(subscription: Subscription, delivery: Delivery) -> Event:
    return subscription.schema.model_validate(delivery.event.payload)


def _run(
    delivery: Delivery | None,
    work: Callable[[], str | Event],
    *,
    inherit_backfill: bool = True,
    tells: bool = True,
) -> Result:
    """
    Call `work` and return its result, or the exception that it raised.

    What is logged inside carries the event's trace id. A batch as a whole (no `delivery`, or not
    `tells`) fails without a log line: its deliveries are run again one by one, and each logs its own
    failure.
    """
    with _as_part_of(delivery, inherit_backfill=inherit_backfill):
        try:
            return work()
        except RetryLater as wait:
            if delivery:
                logger.info("%s postponed: %s", delivery, wait)
            return wait
        except Exception as error:
            if delivery and tells:
                logger.warning(
                    "%s failed: %s: %s", delivery, type(error).__name__, error, exc_info=error
                )
            return error


@contextmanager
def _as_part_of(delivery: Delivery | None, *, inherit_backfill: bool = True) -> Iterator[None]:
    """
    Let what is published inside inherit the trace id of the delivery, and whether it is backfill.

    What is logged inside carries the trace id too, and what the delivery is about.
    """
    if delivery is None:
        yield
        return
    behind = delivery.backfill if inherit_backfill else backfill.current()
    with trace.use(delivery.event.trace_id), backfill.use(behind), about_delivery(delivery):
        yield


def _settle_leased(subscription: Subscription, results: Results, tally: Tally) -> None:
    """Settle, also over a new connection: the lease stands, so nobody else would settle it."""
    if not results:
        return None
    for attempts_left in reversed(range(SETTLE_ATTEMPTS)):
        try:
            return tally.add(_settle_what_stands(subscription, results))
        except CONNECTION_BROKEN as error:
            if not attempts_left or connection.in_atomic_block:
                raise
            logger.warning("%s: settling again: %s", subscription.name, error, exc_info=error)
            connection.close()
            time.sleep(SETTLE_AGAIN)
    return None


def _settle_what_stands(subscription: Subscription, results: Results) -> Tally:
    settled = Tally()
    delivery, result = results[0]
    if len(results) == 1 and isinstance(result, str):
        settled.done = claims.finish_one(delivery, result, now=timezone.now())
        return settled
    if len(results) == 1 and isinstance(result, RetryLater):
        settled.postponed = claims.postpone_one(delivery, result, now=timezone.now())
        return settled
    with transaction.atomic():
        # A worker that overran its lease must not overwrite what its successor does.
        leased = claims.still_leased([delivery for delivery, _ in results])
        standing = [(d, result) for d, result in results if d.pk in leased]
        _settle(subscription, standing, settled, now=timezone.now())
    return settled


def _settle(subscription: Subscription, results: Results, tally: Tally, *, now: datetime) -> None:
    done = [(d, result) for d, result in results if isinstance(result, str)]
    claims.finish(done, now=now)
    tally.done += len(done)
    for delivery, result in results:
        if not isinstance(result, str):
            _settle_failure(subscription, delivery, result, tally, now=now)


def _settle_failure(
    subscription: Subscription,
    delivery: Delivery,
    result: object,
    tally: Tally,
    *,
    now: datetime,
) -> None:
    if isinstance(result, RetryLater):
        claims.postpone(delivery, result, now=now)
        tally.postponed += 1
    elif isinstance(result, Exception):
        if subscription.on_failure is not None:
            subscription.on_failure(result)
        failure = dead_letters.failure_of(result)
        died = dead_letters.fail(subscription, delivery, failure, now=now)
        tally.dead += died
        tally.failed += not died
    else:
        raise TypeError(f"{subscription.name} returned {type(result).__name__}, not an outcome")
