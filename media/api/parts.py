"""
What rooms above know of a post: parts of its description that they add, since nothing here knows them.

A part is registered in `Room.connect()` by a function, so that a process without a web server
does not load what describes it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from events import rooms


@dataclass(frozen=True, slots=True)
class Part:
    """
    A member `name` of a post.

    `field` makes the serializer's field. `read` returns its value by post, with a constant number of
    queries; posts that it leaves out have `empty`.
    """

    name: str
    field: Callable[[], Any]
    read: Callable[[Sequence[UUID]], Mapping[UUID, Any]]
    empty: Any = None


_loaders: dict[str, Callable[[], Part]] = {}


def register(name: str, load: Callable[[], Part]) -> None:
    _loaders[name] = load


def parts() -> list[Part]:
    """The parts in the order of their names."""
    rooms.connect_all()
    return [load() for _, load in sorted(_loaders.items())]
