"""Metrics of deliveries: what became of them, and what waits."""

from collections.abc import Iterator
from typing import Final

from django.db import connection
from prometheus_client import Metric
from prometheus_client.registry import Collector

from events import subscriptions
from events.metrics import counter, measured
from events.metrics.scrape import COUNTED
from events.metrics.series import ERRORS

OUTCOMES: Final = ("done", "failed", "postponed", "dead")
MESSAGES: Final = counter(
    "stream_messages_total",
    "Tasks by what became of an attempt: done, failed (tried again), postponed, dead (given up)",
    {"subscriber": ERRORS, "outcome": OUTCOMES},
)
PENDING: Final = measured(
    "stream_pending_size", "Tasks that wait or run, up to 1 000 of a subscriber", "subscriber"
)
OVERDUE: Final = measured(
    "stream_overdue_seconds",
    "How long the task that has been due for longest waits for a worker",
    "subscriber",
)
DEAD: Final = measured(
    "stream_dead_size", "Failed tasks, up to 1 000 of a subscriber", "subscriber"
)

# From two partial indexes, and never more of them than so many rows a subscriber.
_WAITING = """
    SELECT s.name,
        (SELECT count(*) FROM (
            SELECT FROM events_delivery
            WHERE subscriber = s.name AND state IN ('pending', 'leased') LIMIT %(most)s) AS open),
        (SELECT count(*) FROM (
            SELECT FROM events_delivery
            WHERE subscriber = s.name AND state = 'dead' LIMIT %(most)s) AS dead),
        (SELECT greatest(0, extract(epoch FROM now() - min(first.due_at)))::float
         FROM (VALUES (false), (true)) AS b (backfill) CROSS JOIN LATERAL (
            SELECT due_at FROM events_delivery
            WHERE subscriber = s.name AND state IN ('pending', 'leased')
                AND backfill = b.backfill ORDER BY due_at LIMIT 1) AS first)
    FROM unnest(%(names)s::text[]) AS s (name)
"""


def count(subscriber: str, **outcomes: int) -> None:
    for outcome, number in outcomes.items():
        if number:
            MESSAGES.labels(subscriber, outcome).inc(number)


class DeliveryCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        pending, dead, overdue = PENDING.family(), DEAD.family(), OVERDUE.family()
        names = sorted(one.name for one in subscriptions.registered())
        with connection.cursor() as cursor:
            cursor.execute(_WAITING, {"most": COUNTED, "names": names})
            for name, waiting, failed, seconds in cursor.fetchall():
                pending.add_metric([name], waiting)
                dead.add_metric([name], failed)
                overdue.add_metric([name], seconds or 0.0)
        yield from (pending, dead, overdue)
