"""The proxy through which Telegram is reached, as the operator writes it."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import ClassVar, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from events.errors import DomainError
from events.sentences import Sentence
from events.sentences import gettext_noop as _

_SOCKET_SCHEMES: Final = {"socks5": "socks5", "socks5h": "socks5", "http": "http"}
_LINKS: Final = (("tg", "proxy"), ("https", "t.me"))
_SECRET_BYTES: Final = 16
_FAKE_TLS: Final = 0xEE
_PADDED: Final = 0xDD
EXAMPLES: Final = "socks5://name:password@host:1080, http://host:3128 or mtproto://secret@host:443"
WAY_OUT: Final = _(
    "use a proxy with a plain or a dd secret, or SOCKS5; importing an export of Telegram Desktop"
    " works without any connection"
)
_NONE: Final = Sentence(_("no proxy: write %(examples)s"))
_UNKNOWN: Final = Sentence(_("a proxy of an unknown kind: write %(examples)s"))
_NO_PLACE: Final = Sentence(_("a proxy needs a host and a port: write %(examples)s"))
_FAKE: Final = Sentence(
    _("the secret is of the kind ee (fake TLS), which Telethon does not speak: %(remedy)s")
)
_LENGTH: Final = Sentence(
    _("the secret of an MTProto proxy has 16 bytes, after dd where packets are padded: %(remedy)s")
)
_NEITHER: Final = Sentence(
    _("the secret of the MTProto proxy is neither hex nor base64: %(remedy)s")
)


class ProxyRefused(DomainError):
    """The setting names no proxy that can be used."""

    code: ClassVar[str] = "proxy_refused"
    permanent: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Proxy:
    """
    `kind` is socks5, http or mtproto. `secret` is that of an MTProto proxy: 32 hex digits, after
    `dd` where packets are padded.
    """

    kind: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)

    @property
    def is_padded(self) -> bool:
        return self.secret.startswith("dd")


def parse_proxy(text: str) -> Proxy | None:
    """Read the setting; None where it is empty. Raises ProxyRefused, whose text has no secret."""
    if not text.strip():
        return None
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise ProxyRefused(_NONE % {"examples": EXAMPLES}) from None
    if (parts.scheme, parts.hostname) in _LINKS:
        return _of_link(parts)
    if parts.scheme == "mtproto":
        return _mtproto(parts.hostname, port, unquote(parts.username or ""))
    if parts.scheme not in _SOCKET_SCHEMES:
        raise ProxyRefused(_UNKNOWN % {"examples": EXAMPLES})
    host, port = _place(parts.hostname, port)
    return Proxy(
        _SOCKET_SCHEMES[parts.scheme], host, port,
        unquote(parts.username or ""), unquote(parts.password or ""),
    )  # fmt: skip


def _of_link(parts: SplitResult) -> Proxy:
    """Read a link as people pass it on: tg://proxy?server=…&port=…&secret=…."""
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    port = query.get("port", "")
    return _mtproto(
        query.get("server"), int(port) if port.isdecimal() else None, query.get("secret", "")
    )


def _mtproto(host: str | None, port: int | None, secret: str) -> Proxy:
    host, port = _place(host, port)
    return Proxy("mtproto", host, port, secret=_readable(secret))


def _readable(secret: str) -> str:
    """Check the secret and write it in hex. Telethon cuts what it does not speak, silently."""
    value = _decoded(secret)
    if value[:1] == bytes([_FAKE_TLS]) and len(value) > _SECRET_BYTES:
        raise ProxyRefused(_FAKE % {"remedy": WAY_OUT})
    plain = len(value) == _SECRET_BYTES
    padded = len(value) == _SECRET_BYTES + 1 and value[0] == _PADDED
    if not plain and not padded:
        raise ProxyRefused(_LENGTH % {"remedy": WAY_OUT})
    return value.hex()


def _decoded(secret: str) -> bytes:
    try:
        return bytes.fromhex(secret)
    except ValueError:
        pass
    try:
        return base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ProxyRefused(_NEITHER % {"remedy": WAY_OUT}) from None


def _place(host: str | None, port: int | None) -> tuple[str, int]:
    if not host or not port:
        raise ProxyRefused(_NO_PLACE % {"examples": EXAMPLES})
    return host, port
