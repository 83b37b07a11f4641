"""Publish facts, subscribe to them. Who publishes does not know who listens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, ClassVar, TypeVar

from django.db import connection, transaction
from django.utils import timezone

from events import outbox, queue, trace
from events.errors import DomainError
from events.retry import Backoff
from events.schemas import Event

E = TypeVar("E", bound=Event)
Handler = Callable[..., str]


class Mode(Enum):
    """How a handler is run; see `events.delivery`."""

    ROWS = "rows"
    """Its work is only rows: many deliveries share one transaction, a savepoint each."""
    OUTSIDE = "outside"
    """It talks to the outside world: runs under a lease with no transaction open."""
    BATCH = "batch"
    """A projection: takes a list of events at once, under a lease."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """`handler(event, *, now)` hears of `schema`; in BATCH mode `handler(events, *, now)`."""

    name: str
    schema: type[Event]
    handler: Handler
    queue: str = "default"
    mode: Mode = Mode.ROWS
    batch: int = 50
    threads: int = 1
    lease: timedelta = timedelta(minutes=10)
    backoff: Backoff = field(default_factory=Backoff)
    when: Callable[[Any], bool] | None = None

    def wants(self, event: Event) -> bool:
        return self.when is None or self.when(event)


class PublishedOutsideTransaction(DomainError):
    """An event and the rows it speaks of must become true together: open a transaction first."""

    code: ClassVar[str] = "published_outside_transaction"
    http_status: ClassVar[int] = 500


_subscriptions: dict[str, Subscription] = {}


def subscribe(
    schema: type[Event],
    *,
    name: str,
    queue: str = "default",
    mode: Mode = Mode.ROWS,
    batch: int = 50,
    threads: int = 1,
    lease: timedelta = timedelta(minutes=10),
    backoff: Backoff | None = None,
    when: Callable[[Any], bool] | None = None,
) -> Callable[[Handler], Handler]:
    """
    Register a handler under a stable name (it is written into rows).

    `batch` deliveries are claimed at once, by each of `threads` threads; a batch must be
    done within `lease`. `when` decides at publishing time whether a delivery is made at all.
    """

    def register(handler: Handler) -> Handler:
        if name in _subscriptions and _subscriptions[name].handler is not handler:
            raise ValueError(f"two subscribers are called {name}")
        _subscriptions[name] = Subscription(
            name=name, schema=schema, handler=handler, queue=queue, mode=mode, batch=batch,
            threads=threads, lease=lease, backoff=backoff or Backoff(), when=when,
        )  # fmt: skip
        return handler

    return register


def unsubscribe(name: str) -> None:
    _subscriptions.pop(name, None)


def subscriptions(*, queue: str | None = None) -> list[Subscription]:
    return [s for s in _subscriptions.values() if queue is None or s.queue == queue]


def queues() -> list[str]:
    return sorted({s.queue for s in _subscriptions.values()})


def publish(event: Event) -> bool:
    """
    Write the event and its deliveries in the caller's transaction.

    False when the same event (topic, version, idempotency key) was published before.
    """
    return publish_many([event]) == 1


def publish_many(events: Sequence[Event]) -> int:
    """As `publish`, for many in two statements; returns how many were new."""
    if not connection.in_atomic_block:
        raise PublishedOutsideTransaction("publish() needs an open transaction")
    if not events:
        return 0
    now = timezone.now()
    published = outbox.insert([_traced(event) for event in events], now=now)
    known = {(e.topic, e.version, e.idempotency_key): e for e in reversed(events)}
    due = [
        (event_id, subscriber)
        for event_id, *key in published
        for subscriber in _subscriptions.values()
        if _concerns(subscriber, known[key[0], key[1], key[2]])
    ]
    _insert_deliveries(due, now=now)
    for name in {subscriber.queue for _, subscriber in due}:
        transaction.on_commit(queue.Ring(name))
    return len(published)


def _concerns(subscriber: Subscription, event: Event) -> bool:
    same = subscriber.schema.topic == event.topic and subscriber.schema.version == event.version
    return same and subscriber.wants(event)


def _traced(event: E) -> E:
    """An event made while handling another one goes on under that one's trace id."""
    current = trace.current()
    if not current or "trace_id" in event.model_fields_set:
        return event
    return event.model_copy(update={"trace_id": current})


def _insert_deliveries(due: Sequence[tuple[int, Subscription]], *, now: datetime) -> None:
    if not due:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_delivery (event_id, subscriber, queue, state, attempts, due_at,
                                         error_code, error_details, error_trace, outcome)
            SELECT event_id, subscriber, queue, 'pending', 0, %s, '', '', '', ''
            FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS due(event_id, subscriber, queue)
            """,
            [now, [i for i, _ in due], [s.name for _, s in due], [s.queue for _, s in due]],
        )
