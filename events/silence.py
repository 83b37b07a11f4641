"""A server that leaves questions without an answer is not waited for by every thread that asks it."""

import time
from threading import Lock
from typing import Final

REST_SECONDS: Final = 10.0


class Silence:
    """
    What this process knows of a server: whether it was silent the last time.

    Then nobody is to ask it for `rest_seconds`, and after that one question each time, until an
    answer has come. A server that refuses connections tells so at once, and is not silent.
    """

    def __init__(self, rest_seconds: float = REST_SECONDS) -> None:
        self.rest_seconds = rest_seconds
        self._lock = Lock()
        self._rests_until: float | None = None

    def forbids(self) -> bool:
        """Whether the caller is not to ask; who may ask during a silence is the only one."""
        with self._lock:
            if self._rests_until is None:
                return False
            now = time.monotonic()
            if now < self._rests_until:
                return True
            self._rests_until = now + self.rest_seconds
            return False

    def begin(self) -> None:
        """A question was left without an answer."""
        with self._lock:
            self._rests_until = time.monotonic() + self.rest_seconds

    def end(self) -> None:
        """The server has answered, whatever it said."""
        with self._lock:
            self._rests_until = None
