"""
Listeners for objects that were lost or found damaged, and for lost ones that are back.

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
    """Objects that the bucket has no more, or (`damaged`) with other bytes than were stored."""

    content_type: str
    keys: Sequence[str]
    damaged: bool = False


Listener = Callable[[Loss], None]
ReturnListener = Callable[[Sequence[str]], None]
_listeners: dict[str, list[Listener]] = {}
_return_listeners: dict[str, list[ReturnListener]] = {}


def on_loss(content_type: str) -> Callable[[Listener], Listener]:
    """Register a function for the objects of one type."""

    def register(listener: Listener) -> Listener:
        _listeners.setdefault(content_type, []).append(listener)
        return listener

    return register


def on_return(content_type: str) -> Callable[[ReturnListener], ReturnListener]:
    """Register a function for keys of one type which the ledger is about to have again."""

    def register(listener: ReturnListener) -> ReturnListener:
        _return_listeners.setdefault(content_type, []).append(listener)
        return listener

    return register


def notify_return(content_type: str, keys: Sequence[str]) -> None:
    rooms.connect_all()
    for listener in _return_listeners.get(content_type, ()):
        listener(keys)


def notify(loss: Loss) -> None:
    rooms.connect_all()
    for listener in _listeners.get(loss.content_type, ()):
        listener(loss)
