"""Which handlers hear of which events, and how they are run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any

from events.retry import Backoff
from events.schemas import Event

Handler = Callable[..., str]


class Mode(Enum):
    """How a handler is run; see `events.delivery.run`."""

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

    def concerns(self, event: Event) -> bool:
        """Whether it listens to events of this topic and version, and to this one."""
        same = self.schema.topic == event.topic and self.schema.version == event.version
        return same and (self.when is None or self.when(event))


_registry: dict[str, Subscription] = {}


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
        if name in _registry and _registry[name].handler is not handler:
            raise ValueError(f"two subscribers are called {name}")
        _registry[name] = Subscription(
            name=name, schema=schema, handler=handler, queue=queue, mode=mode, batch=batch,
            threads=threads, lease=lease, backoff=backoff or Backoff(), when=when,
        )  # fmt: skip
        return handler

    return register


def unsubscribe(name: str) -> None:
    _registry.pop(name, None)


def registered(*, queue: str | None = None) -> list[Subscription]:
    """The subscriptions of this process, of one queue or of all."""
    return [s for s in _registry.values() if queue is None or s.queue == queue]


def queues() -> list[str]:
    return sorted({s.queue for s in _registry.values()})


def concerned(event: Event) -> list[Subscription]:
    """The subscriptions that are to hear of this event."""
    return [s for s in _registry.values() if s.concerns(event)]
