"""How a request fails that this installation does not make."""

from enum import StrEnum
from typing import Any, ClassVar

from events.errors import DomainError


class Reason(StrEnum):
    SCHEME = "scheme"
    HOST = "host"
    PORT = "port"
    ADDRESS = "address"
    CREDENTIALS = "credentials"
    REDIRECT = "redirect"
    PROXY = "proxy"
    SIZE = "size"
    ENCODING = "encoding"


class OutboundRefused(DomainError):
    """
    The request is against the policy of its purpose, so it was not made, or its answer not read.

    The message names scheme, host and port at most: a path or a query may be a secret.
    """

    code: ClassVar[str] = "outbound_refused"
    http_status: ClassVar[int] = 502
    permanent: ClassVar[bool] = True

    def __init__(self, reason: Reason, purpose: str, detail: str) -> None:
        super().__init__(f"A request to the {purpose} is refused: {detail}")
        self.reason = reason
        self.purpose = purpose

    def context(self) -> dict[str, Any]:
        return {"reason": self.reason.value, "purpose": self.purpose}
