"""
One spelling for the addresses of one page (CONTRACT §6.5): pure functions.

What tells pages apart stays as it was written; what only says where a reader came from goes.
"""

import re
from hashlib import sha256
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from events.outbound.hosts import PORTS, OddHost, canonical

TRACKING: Final = frozenset({"fbclid", "gclid", "ref", "source", "campaign"})
"""Exact names of parameters; `href` and `preference` are none of them."""
TRACKING_PREFIX: Final = "utm_"
MOST_CHARS: Final = 2000
_SAFE: Final = "%/:=&?~#+!$,;'@()*[]|"
_ESCAPE: Final = re.compile(r"%[0-9a-fA-F]{2}")


def canonicalize(url: str) -> str:
    """Return the canonical spelling, or the address as it is where it cannot be read."""
    try:
        parts = urlsplit(url.strip())
        netloc = _netloc(parts)
    except ValueError:
        return url
    if not parts.scheme or not parts.hostname:
        return url
    query = _query(parts.query)
    return urlunsplit((parts.scheme.lower(), netloc, _path(parts.path), query, ""))


def url_hash(url: str) -> str:
    """The SHA-256 of the canonical spelling, in hexadecimal."""
    return sha256(canonicalize(url).encode("utf-8", "surrogatepass")).hexdigest()


def _netloc(parts: SplitResult) -> str:
    """Host and port; what stands before an @ is kept, so that it is refused and not hidden."""
    host = _host(parts.hostname or "")
    user, at, _ = parts.netloc.rpartition("@")
    port = parts.port
    shown = "" if port is None or port == PORTS.get(parts.scheme.lower()) else f":{port}"
    return f"{user}{at}{host}{shown}"


def _host(name: str) -> str:
    try:
        host = canonical(name)
    except OddHost:
        return name.lower()
    return f"[{host}]" if ":" in host else host


def _path(path: str) -> str:
    return _escaped(path).rstrip("/") or "/"


def _query(query: str) -> str:
    pairs = [pair for pair in query.split("&") if pair and not _is_tracking(pair)]
    return "&".join(sorted(map(_escaped, pairs)))


def _is_tracking(pair: str) -> bool:
    name = unquote(pair.partition("=")[0]).lower()
    return name in TRACKING or name.startswith(TRACKING_PREFIX)


def _escaped(text: str) -> str:
    """Escape what is no ASCII, and write escapes that are there with capital letters."""
    capital = _ESCAPE.sub(lambda found: found[0].upper(), text)
    return quote(capital, safe=_SAFE, errors="replace")
