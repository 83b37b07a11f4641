"""Failures that were anticipated: each carries numbers, a stable code and an HTTP status."""

from datetime import timedelta
from typing import Any, ClassVar


class DomainError(Exception):
    """
    A definite no. `code` is stable; `context()` holds the figures behind the message.

    `permanent` says that the same work cannot succeed later either: no retry, a dead letter.
    """

    code: ClassVar[str] = "domain_error"
    http_status: ClassVar[int] = 400
    permanent: ClassVar[bool] = False

    def context(self) -> dict[str, Any]:
        return {}


class RetryLater(Exception):
    """The same work, later: not a failure, so it does not use up an attempt."""

    def __init__(self, reason: str, *, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.after = after
