"""
boto3's requests under the policy of the object store.

boto3 has an HTTP of its own (urllib3). Its event `before-send` lets a handler send a request
instead of it; ours has connections that go to addresses which were checked.
"""

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSPreparedRequest,
    AWSResponse,
)
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from events.outbound import OddHost, Origin, OutboundRefused, Policy, Reason, connect
from events.outbound.hosts import origin_of
from events.outbound.proxies import origin_of_proxy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    _Connection = AWSHTTPConnection
else:
    _Connection = object


@dataclass(frozen=True, slots=True)
class Connections:
    """How boto3's connections are made: `certificates` as it takes them, timeouts in seconds."""

    certificates: bool | str
    connect_seconds: float
    read_seconds: float
    most: int


def guard(client: "S3Client", policy: Policy, connections: Connections) -> None:
    """Send all requests of the client under this policy."""
    session = GuardedSession(policy, client.meta.endpoint_url, connections)
    events = client.meta.events
    events.register_last("before-send.s3", session.answer)  # type: ignore[arg-type]  # the stubs err


class GuardedSession(URLLib3Session):
    """boto3's pool of connections, with its usual proxies; the policy knows where they may lead."""

    _pool_classes_by_scheme: dict[str, type]

    def __init__(self, policy: Policy, endpoint_url: str, connections: Connections) -> None:
        super().__init__(
            verify=connections.certificates,  # type: ignore[arg-type]  # the stubs err, three times
            proxies=get_environ_proxies(endpoint_url),
            timeout=(connections.connect_seconds, connections.read_seconds),  # type: ignore[arg-type]
            max_pool_connections=connections.most,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],  # type: ignore[list-item]
        )
        self._policy = policy
        # The managers of direct connections and of proxies share this dictionary.
        self._pool_classes_by_scheme.update(_pools(policy))

    def answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """
        Handle `before-send`: boto3 sends nothing itself where there is an answer.

        Raises OutboundRefused, and what boto3 raises.
        """
        self._policy.admit(self._origin(request.url))
        try:
            return self.send(request)
        except HTTPClientError as error:  # boto3 wraps whatever it does not know
            cause = error.kwargs.get("error")
            if isinstance(cause, OutboundRefused):
                raise cause from None
            raise

    def _origin(self, url: str) -> Origin:
        try:
            return origin_of(url)
        except OddHost as odd:
            raise self._policy.refusal(Reason.HOST, str(odd)) from None


class _Guarded(_Connection):
    """A connection to an address that was checked; the name stays the one TLS is verified for."""

    policy: Policy

    def _new_conn(self) -> socket.socket:
        policy = self.policy
        if self.proxy is not None:
            policy = policy.for_proxy(origin_of_proxy(policy, str(self.proxy)))
        try:
            return connect(
                policy,
                self._dns_host,
                self.port,
                timeout=self.timeout,
                options=self.socket_options or (),
            )
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"{self.host} is not reached in time") from error
        except OSError as error:
            raise NewConnectionError(self, f"{self.host} is not reached: {error}") from error


def _pools(policy: Policy) -> dict[str, type]:
    """Classes of pools whose connections know the policy: boto3 makes them by itself."""
    rules = {"policy": policy}
    plain = type("GuardedConnection", (_Guarded, AWSHTTPConnection), rules)
    secure = type("GuardedTlsConnection", (_Guarded, AWSHTTPSConnection), rules)
    return {
        "http": type("GuardedPool", (AWSHTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("GuardedTlsPool", (AWSHTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
