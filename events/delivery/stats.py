"""Count deliveries per topic and subscriber."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection


@dataclass(frozen=True, slots=True)
class SubscriberStats:
    """
    Deliveries of one topic to one subscriber.

    `length` counts events; `oldest_seconds` is the age of the oldest unfinished one.
    """

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
    """Count per topic and subscriber; a topic without subscribers has one line, with "" as name."""
    with connection.cursor() as cursor:
        cursor.execute(_STATS, [now])
        return [SubscriberStats(*row) for row in cursor.fetchall()]


# A LEFT JOIN, so that events without subscribers are counted as well.
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
