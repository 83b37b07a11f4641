"""The client for requests of one purpose, and whose certificates it believes."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import httpx

from events.outbound.bodies import ACCEPTED
from events.outbound.errors import Reason
from events.outbound.policy import Policy
from events.outbound.transport import GuardedTransport


def client(
    policy: Policy,
    *,
    base_url: str = "",
    verify: ssl.SSLContext | None = None,
    max_connections: int | None = 10,
) -> httpx.Client:
    """
    Make a client, which threads may share and which survives a fork until its first request.

    Its requests raise OutboundRefused and httpx.HTTPError. Bodies are best read with `stream`, so
    that what is too large is not kept. The environment changes nothing but the proxies, and those
    only as the policy says.
    """
    return httpx.Client(
        base_url=base_url,
        transport=GuardedTransport(
            policy,
            verify=verify or tls_context(),
            max_connections=max_connections,
        ),
        timeout=httpx.Timeout(policy.read_seconds, connect=policy.connect_seconds),
        headers={"Accept-Encoding": ACCEPTED},
        follow_redirects=policy.redirects > 0,
        max_redirects=policy.redirects,
        trust_env=False,
    )


@contextmanager
def fetched(client: httpx.Client, policy: Policy, url: str) -> Iterator[httpx.Response]:
    """
    Request what an address leads to, whoever wrote it; its body is not read yet.

    Raises OutboundRefused for whatever is wrong with the address, or with one it leads on to.
    """
    try:
        with client.stream("GET", url) as answer:
            yield answer
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise policy.refusal(Reason.HOST, "it is no address of the web") from None
    except httpx.TooManyRedirects:
        raise policy.refusal(
            Reason.REDIRECT, f"it leads on more than {policy.redirects} times"
        ) from None


def tls_context(bundle: str | Path | None = None, *, verified: bool = True) -> ssl.SSLContext:
    """
    Answer the TLS context for the authorities of a PEM file, or for those of the system.

    Clients share it, and none may change it: the 150 authorities of a system take 40 ms to read. A
    bundle that was replaced is read again for the next client. Raises OSError, of which
    `ssl.SSLError` is one, where the bundle is no file of PEM certificates.
    """
    changed = Path(bundle).stat().st_mtime_ns if bundle else 0
    return _tls_context(None if bundle is None else str(bundle), changed, verified)


@lru_cache(maxsize=16)
def _tls_context(bundle: str | None, _changed: int, verified: bool) -> ssl.SSLContext:  # noqa: FBT001 - a key
    context = ssl.create_default_context(cafile=bundle)
    if not verified:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
