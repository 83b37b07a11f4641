"""Claim deliveries and settle them. Row locks decide which worker has which delivery."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from events.delivery.dead_letters import WORKER_LOST, dead_letter
from events.errors import RetryLater
from events.models import OPEN_STATES, Delivery, DeliveryState
from events.subscriptions import Subscription

POSTPONE_DEFAULT = timedelta(seconds=30)
"""How long a delivery is put off by a `RetryLater` that names no time."""


def lock_due(subscription: Subscription, *, limit: int, now: datetime) -> list[Delivery]:
    """Lock up to `limit` due deliveries, oldest first, and skip those that others have locked."""
    return list(
        _due(subscription, now=now)
        # `of`: the event's row is only read; locking it would make subscribers wait for each other.
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("event")
        .order_by("due_at", "id")[:limit]
    )


def anything_due(subscription: Subscription, *, now: datetime) -> bool:
    return _due(subscription, now=now).exists()


def lease(subscription: Subscription, *, limit: int, now: datetime) -> list[Delivery]:
    """
    Claim up to `limit` due deliveries for the time of the subscription's lease.

    A delivery whose leases ran out as often as there are attempts becomes a dead letter: it has
    probably killed its workers.
    """
    with transaction.atomic():
        deliveries = lock_due(subscription, limit=limit, now=now)
        lost = [d for d in deliveries if subscription.backoff.exhausted(d.attempts)]
        for delivery in lost:
            dead_letter(delivery, WORKER_LOST, now=now)
        claimed = [d for d in deliveries if d not in lost]
        _write_lease(claimed, until=now + subscription.lease)
    return claimed


def still_leased(deliveries: Sequence[Delivery]) -> set[int]:
    """Lock the deliveries whose lease still stands; returns their ids."""
    leases = {delivery.pk: delivery.due_at for delivery in deliveries}
    rows = Delivery.objects.select_for_update().filter(pk__in=leases, state=DeliveryState.LEASED)
    # In the order of their keys: two workers that lock the same rows cannot deadlock.
    found = rows.order_by("pk").values_list("pk", "due_at")
    # Another end of the lease means that another worker has claimed the delivery meanwhile.
    return {pk for pk, due_at in found if leases[pk] == due_at}


def finish(results: Sequence[tuple[Delivery, str]], *, now: datetime) -> None:
    """Settle successful deliveries, with one statement for each distinct outcome."""
    for outcome in {outcome for _, outcome in results}:
        same = [delivery.pk for delivery, other in results if other == outcome]
        Delivery.objects.filter(pk__in=same).update(
            state=DeliveryState.DONE, finished_at=now, outcome=outcome[:100]
        )


def postpone(delivery: Delivery, wait: RetryLater, *, now: datetime) -> None:
    """Make the delivery due later; the attempt does not count, since waiting is no failure."""
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.PENDING,
        due_at=now + (wait.after if wait.after is not None else POSTPONE_DEFAULT),
        attempts=max(delivery.attempts - 1, 0),
        outcome=f"later: {wait}"[:100],
    )


def _due(subscription: Subscription, *, now: datetime) -> QuerySet[Delivery]:
    """Select due deliveries; leased ones are due when their lease has ended."""
    return Delivery.objects.filter(
        subscriber=subscription.name, state__in=OPEN_STATES, due_at__lte=now
    )


def _write_lease(deliveries: Sequence[Delivery], *, until: datetime) -> None:
    """Write the lease to the rows and to the objects, which show later whose lease it is."""
    for delivery in deliveries:
        delivery.state, delivery.due_at = DeliveryState.LEASED, until
        delivery.attempts += 1
    Delivery.objects.filter(pk__in=[d.pk for d in deliveries]).update(
        state=DeliveryState.LEASED, due_at=until, attempts=F("attempts") + 1
    )
