"""What a process knows of a failure of a server that the product can do without for a while."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

PAUSE_SECONDS: Final = 30.0
"""After a failure the server is not asked for so long: each piece of work would wait for it again."""


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
