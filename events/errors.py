"""Base classes of anticipated failures."""

from datetime import timedelta
from typing import Any, ClassVar


class DomainError(Exception):
    """
    A refusal. `code` is stable; `context()` returns the figures behind the message.

    `permanent` means that the same work cannot succeed later either: its delivery becomes a dead
    letter at once.
    """

    code: ClassVar[str] = "domain_error"
    http_status: ClassVar[int] = 400
    permanent: ClassVar[bool] = False

    def context(self) -> dict[str, Any]:
        return {}


class RetryLater(Exception):
    """Raised by a handler that cannot work now; no failure, so it does not use up an attempt."""

    def __init__(self, reason: str, *, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.after = after
