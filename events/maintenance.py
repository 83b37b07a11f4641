"""Replay what died, prune what is over, count what there is."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from events import queue as doorbell
from events.models import Delivery, DeliveryState, OutboxEvent

CHUNK = 5000


def replay(deliveries: QuerySet[Delivery], *, now: datetime) -> int:
    """Make finished or dead deliveries due again, with all their attempts before them."""
    with transaction.atomic():
        chosen = deliveries.filter(state__in=(DeliveryState.DEAD, DeliveryState.DONE))
        queues = set(chosen.values_list("queue", flat=True).order_by().distinct())
        replayed = chosen.order_by().update(
            state=DeliveryState.PENDING, attempts=0, due_at=now, finished_at=None, outcome=""
        )
        for name in queues:
            transaction.on_commit(doorbell.Ring(name))
    return replayed


def prunable(*, before: datetime) -> QuerySet[OutboxEvent]:
    """Events older than `before` that nobody waits for; dead letters keep theirs."""
    unfinished = Delivery.objects.filter(event=OuterRef("pk")).exclude(state=DeliveryState.DONE)
    return OutboxEvent.objects.filter(~Exists(unfinished), created_at__lt=before)


def prune(*, before: datetime) -> int:
    """Delete what `prunable` names, in chunks; returns how many events went."""
    total = 0
    while True:
        ids = list(prunable(before=before).order_by("id").values_list("pk", flat=True)[:CHUNK])
        if not ids:
            return total
        with transaction.atomic():
            Delivery.objects.filter(event_id__in=ids)._raw_delete("default")  # noqa: SLF001 - no cascade to collect
            OutboxEvent.objects.filter(pk__in=ids)._raw_delete("default")  # noqa: SLF001 - see above
        total += len(ids)


@dataclass(frozen=True, slots=True)
class SubscriberStats:
    """One line of `manage.py events stats`. `oldest_seconds` is the age of the oldest waiting."""

    topic: str
    subscriber: str
    length: int
    pending: int
    leased: int
    done: int
    dead: int
    oldest_seconds: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def stats(*, now: datetime) -> list[SubscriberStats]:
    """Length, pending and oldest age per topic and subscriber; topics without listeners too."""
    with connection.cursor() as cursor:
        cursor.execute(_STATS, [now])
        return [SubscriberStats(*row) for row in cursor.fetchall()]


_STATS = """
    SELECT e.topic, coalesce(d.subscriber, ''), count(DISTINCT e.id),
           count(*) FILTER (WHERE d.state = 'pending'),
           count(*) FILTER (WHERE d.state = 'leased'),
           count(*) FILTER (WHERE d.state = 'done'),
           count(*) FILTER (WHERE d.state = 'dead'),
           extract(epoch FROM %s - min(e.created_at)
                   FILTER (WHERE d.state IN ('pending', 'leased')))::float
    FROM events_outboxevent e LEFT JOIN events_delivery d ON d.event_id = e.id
    GROUP BY e.topic, d.subscriber
    ORDER BY e.topic, d.subscriber
"""
