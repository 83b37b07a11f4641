"""
Who must hear that an object was lost or found damaged, and can do something to get it back.

Each room registers for a content type and is told in the transaction in which the books
change, before the ledger is locked: that is the order in which an import takes its locks.
(Links to what is gone for good are dropped as in an eviction: `cleanup.on_eviction`.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


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


def tell(loss: Loss) -> None:
    for listener in _listeners.get(loss.content_type, ()):
        listener(loss)
