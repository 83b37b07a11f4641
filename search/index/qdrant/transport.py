"""How requests to Qdrant are sent."""

from typing import Any

from events.outbound import Policy
from events.outbound.client import tls_context
from events.outbound.transport import GuardedTransport


class Transport(GuardedTransport):
    """Waits for a connection no longer than the policy says, whatever the whole request may take."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy, verify=tls_context(), max_connections=10)
        self._connect_seconds = policy.connect_seconds

    def handle_request(self, request: Any) -> Any:
        waits = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {**waits, "connect": self._connect_seconds}
        return super().handle_request(request)
