"""
The address from which a request comes: who is limited by it, and what logs and the audit name.

Whoever sends a request may write anything into `X-Forwarded-For`, and each proxy appends whom it
heard it from. Only the entries of the installation's own proxies count, which are the last ones.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest

PROXIED: Final = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_VIA",
)
"""Headers of requests that a proxy on this host has forwarded from another host."""

_WITH_PORT: Final = re.compile(r"\[(?P<v6>[^]]*)\](?::\d+)?|(?P<v4>[\d.]+):\d+")
_HOME_BITS: Final = 64
"""A provider gives each customer so many bits of an IPv6 address, and the rest to choose from."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: HttpRequest) -> str:
    """Return the address of the client as text; empty if it is not known."""
    return address_of(request.META)


def address_of(environ: Mapping[str, Any]) -> str:
    """
    Return the address from which a request with this WSGI environment comes.

    Without TRUSTED_PROXIES it is the peer of the connection, which is empty where the web server
    listens at a socket of the file system. Otherwise it is what the outermost trusted proxy
    appended. A request that has not passed all of them, or names no address there, came by another
    way than the installation says: then nothing it says is believed, and the peer counts.
    """
    peer = _parsed(str(environ.get("REMOTE_ADDR") or ""))
    return _text(_forwarded(environ, proxies=settings.TRUSTED_PROXIES) or peer)


def network_of(address: str) -> str:
    """Return what one client has to itself: its IPv4 address, or its IPv6 network of 64 bits."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(parsed), _HOME_BITS), strict=False))
    return _text(parsed)


def is_from_this_host(environ: Mapping[str, Any]) -> bool:
    """Whether a program on this host asks by itself, and not a proxy for somebody else."""
    peer = _parsed(str(environ.get("REMOTE_ADDR") or ""))
    return peer is not None and peer.is_loopback and not any(map(environ.get, PROXIED))


def _forwarded(environ: Mapping[str, Any], *, proxies: int) -> Address | None:
    entries = str(environ.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    if not 0 < proxies <= len(entries):
        return None
    return _parsed(entries[-proxies])


def _parsed(text: str) -> Address | None:
    """Read an address, perhaps with a port; an IPv4 address written as IPv6 is IPv4."""
    text = text.strip()
    if found := _WITH_PORT.fullmatch(text):
        text = found["v6"] or found["v4"] or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])  # the zone is the client's own word
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _text(address: Address | None) -> str:
    return "" if address is None else str(address)
