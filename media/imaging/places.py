"""
Places for decoded pictures: how many pixels this process has in its memory at once.

Pillow takes four bytes for each, and twice to four times as many while it converts, turns or lays
them on a ground. A worker has dozens of threads, and a file of 200 KB may hold 50 million pixels.

Small pictures have a room of their own, so none of them waits for a giant. In each room the places
are given in the order in which they are asked for, so no giant waits for ever, either.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from events.errors import RetryLater
from events.workers import ending
from media.imaging.decode import DEFAULT_MAX_PIXELS, pixels_of

GIANTS: Final = max(1, (os.cpu_count() or 1) // 2)
"""Pictures of DEFAULT_MAX_PIXELS that may be decoded at once: with more cores comes more memory."""
WAITING: Final = GIANTS + 1
"""Threads that may wait for a large one; more would leave none for small pictures."""
SMALL: Final = 8_000_000
"""Pixels of a small picture. Telegram's largest photos have 6.6 million, most of them 1.2 million."""
SMALL_ROOM: Final = 32_000_000
PATIENCE: Final = timedelta(minutes=2)
"""A delivery that waits longer is put off; its lease, and the time that reading takes, go on."""
_AGAIN: Final = timedelta(seconds=5)
_FULL: Final = "other pictures take the memory for large ones"
_LOOK_EVERY: Final = 0.25
"""Seconds between two looks whether the process was asked to end."""


class NoPlace(RetryLater):
    """Other pictures are in the memory, or the process is about to end."""


class Room:
    """Room for so many pixels, for which `most_waiting` may wait. Safe to share between threads."""

    def __init__(self, pixels: int, *, most_waiting: int = sys.maxsize) -> None:
        self._all = self._free = pixels
        self._most_waiting = most_waiting
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def held(self, pixels: int, *, patience: timedelta = PATIENCE) -> Iterator[None]:
        """
        Hold room for so many pixels inside the block; what is larger than the room gets all of it.

        Waits for its turn, at most for `patience`, and no longer than until the process is asked to
        end; then raises NoPlace, and at once where too many wait. Not inside of another one of the
        same room, nor of a transaction.
        """
        taken = min(pixels, self._all)
        self._take(taken, until=time.monotonic() + patience.total_seconds())
        try:
            yield
        finally:
            self._give_back(taken)

    def _take(self, pixels: int, *, until: float) -> None:
        turn = object()
        with self._changed:
            if self._queue and len(self._queue) >= self._most_waiting:
                raise NoPlace(_FULL, after=_AGAIN)
            self._queue.append(turn)
            try:
                while self._queue[0] is not turn or self._free < pixels:
                    self._wait(until)
                self._free -= pixels
            finally:
                self._queue.remove(turn)
                self._changed.notify_all()

    def _wait(self, until: float) -> None:
        if ending.is_asked():
            raise NoPlace("the process is about to end", after=timedelta(0))
        left = until - time.monotonic()
        if left <= 0:
            raise NoPlace(_FULL, after=_AGAIN)
        self._changed.wait(min(left, _LOOK_EVERY))

    def _give_back(self, pixels: int) -> None:
        with self._changed:
            self._free += pixels
            self._changed.notify_all()


class Places:
    """Two rooms, for small pictures and for large ones: the memory of one use of pictures."""

    def __init__(self, *, giants: int, most_waiting: int = sys.maxsize) -> None:
        self._small = Room(SMALL_ROOM)
        self._large = Room(giants * DEFAULT_MAX_PIXELS, most_waiting=most_waiting)

    @contextmanager
    def held(self, image: bytes, *, patience: timedelta = PATIENCE) -> Iterator[None]:
        """
        Hold the place of this picture, from before it is decoded until its pixels are forgotten.

        Raises NoPlace as `Room.held`. What cannot be opened has no pixels, and waits for nobody.
        """
        pixels = pixels_of(image)
        room = self._small if pixels <= SMALL else self._large
        with room.held(pixels, patience=patience):
            yield


analyzed: Final = Places(giants=GIANTS, most_waiting=WAITING)
"""Of pictures that are prepared for a provider, or read."""
compared: Final = Places(giants=1)
"""
Of those that a picture is compared with, whose place is held meanwhile.

Its own: who holds one of these waits for no other, so the two uses never wait for each other.
"""
