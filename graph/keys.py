"""Keys of nodes: made of natural keys and of the tenant, so that no two tenants share a node."""

import hashlib
import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from crawl.policy import address_of, host_of
from vision.tagging.words.names import canonical

LEAST_WORDS: Final = 6
LEAST_CHARACTERS: Final = 30
"""Greetings and the like are written by many, and stolen by none."""
_ADDRESS: Final = re.compile(r"(?:https?://|www\.|t\.me/)\S+|[@#]\w+", re.IGNORECASE)
_WORD: Final = re.compile(r"\w+")


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
    """The form under which tags and labels are the same; empty where nothing is left."""
    return canonical(name)


def address(url: str) -> str:
    """
    The form under which links are the same; empty for what is no address of a page.

    That is the canonical address, with TLS and without www. whether the link has them or not.
    """
    found = address_of(url)
    if "." not in host_of(found) or urlsplit(found).username is not None:
        return ""
    return f"https://{found.partition('://')[2].removeprefix('www.')}"


def spellings(form: str) -> list[str]:
    """The canonical addresses that have this form, those with TLS and without www. first."""
    rest = form.partition("://")[2]
    return [f"{scheme}://{www}{rest}" for scheme in ("https", "http") for www in ("", "www.")]
