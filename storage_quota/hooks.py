"""
Listeners for objects that were lost or found damaged.

A room registers for a content type and can then try to get such objects back. Listeners run in
the transaction that changes the ledger, before the ledger's rows are locked: an import locks
its own rows first and the ledger second, and the other order could deadlock with it.
(Links to an object that does not come back are removed by `cleanup.on_eviction`.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from events import rooms


@dataclass(frozen=True, slots=True)
class Loss:
    content_type: str
    keys: Sequence[str]


Listener = Callable[[Loss], None]
_listeners: dict[str, list[Listener]] = {}


def on_loss(content_type: str) -> Callable[[Listener], Listener]:
    """Register a function for the objects of one type."""

    def register(listener: Listener) -> Listener:
        _listeners.setdefault(content_type, []).append(listener)
        return listener

    return register


def notify(loss: Loss) -> None:
    rooms.connect_all()
    for listener in _listeners.get(loss.content_type, ()):
        listener(loss)
