"""The registry of handlers: which events each one subscribes to, and how it is run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from events import rooms
from events.retry import Backoff
from events.schemas import Event

Handler = Callable[..., str]

LEASE: Final = timedelta(minutes=10)
"""The time for a batch of deliveries; longer than whatever a handler waits for."""


class Mode(Enum):
    """The ways to run a handler, which are implemented in `events.delivery.run`."""

    TRANSACTIONAL = "transactional"
    """The handler only changes rows: many deliveries share one transaction."""
    LEASED = "leased"
    """The handler talks to the outside world: it runs under a lease, with no transaction open."""
    PROJECTION = "projection"
    """The handler takes a list of events at once, under a lease."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """
    A handler of events of `schema`, and how it is run.

    It is called as `handler(event, *, now)`, a projection as `handler(events, *, now)`, and
    returns a short outcome.
    """

    name: str
    schema: type[Event]
    handler: Handler
    queue: str = "default"
    mode: Mode = Mode.TRANSACTIONAL
    batch: int = 50
    threads: int = 1
    lease: timedelta = LEASE
    backoff: Backoff = field(default_factory=Backoff)
    when: Callable[[Any], bool] | None = None
    in_use: Callable[[], bool] | None = None
    on_failure: Callable[[Exception], None] | None = None
    task: str = ""

    def matches(self, event: Event) -> bool:
        """Whether the handler is in use, for this topic and version, and `when` lets it pass."""
        return self.is_of(event.topic, event.version) and self.wants(event)

    def is_of(self, topic: str, version: str) -> bool:
        """Whether the handler takes events of this schema, in an installation as this one is."""
        same = self.schema.topic == topic and self.schema.version == version
        return same and (self.in_use is None or self.in_use())

    def wants(self, event: Event) -> bool:
        """Whether an event of this schema passes `when`."""
        return self.when is None or self.when(event)


_registry: dict[str, Subscription] = {}


def subscribe(
    schema: type[Event],
    *,
    name: str,
    queue: str = "default",
    mode: Mode = Mode.TRANSACTIONAL,
    batch: int = 50,
    threads: int = 1,
    lease: timedelta = LEASE,
    backoff: Backoff | None = None,
    when: Callable[[Any], bool] | None = None,
    in_use: Callable[[], bool] | None = None,
    on_failure: Callable[[Exception], None] | None = None,
    task: str = "",
) -> Callable[[Handler], Handler]:
    """
    Register a handler under a stable name, which is stored with its deliveries.

    Each of `threads` threads claims `batch` deliveries at once; a batch must be done within
    `lease`. `when` decides at publishing time whether a delivery is made at all; so does `in_use`,
    which knows the settings only and is asked once for many events. `on_failure` hears of each
    attempt that failed, once, also where a batch was tried as a whole before. `task` is a name by
    which a worker says in its log that it has begun to do this.
    """

    def register(handler: Handler) -> Handler:
        if name in _registry and _registry[name].handler is not handler:
            raise ValueError(f"two subscribers are called {name}")
        _registry[name] = Subscription(
            name=name,
            schema=schema,
            handler=handler,
            queue=queue,
            mode=mode,
            batch=batch,
            threads=threads,
            lease=lease,
            backoff=backoff or Backoff(),
            when=when,
            in_use=in_use,
            on_failure=on_failure,
            task=task,
        )
        return handler

    return register


def unsubscribe(name: str) -> None:
    _registry.pop(name, None)


def registered(*, queue: str | None = None) -> list[Subscription]:
    """Return the subscriptions of this process, of one queue or of all."""
    rooms.connect_all()
    return [s for s in _registry.values() if queue is None or s.queue == queue]


def queues() -> list[str]:
    return sorted({s.queue for s in registered()})


def is_of_projections(queue: str) -> bool:
    """Whether the queue has subscribers, and each of them is a projection, which may lag behind."""
    subscribers = registered(queue=queue)
    return bool(subscribers) and all(s.mode == Mode.PROJECTION for s in subscribers)


def of_schema(topic: str, version: str) -> list[Subscription]:
    """The subscriptions to this topic and version, whatever they want of it."""
    return [s for s in registered() if s.is_of(topic, version)]


def subscribers_of(event: Event) -> list[Subscription]:
    return [s for s in of_schema(event.topic, event.version) if s.wants(event)]
