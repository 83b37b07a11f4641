"""What was said of an account's channels and is not in the archive yet: bounded, and never waited for."""

import queue
import time
from collections.abc import Iterator
from typing import Final

from media.sources.telegram.port import LiveEvent

MOST_EVENTS: Final = 2000
"""Some 20 MB at most: while the database or the store is slow, more of them may come than are written."""


class EventQueue:
    """
    Filled by the thread of Telethon, emptied by the listener.

    What does not fit is left out and counted: its channels are read then as after a break.
    """

    def __init__(self, most: int = MOST_EVENTS) -> None:
        self._events: queue.Queue[LiveEvent] = queue.Queue(most)
        self._left_out = self._taken = 0

    def put(self, event: LiveEvent) -> None:
        """Add an event; never waits, since Telethon reads nothing meanwhile."""
        try:
            self._events.put_nowait(event)
        except queue.Full:
            self._left_out += 1

    def gathered(self, seconds: float) -> Iterator[LiveEvent]:
        """The events that come within this time, at most as many as fit."""
        ends = time.monotonic() + seconds
        for _ in range(self._events.maxsize):
            if (left := ends - time.monotonic()) <= 0:
                return
            try:
                yield self._events.get(timeout=left)
            except queue.Empty:
                return

    def take_left_out(self) -> int:
        """How many events did not fit since this was asked last."""
        # Two counts, each written by one thread: neither waits for the other, and none is lost.
        so_far = self._left_out
        new, self._taken = so_far - self._taken, so_far
        return new
