"""
What rooms register where others look for it: connected when somebody first looks.

A registry (handlers, checks of health, figures, recoveries, and so on) is filled by the rooms above
it, and what they register stands on everything they can do. Most commands look into none, so they
need not import all of that at their start: it takes longer than many of them do.
"""

import threading
from collections.abc import Iterator

from django.apps import AppConfig, apps


class Room(AppConfig):
    """
    An app of this product.

    `ready` is for what must be there in each process, such as receivers of signals, and imports
    little. `connect` is for what stands in registries; these call `connect_all` before they are read.
    Modules named `apps` import this one as `rooms`: Django takes a class in them for another app.
    """

    is_connected = False

    def connect(self) -> None:
        """Register whatever this room has; called once in a process."""

    def load(self) -> None:
        """Import what others import late, and this installation's servers will need."""


_guard = threading.RLock()


def connect_all() -> None:
    """Have every room register what it has, if that is not done yet."""
    apps.check_models_ready()
    with _guard:
        for room in _rooms():
            if not room.is_connected:
                _connect(room)


def load_all() -> None:
    """
    Be ready for work: the web server before its first request, the supervisor before it forks.

    Nothing is connected or read: a fork inherits modules, and they are in memory once.
    """
    connect_all()
    for room in _rooms():
        room.load()


def _rooms() -> Iterator[Room]:
    return (app for app in apps.get_app_configs() if isinstance(app, Room))


def _connect(room: Room) -> None:
    room.is_connected = True  # at once: what it imports may look into a registry, too
    try:
        room.connect()
    except BaseException:
        room.is_connected = False
        raise
