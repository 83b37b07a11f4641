"""Names of hosts in the one spelling that is compared, resolved and connected to."""

import re
import unicodedata
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from events.sentences import gettext_noop as _

PORTS: Final = {"http": 80, "https": 443}
_LONGEST: Final = 253
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


class OddHost(ValueError):
    """No host, or an address in a spelling by which people hide where a link leads."""


class Origin(NamedTuple):
    """Where a request goes; `host` is as `canonical` writes it."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@lru_cache(maxsize=1024)
def canonical(host: str) -> str:
    """
    Return a name in small ASCII letters without the last dot, or an address in its usual form.

    Raises OddHost, also for what the C library would take for an IPv4 address and nobody writes:
    `2130706433`, `0177.0.0.1`, `0x7f.1`, `127.1`.
    """
    text = unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ":" in text:
        return _ipv6(text)
    return _ipv4_or_name(text.removesuffix("."))


def origin_of(url: str) -> Origin:
    """Read scheme, host and port of an address. Raises OddHost."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise OddHost(_("its port or its brackets are wrong")) from error
    return origin(parts.scheme, parts.hostname or "", port)


def origin(scheme: str, host: str, port: int | None) -> Origin:
    """Build an origin from its parts; the port is that of the scheme where there is none."""
    scheme = scheme.lower()
    return Origin(scheme, canonical(host), PORTS.get(scheme, 0) if port is None else port)


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except AddressValueError as error:
        raise OddHost(_("its host is no IPv6 address")) from error
    if address.scope_id is not None:
        raise OddHost(_("its host has a zone"))
    return str(address)


def _ipv4_or_name(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except AddressValueError:
        pass
    if _NUMBER.fullmatch(text.rpartition(".")[2]):
        raise OddHost(_("its host is an address in an odd spelling"))
    try:
        name = text if text.isascii() else _in_ascii(text)
    except UnicodeError as error:
        raise OddHost(_("its host is no name")) from error
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise OddHost(_("its host is no name"))
    return name


def _in_ascii(text: str) -> str:
    """As browsers do: `faß.de` is not `fass.de`. Raises UnicodeError."""
    import idna  # noqa: PLC0415 - late

    try:
        return idna.encode(text, uts46=True).decode()
    except idna.IDNAError:
        return text.encode("idna").decode()  # what the newer rules do not have, such as ❤.example
