"""The port of fetchers: what a visit asks for, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from crawl.reasons import Reason

BeforeHop = Callable[[str], None]
"""Called with each address before it is requested; raises FetchFailed to end the visit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said in the end. `url` is where the redirects led; `charset` may be empty."""

    status: int
    url: str
    body: bytes = b""
    mime: str = ""
    charset: str = ""
    etag: str = ""
    last_modified: str = ""
    retry_after: timedelta | None = None


class FetchFailed(Exception):
    """
    No answer that can be used.

    `again`: another visit may end otherwise, after `after` where that is known.
    """

    def __init__(
        self, reason: Reason, details: str = "", *, again: bool, after: timedelta | None = None
    ) -> None:
        super().__init__(f"{reason}: {details}")
        self.reason, self.details, self.again, self.after = reason, details, again, after


class Fetcher(Protocol):
    """Fetches one page; threads share it."""

    def require_usable(self, url: str) -> None:
        """Raise RetryLater where this installation cannot fetch such an address at all, for now."""
        ...

    def fetch(
        self, url: str, *, etag: str = "", last_modified: str = "", before_hop: BeforeHop
    ) -> Answer:
        """Fetch a page, or learn that it has not changed (304). Raises FetchFailed."""
        ...

    def read_small(self, url: str, *, most_bytes: int) -> tuple[int, bytes]:
        """Return status and body of a small file, such as robots.txt. Raises FetchFailed."""
        ...

    def close(self) -> None:
        """Close its connections."""
        ...
