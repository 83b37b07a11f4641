"""httpcore's network: connections that were checked, and requests that end in time."""

import select
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import httpcore

from events.outbound.connections import connect
from events.outbound.errors import Reason
from events.outbound.policy import Policy


class Patience(float):
    """
    Seconds to wait for one step, with the moment (of `time.monotonic`) when all must be over.

    httpcore hands the timeout of a request to each of its reads and writes; so a server that
    sends a byte now and then does not get a new timeout with each of them.
    """

    ends: float

    def __new__(cls, seconds: float, ends: float) -> Self:
        patience = super().__new__(cls, seconds)
        patience.ends = ends
        return patience


class Backend(httpcore.NetworkBackend):
    """Opens connections as the policy says."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        with _translated(httpcore.ConnectTimeout, httpcore.ConnectError):
            connection = connect(
                self._policy,
                host,
                port,
                timeout=_left(timeout),
                options=[*(socket_options or ()), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            )
        return Stream(connection)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise self._policy.refusal(Reason.SCHEME, "a socket of this machine is no address")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Stream(httpcore.NetworkStream):
    """A connection, with or without TLS."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _translated(httpcore.ReadTimeout, httpcore.ReadError):
            self._socket.settimeout(_left(timeout))
            return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        with _translated(httpcore.WriteTimeout, httpcore.WriteError):
            while rest:
                self._socket.settimeout(_left(timeout))
                rest = rest[self._socket.send(rest) :]

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        with _translated(httpcore.ConnectTimeout, httpcore.ConnectError):
            try:
                self._socket.settimeout(_left(timeout))
                # Python counts the timeout of a handshake once, however many packets it takes.
                secure = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
            except BaseException:
                self.close()
                raise
        return Stream(secure)

    def get_extra_info(self, info: str) -> Any:
        match info:
            case "ssl_object":
                return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
            case "is_readable":
                return self._is_readable()
            case "server_addr":
                return self._socket.getpeername()
            case "client_addr":
                return self._socket.getsockname()
            case "socket":
                return self._socket
        return None

    def _is_readable(self) -> bool:
        """Whether something came while nobody asked, such as the end: the pool closes it then."""
        if self._socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))


def _left(timeout: float | None) -> float | None:
    """Seconds that this step may take. Raises TimeoutError if there are none."""
    if not isinstance(timeout, Patience):
        return timeout
    left = timeout.ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time for the whole request is over")
    return min(float(timeout), left)


@contextmanager
def _translated(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error
