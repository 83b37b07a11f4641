"""Keys of nodes: made of natural keys and of the tenant, so that no two tenants share a node."""

import hashlib
import re
import unicodedata
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

LEAST_WORDS: Final = 6
LEAST_CHARACTERS: Final = 30
"""Greetings and the like are written by many, and stolen by none."""
MOST_URL: Final = 2000
_ADDRESS: Final = re.compile(r"(?:https?://|www\.|t\.me/)\S+|[@#]\w+", re.IGNORECASE)
_WORD: Final = re.compile(r"\w+")
_TRACKING: Final = ("utm_", "fbclid", "gclid", "yclid", "ysclid", "_openstat")
_PORTS: Final = {"http": 80, "https": 443}


def picture(tenant_id: UUID, sha256: str) -> str:
    return f"{tenant_id}:{sha256}"


def tag(tenant_id: UUID, name: str) -> str:
    return f"{tenant_id}:{name}"


def article(tenant_id: UUID, url: str) -> str:
    return f"{tenant_id}:{hashlib.sha256(url.encode()).hexdigest()}"


def text(tenant_id: UUID, said: str) -> str:
    """
    The key of a text; empty where it is too short to tell who took it from whom.

    Case, accents, punctuation, links, @names and #tags make no other text: whoever takes one puts
    his own there.
    """
    plain = unicodedata.normalize("NFKD", _ADDRESS.sub(" ", said)).casefold()
    words = _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))
    if len(words) < LEAST_WORDS or sum(map(len, words)) < LEAST_CHARACTERS:
        return ""
    return f"{tenant_id}:{hashlib.sha256(' '.join(words).encode()).hexdigest()}"


def tag_name(name: str) -> str:
    """The form under which tags are the same; empty where nothing is left."""
    return unicodedata.normalize("NFC", name.strip().lstrip("#").casefold())[:200]


def address(url: str) -> str:
    """The form under which links are the same; empty for what is no address of a page."""
    try:
        parts = urlsplit(url.strip() if "://" in url else f"https://{url.strip()}")
        host, port = (parts.hostname or "").removeprefix("www."), parts.port
    except ValueError:
        return ""
    if parts.scheme.lower() not in _PORTS or "." not in host or parts.username is not None:
        return ""
    if len(url) > MOST_URL:
        return ""
    known = [
        pair
        for pair in parse_qsl(parts.query, keep_blank_values=True)
        if not pair[0].lower().startswith(_TRACKING)
    ]
    place = host if port in {None, *_PORTS.values()} else f"{host}:{port}"
    query = f"?{urlencode(sorted(known))}" if known else ""
    return f"https://{place}{parts.path.rstrip('/')}{query}"
