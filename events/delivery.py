"""Run handlers: the one place that catches whatever they raise."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from events import claims, trace
from events.bus import Mode, Subscription
from events.errors import RetryLater
from events.models import Delivery
from events.schemas import Event

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What a drain did, counted in deliveries. `seconds` adds up the time of all threads."""

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
    """Claim one batch of due deliveries, run and settle it. An empty tally: nothing was due."""
    started = time.monotonic()
    runners = {Mode.ROWS: _rows, Mode.OUTSIDE: _outside, Mode.BATCH: _projection}
    tally = runners[subscription.mode](subscription)
    tally.seconds = time.monotonic() - started
    return tally


def _rows(subscription: Subscription) -> Tally:
    """Claim, work and settlement are one transaction: a killed worker leaves no trace."""
    now = timezone.now()
    tally = Tally()
    with transaction.atomic():
        deliveries = claims.due(subscription, limit=subscription.batch, now=now)
        done = []
        for delivery in deliveries:
            delivery.attempts += 1
            result = _run(delivery, lambda d=delivery: _in_savepoint(subscription, d, now=now))  # type: ignore[misc]
            if isinstance(result, str):
                done.append((delivery, result))
            else:
                _settle_failure(subscription, delivery, result, tally, now=now)
        claims.mark_done(done, now=now)
        tally.done = len(done)
    return tally


def _in_savepoint(subscription: Subscription, delivery: Delivery, *, now: datetime) -> str:
    """Deferred constraints are checked here: at the commit they would fail the whole batch."""
    with transaction.atomic():
        outcome = subscription.handler(_event(subscription, delivery), now=now)
        connection.check_constraints()
        return outcome


def _outside(subscription: Subscription) -> Tally:
    """Claim under a lease, work with no transaction open, settle each that is still ours."""
    tally = Tally()
    for delivery in claims.lease(subscription, limit=subscription.batch, now=timezone.now()):
        result = _run(
            delivery,
            lambda d=delivery: subscription.handler(  # type: ignore[misc]
                _event(subscription, d), now=timezone.now()
            ),
        )
        _settle_leased(subscription, [delivery], result, tally)
    return tally


def _projection(subscription: Subscription) -> Tally:
    """As `_outside`, but the handler takes the whole batch; invalid payloads go alone."""
    tally = Tally()
    leased = claims.lease(subscription, limit=subscription.batch, now=timezone.now())
    readable: list[tuple[Delivery, Event]] = []
    for delivery in leased:
        result = _run(delivery, lambda d=delivery: _event(subscription, d))  # type: ignore[misc]
        if isinstance(result, Event):
            readable.append((delivery, result))
        else:
            _settle_leased(subscription, [delivery], result, tally)
    if readable:
        events = [event for _, event in readable]
        result = _run(
            readable[0][0], lambda: subscription.handler(events, now=timezone.now())
        )
        _settle_leased(subscription, [d for d, _ in readable], result, tally)
    return tally


def _event(subscription: Subscription, delivery: Delivery) -> Event:
    return subscription.schema.model_validate(delivery.event.payload)


def _run(delivery: Delivery, work: Callable[[], str | Event]) -> str | Event | Exception:
    """The outcome, or the exception; everything logged inside carries the event's trace id."""
    with trace.use(delivery.event.trace_id):
        try:
            return work()
        except RetryLater as wait:
            logger.info("%s postponed: %s", delivery, wait)
            return wait
        except Exception as error:  # noqa: BLE001 - see the docstring of this module
            logger.warning("%s failed: %s: %s", delivery, type(error).__name__, error)
            logger.debug("%s failed", delivery, exc_info=error)
            return error


def _settle_leased(
    subscription: Subscription,
    deliveries: Sequence[Delivery],
    result: str | Event | Exception,
    tally: Tally,
) -> None:
    now = timezone.now()
    with transaction.atomic():
        mine = [d for d in deliveries if claims.is_mine(d)]
        if isinstance(result, str):
            claims.finish(mine, outcome=result, now=now)
            tally.done += len(mine)
            return
        for delivery in mine:
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
        given_up = claims.fail(subscription, delivery, claims.failure_of(result), now=now)
        tally.dead += given_up
        tally.failed += not given_up
    else:
        raise TypeError(f"{subscription.name} returned {type(result).__name__}, not an outcome")
