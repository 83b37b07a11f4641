"""
httpx's transport: each request, each redirect among them, is checked before it leaves.

httpx follows redirects by sending a new request through the same transport, so that no hop gets
past it; what concerns all hops together travels in the request's extensions.
"""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpcore
import httpx

from events.outbound.bodies import Body, too_large
from events.outbound.errors import Reason
from events.outbound.hosts import OddHost, Origin, origin
from events.outbound.policy import Policy
from events.outbound.proxies import EnvironmentProxies, origin_of_proxy
from events.outbound.streams import Backend, Patience

_ENDS: Final = "outbound_ends"
_FIRST: Final = "outbound_first"
_UNPACKED: Final = {b"content-encoding", b"content-length"}


class GuardedTransport(httpx.BaseTransport):
    """Sends what the policy admits. Safe to share between threads; opens nothing until asked."""

    def __init__(
        self, policy: Policy, *, verify: ssl.SSLContext, max_connections: int | None
    ) -> None:
        self._policy = policy
        self._proxies = EnvironmentProxies(policy)
        self._verify = verify
        self._max_connections = max_connections
        self._lock = threading.Lock()
        self._pools: dict[str | None, httpcore.ConnectionPool] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        to = self._admitted(request)
        proxy, url = self._proxies.proxy_for(to), request.url
        extensions = request.extensions | self._limits(request)
        if proxy is None:  # the certificate of a name with a dot behind it is made out without
            extensions["sni_hostname"] = to.host
        sent = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=extensions,
        )
        with _translated():
            answer = self._pool(proxy).handle_request(sent)
        try:
            return self._bounded(answer)
        except BaseException:
            answer.close()
            raise

    def close(self) -> None:
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()

    def _admitted(self, request: httpx.Request) -> Origin:
        """Where the request goes, if the policy admits that."""
        if request.url.userinfo:
            raise self._policy.refusal(Reason.CREDENTIALS, "its address holds a name or a password")
        try:
            to = origin(request.url.scheme, request.url.host, request.url.port)
        except OddHost as odd:
            raise self._policy.refusal(Reason.HOST, str(odd)) from None
        self._policy.admit(to)
        first = request.extensions.setdefault(_FIRST, to)
        if to.host != first.host and not self._policy.other_hosts:
            raise self._policy.refusal(Reason.REDIRECT, f"{first.host} leads on to {to.host}")
        return to

    def _limits(self, request: httpx.Request) -> dict[str, object]:
        """The timeouts of the request, none of which outlives the whole of it."""
        total = self._policy.total_seconds
        if total is None:
            return {}
        ends = request.extensions.setdefault(_ENDS, time.monotonic() + total)
        left = max(ends - time.monotonic(), 0.0)
        wished = request.extensions.get("timeout", {})
        waits = {name: wished.get(name) for name in ("connect", "read", "write", "pool")}
        return {
            "timeout": {
                name: Patience(left if seconds is None else min(seconds, left), ends)
                for name, seconds in waits.items()
            }
        }

    def _pool(self, proxy: str | None) -> httpcore.ConnectionPool:
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._direct() if proxy is None else self._through(proxy)
            return self._pools[proxy]

    def _direct(self) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            ssl_context=self._verify,
            max_connections=self._max_connections,
            keepalive_expiry=5.0,
            network_backend=Backend(self._policy),
        )

    def _through(self, proxy: str) -> httpcore.ConnectionPool:
        at = origin_of_proxy(self._policy, proxy)
        named = httpx.Proxy(proxy)
        return httpcore.HTTPProxy(
            proxy_url=httpcore.URL(scheme=at.scheme, host=at.host, port=at.port, target="/"),
            proxy_auth=named.raw_auth,
            ssl_context=self._verify,
            max_connections=self._max_connections,
            keepalive_expiry=5.0,
            network_backend=Backend(self._policy.for_proxy(at)),
        )

    def _bounded(self, answer: httpcore.Response) -> httpx.Response:
        """Build the answer, which is unpacked and counted as it is read."""
        headers = httpx.Headers(answer.headers)
        length, most = headers.get("content-length", ""), self._policy.most_bytes
        if most is not None and length.isascii() and length.isdigit() and int(length) > most:
            raise too_large(self._policy)
        body = Body(_Raw(answer), headers.get("content-encoding", "").strip().lower(), self._policy)
        kept = [pair for pair in answer.headers if pair[0].lower() not in _UNPACKED]
        return httpx.Response(
            answer.status, headers=kept, stream=body, extensions=answer.extensions
        )


class _Raw:
    """The bytes as they come, with httpx's errors."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _translated():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        with _translated():
            self._answer.close()


@contextmanager
def _translated() -> Iterator[None]:
    """Inside, httpcore's errors become those of httpx, which has the same names for them."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
    ) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
