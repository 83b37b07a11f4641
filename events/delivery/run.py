"""Run handlers. This is the one place that catches whatever they raise."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.utils import timezone

from events import trace
from events.delivery import claims, dead_letters
from events.errors import RetryLater
from events.models import Delivery
from events.schemas import Event
from events.subscriptions import Mode, Subscription

logger = logging.getLogger(__name__)

Result = str | Event | Exception
"""What a delivery has led to: an outcome, an event that is read but not handled, or an error."""
Results = Sequence[tuple[Delivery, Result]]
SETTLE_EVERY = 1.0
"""Seconds that outcomes of a leased batch may wait to be settled together."""


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


def deliver_batch(subscription: Subscription) -> Tally:
    """Claim one batch of due deliveries, run and settle it; an empty tally if nothing was due."""
    started = time.monotonic()
    runners = {
        Mode.TRANSACTIONAL: _transactional,
        Mode.LEASED: _leased,
        Mode.PROJECTION: _projection,
    }
    tally = runners[subscription.mode](subscription)
    tally.seconds = time.monotonic() - started
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
            with trace.use(delivery.event.trace_id):
                found.append(subscription.handler(_event(subscription, delivery), now=now))
        # A deferred constraint that is violated only at the commit would fail the whole batch.
        connection.check_constraints()
    return found[-1]


def _leased(subscription: Subscription) -> Tally:
    """
    Claim a batch under a lease, run it with no transaction open, settle what is still leased.

    Outcomes are settled together, but none waits longer than SETTLE_EVERY: a killed worker
    repeats at most that much, and a batch of quick handlers pays for one commit.
    """
    tally = Tally()
    results: list[tuple[Delivery, Result]] = []
    settled_at = time.monotonic()
    for delivery in claims.lease(subscription, limit=subscription.batch, now=timezone.now()):
        results.append((delivery, _run(delivery, partial(_handle, subscription, delivery))))
        if time.monotonic() - settled_at > SETTLE_EVERY:
            _settle_leased(subscription, results, tally)
            results, settled_at = [], time.monotonic()
    _settle_leased(subscription, results, tally)
    return tally


def _handle(subscription: Subscription, delivery: Delivery) -> str:
    return subscription.handler(_event(subscription, delivery), now=timezone.now())


def _projection(subscription: Subscription) -> Tally:
    """Run a leased batch with one call of the handler; unreadable payloads fail by themselves."""
    tally = Tally()
    leased = claims.lease(subscription, limit=subscription.batch, now=timezone.now())
    results: list[tuple[Delivery, Result]] = [
        (d, _run(d, partial(_event, subscription, d))) for d in leased
    ]
    readable = [(d, event) for d, event in results if isinstance(event, Event)]
    if readable:
        events = [event for _, event in readable]
        work = partial(subscription.handler, events, now=timezone.now())
        outcome = _run(readable[0][0], work)
        results = [(d, outcome if isinstance(r, Event) else r) for d, r in results]
    _settle_leased(subscription, results, tally)
    return tally


def _event(subscription: Subscription, delivery: Delivery) -> Event:
    return subscription.schema.model_validate(delivery.event.payload)


def _run(delivery: Delivery | None, work: Callable[[], str | Event]) -> Result:
    """
    Call `work` and return its result, or the exception that it raised.

    What is logged inside carries the event's trace id. A batch as a whole (no `delivery`) fails
    without a log line: its deliveries are run again one by one, and each logs its own failure.
    """
    with trace.use(delivery.event.trace_id if delivery else trace.current()):
        try:
            return work()
        except RetryLater as wait:
            if delivery:
                logger.info("%s postponed: %s", delivery, wait)
            return wait
        except Exception as error:
            if delivery:
                logger.warning("%s failed: %s: %s", delivery, type(error).__name__, error)
                logger.debug("%s failed", delivery, exc_info=error)
            return error


def _settle_leased(subscription: Subscription, results: Results, tally: Tally) -> None:
    if not results:
        return
    with transaction.atomic():
        # A worker that overran its lease must not overwrite what its successor does.
        leased = claims.still_leased([delivery for delivery, _ in results])
        standing = [(d, result) for d, result in results if d.pk in leased]
        _settle(subscription, standing, tally, now=timezone.now())


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
        failure = dead_letters.failure_of(result)
        died = dead_letters.fail(subscription, delivery, failure, now=now)
        tally.dead += died
        tally.failed += not died
    else:
        raise TypeError(f"{subscription.name} returned {type(result).__name__}, not an outcome")
