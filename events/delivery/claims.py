"""Claim deliveries and settle them. Row locks decide which worker has which delivery."""

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from events.delivery.dead_letters import WORKER_LOST, dead_letter
from events.errors import RetryLater
from events.models import OPEN_STATES, Delivery, DeliveryState
from events.sentences import gettext_noop
from events.subscriptions import Subscription
from events.workers import liveness

POSTPONE_DEFAULT = timedelta(seconds=30)
"""How long a delivery is put off by a `RetryLater` that names no time."""
_LATER = gettext_noop("later")


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


def anything_due(subscriptions: Sequence[Subscription], *, now: datetime) -> bool:
    """Whether any of the subscribers has something to do, by one query on an index."""
    return _due(subscriptions, backfill=[False, True], now=now).exists()


def count_due(subscription: Subscription, *, at_most: int, now: datetime) -> int:
    """Count what the subscriber has to do, by one query on an index that ends at `at_most`."""
    return _due([subscription], backfill=[False, True], now=now)[:at_most].count()


def lease(subscription: Subscription, *, limit: int, now: datetime) -> list[Delivery]:
    """
    Claim up to `limit` due deliveries for the time of the subscription's lease.

    A delivery whose leases ran out as often as there are attempts becomes a dead letter: it has
    probably killed its workers. The caller must `drop` what it was given when it is done.
    """
    worker = liveness.worker_id()  # may wait for a connection, which no transaction should
    with transaction.atomic():
        deliveries = lock_due(subscription, limit=limit, now=now)
        lost = [d for d in deliveries if subscription.backoff.exhausted(d.attempts)]
        for delivery in lost:
            dead_letter(delivery, WORKER_LOST, now=now)
        claimed = [d for d in deliveries if d not in lost]
        # Before the commit: whoever finds the lease in the table finds it in hand as well.
        with _hands:
            _in_hand.update(delivery.pk for delivery in claimed)
        try:
            _write_lease(claimed, worker=worker, until=now + subscription.lease)
        except BaseException:
            drop(claimed)
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
    rows = Delivery.objects.select_for_update().filter(pk__in=leases, state=DeliveryState.LEASED)
    # In the order of their keys: two workers that lock the same rows cannot deadlock.
    found = rows.order_by("pk").values_list("pk", "due_at", "leased_by")
    # Another end of the lease means that another worker has claimed the delivery meanwhile.
    return {pk for pk, *lease in found if leases[pk] == tuple(lease)}


def finish(results: Sequence[tuple[Delivery, str]], *, now: datetime) -> None:
    """Settle successful deliveries, with one statement for each distinct outcome."""
    for outcome in {outcome for _, outcome in results}:
        same = [delivery.pk for delivery, other in results if other == outcome]
        Delivery.objects.filter(pk__in=same).update(**_done(outcome, now=now))


def finish_one(delivery: Delivery, outcome: str, *, now: datetime) -> bool:
    """Settle a successful delivery if its lease still stands, by one statement; whether it did."""
    leased = Delivery.objects.filter(
        pk=delivery.pk,
        state=DeliveryState.LEASED,
        due_at=delivery.due_at,
        leased_by=delivery.leased_by,
    )
    return bool(leased.update(**_done(outcome, now=now)))


def postpone(delivery: Delivery, wait: RetryLater, *, now: datetime) -> None:
    """Make the delivery due later; the attempt does not count, since waiting is no failure."""
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.PENDING,
        leased_by=None,
        due_at=now + (wait.after if wait.after is not None else POSTPONE_DEFAULT),
        attempts=max(delivery.attempts - 1, 0),
        outcome=f"{_LATER}: {wait}"[:100],
    )


def _done(outcome: str, *, now: datetime) -> dict[str, Any]:
    return {
        "state": DeliveryState.DONE,
        "leased_by": None,
        "finished_at": now,
        "outcome": outcome[:100],
    }


def _lock(
    subscription: Subscription, *, backfill: bool, limit: int, now: datetime
) -> list[Delivery]:
    return list(
        _due([subscription], backfill=[backfill], now=now)
        # `of`: the event's row is only read; locking it would make subscribers wait for each other.
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("event")
        .order_by("due_at", "id")[:limit]
    )


def _due(
    subscriptions: Sequence[Subscription], *, backfill: Sequence[bool], now: datetime
) -> QuerySet[Delivery]:
    """Select due deliveries; leased ones are due when their lease has ended."""
    # Both values of `backfill` are named where both are meant: it stands before `due_at` in the
    # index.
    return Delivery.objects.filter(
        subscriber__in=[subscription.name for subscription in subscriptions],
        backfill__in=backfill,
        state__in=OPEN_STATES,
        due_at__lte=now,
    )


def _write_lease(deliveries: Sequence[Delivery], *, worker: UUID, until: datetime) -> None:
    """Write the lease to the rows and to the objects, which show later whose lease it is."""
    for delivery in deliveries:
        delivery.state, delivery.due_at = DeliveryState.LEASED, until
        delivery.leased_by = worker
        delivery.attempts += 1
    Delivery.objects.filter(pk__in=[d.pk for d in deliveries]).update(
        state=DeliveryState.LEASED, due_at=until, leased_by=worker, attempts=F("attempts") + 1
    )
