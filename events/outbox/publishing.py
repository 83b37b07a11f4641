"""Publish events: each with its deliveries, in the transaction whose changes it reports."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import ClassVar

from django.db import connection
from django.utils import timezone

from events import backfill as current_backfill
from events import subscriptions
from events.errors import DomainError
from events.logs import trace
from events.outbox import rows
from events.postgresql import arrays
from events.schemas import Event
from events.subscriptions import Subscription


class PublishedOutsideTransaction(DomainError):
    """`publish` was called with no transaction open: the event could exist without its rows."""

    code: ClassVar[str] = "published_outside_transaction"
    http_status: ClassVar[int] = 500


def publish(event: Event) -> bool:
    """
    Write the event and its deliveries in the caller's transaction.

    False when the same event (topic, version, idempotency key) was published before.
    """
    return publish_many([event]) == 1


def publish_many(events: Sequence[Event], *, backfill: bool | None = None) -> int:
    """
    Publish many events with two statements; returns how many of them were new.

    Deliveries of `backfill` wait until their subscriber has no others that are due. By default
    they inherit that from the delivery that is being handled, as they do the trace id.
    """
    return len(_published(events, backfill=backfill))


def publish_anew(events: Sequence[Event], *, now: datetime, backfill: bool | None = None) -> None:
    """
    Publish events about rows that were just written, each of them: what they tell is new.

    A key that is taken tells of a former row, that was deleted and is made again: it gets the time.
    """
    published = {_identity(event) for _, event in _published(events, backfill=backfill)}
    again = [
        event.model_copy(
            update={"idempotency_key": f"{event.idempotency_key}:{now.timestamp():.6f}"}
        )
        for event in events
        if _identity(event) not in published
    ]
    _published(again, backfill=backfill)


def _identity(event: Event) -> tuple[str, str, str]:
    return event.topic, event.version, event.idempotency_key


def _published(events: Sequence[Event], *, backfill: bool | None) -> Sequence[rows.New]:
    """Write the events that are new, with their deliveries, and return them."""
    if not connection.in_atomic_block:
        raise PublishedOutsideTransaction("publish() needs an open transaction")
    if not events:
        return []
    now = timezone.now()
    published = rows.insert(_traced(events), now=now)
    interested = cache(subscriptions.of_schema)  # asked once for a topic, not for each event
    due = [
        (event_id, subscription)
        for event_id, event in published
        for subscription in interested(event.topic, event.version)
        if subscription.wants(event)
    ]
    # Nothing happens after the caller's commit: who publishes knows what was committed.
    _insert_deliveries(
        due, backfill=current_backfill.current() if backfill is None else backfill, now=now
    )
    return published


def _traced(events: Sequence[Event]) -> Sequence[Event]:
    """Give events that are published while another one is handled the trace id of the other."""
    if not (current := trace.current()):
        return events
    return [
        event
        if "trace_id" in event.model_fields_set
        else event.model_copy(update={"trace_id": current})
        for event in events
    ]


def _insert_deliveries(
    due: Sequence[tuple[int, Subscription]], *, backfill: bool, now: datetime
) -> None:
    if not due:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_delivery (event_id, subscriber, queue, state, backfill, attempts,
                                         due_at, error_code, error_details, error_trace, outcome)
            SELECT event_id, subscriber, queue, 'pending', %s, 0, %s, '', '', '', ''
            FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS due(event_id, subscriber, queue)
            """,
            [
                backfill,
                now,
                arrays.of_numbers(i for i, _ in due),
                arrays.of_texts(s.name for _, s in due),
                arrays.of_texts(s.queue for _, s in due),
            ],
        )
