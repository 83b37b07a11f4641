"""
What a process knows of a server that fails, or leaves questions without an answer.

Such a server is not waited for by every piece of work, nor by every thread, that asks it.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Final

PAUSE_SECONDS: Final = 30.0
"""After a failure the server is not asked for so long: each piece of work would wait for it again."""
REST_SECONDS: Final = 10.0
"""The same after a question without an answer, where one question at a time is asked again."""


@dataclass(slots=True)
class Outage:
    """The failure of one server; `since` and `until` are monotonic seconds."""

    reason: str = ""
    since: float = 0.0
    until: float = 0.0

    def begin(self, reason: str) -> None:
        """Note a failure; the server is not asked for `PAUSE_SECONDS`."""
        now = time.monotonic()
        self.since = self.since if self.reason else now
        self.reason, self.until = reason, now + PAUSE_SECONDS

    def end(self) -> None:
        self.reason, self.until = "", 0.0

    @property
    def lasts(self) -> bool:
        """Whether the server is not to be asked yet."""
        return time.monotonic() < self.until

    @property
    def age(self) -> timedelta:
        """How long ago the first failure without an answer since was."""
        return timedelta(seconds=time.monotonic() - self.since if self.reason else 0)


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
