"""Claim deliveries and settle them. Row locks decide which worker has which delivery."""

import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from events.delivery.dead_letters import WORKER_LOST, dead_letter
from events.errors import RetryLater
from events.models import OPEN_STATES, Delivery, DeliveryState
from events.postgresql import one_trip
from events.postgresql.prepared import Prepared
from events.sentences import gettext_noop
from events.subscriptions import Subscription
from events.workers import liveness

POSTPONE_DEFAULT = timedelta(seconds=30)
"""How long a delivery is put off by a `RetryLater` that names no time."""
_LATER = gettext_noop("later")
# Both values of `backfill` are named, since it stands before `due_at` in the index. Of what is due
# one row is read for each subscriber: a DISTINCT would read all.
_HAVE_DUE = """
    SELECT name FROM unnest(%s::text[]) AS name, LATERAL (
        SELECT FROM events_delivery
        WHERE subscriber = name AND backfill IN (false, true)
          AND state IN ('pending', 'leased') AND due_at <= %s
        LIMIT 1
    ) AS due
"""
_COUNT_DUE = """
    SELECT count(*) FROM (
        SELECT FROM events_delivery
        WHERE subscriber = %s AND backfill IN (false, true)
          AND state IN ('pending', 'leased') AND due_at <= %s
        LIMIT %s
    ) AS due
"""
_LEASE = """
    UPDATE events_delivery
    SET state = 'leased', due_at = %s, leased_by = %s, attempts = attempts + 1 WHERE id = ANY(%s)
"""
_FINISH = """
    UPDATE events_delivery
    SET state = 'done', leased_by = NULL, finished_at = %s, outcome = %s WHERE id = ANY(%s)
"""
_POSTPONE = """
    UPDATE events_delivery
    SET state = 'pending', leased_by = NULL, due_at = %s, attempts = %s, outcome = %s
    WHERE id = ANY(%s)
"""
_STANDS = " AND state = 'leased' AND due_at = %s AND leased_by = %s RETURNING id"
# In the order of their keys: two workers that lock the same rows cannot deadlock.
_STILL_LEASED = """
    SELECT id, due_at, leased_by FROM events_delivery WHERE id = ANY(%s) AND state = 'leased'
    ORDER BY id FOR UPDATE
"""


_in_hand: set[int] = set()
_hands = threading.Lock()


def lock_due(subscription: Subscription, *, limit: int, now: datetime) -> list[Delivery]:
    """
    Lock up to `limit` due deliveries and skip those that others have locked.

    Recent ones come before backfill, the longest due before others.
    """
    # Two queries instead of one in the order of `backfill`: each reads just the due part of the
    # index, whereas one would pass over every leased or postponed delivery in between.
    recent = _lock(subscription, backfill=False, limit=limit, now=now)
    left = limit - len(recent)
    return recent + (_lock(subscription, backfill=True, limit=left, now=now) if left else [])


def have_due(subscriptions: Sequence[Subscription], *, now: datetime) -> list[Subscription]:
    """
    Those of the subscriptions that have something to do, in their order, by one query on an index.

    Every queue is looked at several times a second, mostly in vain.
    """
    names = [subscription.name for subscription in subscriptions]
    [rows] = one_trip.fetch((_HAVE_DUE, [names, now]))
    due = {name for (name,) in rows}
    return [subscription for subscription in subscriptions if subscription.name in due]


def count_due(subscription: Subscription, *, at_most: int, now: datetime) -> int:
    """Count what the subscriber has to do, by one query on an index that ends at `at_most`."""
    [[(number,)]] = one_trip.fetch((_COUNT_DUE, [subscription.name, now, at_most]))
    return int(number)


def lease(subscription: Subscription, *, limit: int, now: datetime) -> list[Delivery]:
    """
    Claim up to `limit` due deliveries for the time of the subscription's lease.

    A delivery whose leases ran out as often as there are attempts becomes a dead letter: it has
    probably killed its workers. The caller must `drop` what it was given when it is done.
    """
    worker = liveness.worker_id()  # may wait for a connection, which no transaction should
    claimed: list[Delivery] = []
    try:
        with transaction.atomic():
            deliveries = lock_due(subscription, limit=limit, now=now)
            lost = [d for d in deliveries if subscription.backoff.exhausted(d.attempts)]
            for delivery in lost:
                dead_letter(delivery, WORKER_LOST, now=now)
            claimed = [d for d in deliveries if d not in lost]
            # Before the commit: whoever finds the lease in the table finds it in hand as well.
            with _hands:
                _in_hand.update(delivery.pk for delivery in claimed)
            _write_lease(claimed, worker=worker, until=now + subscription.lease)
    except BaseException:
        drop(claimed)  # also where the commit fails, after which the lease may stand
        raise
    return claimed


def drop(deliveries: Iterable[Delivery]) -> None:
    """Take the deliveries out of this process's hands; leases that are left are ended soon."""
    with _hands:
        _in_hand.difference_update(delivery.pk for delivery in deliveries)


def is_in_hand(delivery_id: int) -> bool:
    """Whether a thread of this process has leased the delivery and is not done with it."""
    with _hands:
        return delivery_id in _in_hand


def give_back(deliveries: Sequence[Delivery]) -> None:
    """Make leased deliveries that were not begun due again; that was no attempt."""
    if deliveries:
        with transaction.atomic():
            Delivery.objects.filter(pk__in=still_leased(deliveries)).update(
                state=DeliveryState.PENDING,
                leased_by=None,
                due_at=Now(),  # PostgreSQL's: the clock of a worker that stops for it is wrong
                attempts=F("attempts") - 1,
            )


def still_leased(deliveries: Sequence[Delivery]) -> set[int]:
    """Lock the deliveries whose lease still stands; returns their ids."""
    leases = {delivery.pk: (delivery.due_at, delivery.leased_by) for delivery in deliveries}
    [rows] = one_trip.fetch((_STILL_LEASED, [[*leases]]))
    # Another end of the lease means that another worker has claimed the delivery meanwhile.
    return {pk for pk, *lease in rows if leases[pk] == tuple(lease)}


def finish(results: Sequence[tuple[Delivery, str]], *, now: datetime) -> None:
    """Settle successful deliveries, with one statement for each distinct outcome."""
    for outcome in {outcome for _, outcome in results}:
        same = [delivery.pk for delivery, other in results if other == outcome]
        one_trip.fetch((_FINISH, [now, outcome[:100], same]))


def finish_one(delivery: Delivery, outcome: str, *, now: datetime) -> bool:
    """Settle a successful delivery if its lease still stands, by one statement; whether it did."""
    values = [now, outcome[:100], [delivery.pk], delivery.due_at, delivery.leased_by]
    [settled] = one_trip.fetch((_FINISH + _STANDS, values))
    return bool(settled)


def postpone(delivery: Delivery, wait: RetryLater, *, now: datetime) -> None:
    """Make the delivery due later; the attempt does not count, since waiting is no failure."""
    one_trip.fetch((_POSTPONE, _later(delivery, wait, now=now)))


def postpone_one(delivery: Delivery, wait: RetryLater, *, now: datetime) -> bool:
    """The same if its lease still stands, by one statement; whether it did."""
    values = [*_later(delivery, wait, now=now), delivery.due_at, delivery.leased_by]
    [settled] = one_trip.fetch((_POSTPONE + _STANDS, values))
    return bool(settled)


def _later(delivery: Delivery, wait: RetryLater, *, now: datetime) -> list[object]:
    due_at = now + (wait.after if wait.after is not None else POSTPONE_DEFAULT)
    return [due_at, max(delivery.attempts - 1, 0), f"{_LATER}: {wait}"[:100], [delivery.pk]]


def _lock(
    subscription: Subscription, *, backfill: bool, limit: int, now: datetime
) -> list[Delivery]:
    return list(_locking(backfill, limit).objects(subscriber=subscription.name, now=now))


@cache
def _locking(backfill: bool, limit: int) -> Prepared:  # noqa: FBT001 - the key of the cache
    """Lock due deliveries; leased ones are due when their lease has ended."""

    def due(subscriber: str, now: datetime) -> QuerySet[Delivery]:
        return (
            Delivery.objects.filter(
                subscriber=subscriber, backfill=backfill, state__in=OPEN_STATES, due_at__lte=now
            )
            # `of`: the event's row is only read; locking it would make subscribers wait for each other.
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("event")
            .order_by("due_at", "id")[:limit]
        )

    return Prepared(due, subscriber="a subscriber", now=datetime(2001, 2, 3, tzinfo=UTC))


def _write_lease(deliveries: Sequence[Delivery], *, worker: UUID, until: datetime) -> None:
    """Write the lease to the rows and to the objects, which show later whose lease it is."""
    for delivery in deliveries:
        delivery.state, delivery.due_at = DeliveryState.LEASED, until
        delivery.leased_by = worker
        delivery.attempts += 1
    one_trip.fetch((_LEASE, [until, worker, [delivery.pk for delivery in deliveries]]))
