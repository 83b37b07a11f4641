"""Whether a server that speaks HTTP answers, whether its certificate is trusted, and its clock."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from events.errors import DomainError
from events.outbound.policy import Policy
from events.sentences import Sentence
from events.sentences import gettext_noop as _

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 8.0


class Cause(StrEnum):
    """Why a server was not reached."""

    NAME = _("its name is not known")
    REFUSED = _("nobody listens there")
    SILENT = _("no answer in time")
    CERTIFICATE = _("its certificate is not trusted")
    TLS = _("no TLS is spoken there")
    OTHER = _("no connection")


REMEDIES: Final = {
    Cause.NAME: _("check the spelling, and the name server of this host"),
    Cause.REFUSED: _("check the port, and whether the service runs"),
    Cause.SILENT: _("a firewall may swallow it: open the address, or set a proxy (HTTPS_PROXY)"),
    Cause.CERTIFICATE: "; ".join(
        (
            _("name the bundle of the authority that signed it"),
            _("check this host's clock"),
        )
    ),
    Cause.TLS: _("check the port, and whether it is https:// or http://"),
    Cause.OTHER: _("check the network of this host"),
}
_WITH_DETAIL: Final = (
    Sentence(_("its certificate is not trusted (%(detail)s)")),
    Sentence(_("no TLS is spoken there (%(detail)s)")),
    Sentence(_("no connection (%(detail)s)")),
)
"""The causes that have one, as `Unreached` says them."""
_OPEN: Final = Sentence(_("%(where)s without TLS"))
_UNVERIFIED: Final = Sentence(_("%(where)s %(tls)s, certificate not verified"))
_VERIFIED: Final = Sentence(_("%(where)s %(tls)s, certificate valid until %(until)s"))


class Unreached(DomainError):
    """A server was not reached."""

    code: ClassVar[str] = "unreached"
    http_status: ClassVar[int] = 503

    def __init__(self, where: str, cause: Cause, detail: str) -> None:
        super().__init__(f"{where}: {cause}{f' ({detail})' if detail else ''}")
        self.where, self.cause, self.detail = where, cause, detail
        self.remedy = REMEDIES[cause]


@dataclass(frozen=True, slots=True)
class Reached:
    """
    Host and port; the version of TLS, empty without; whether the certificate was verified, and
    until when it is valid. `ahead` is the server's time less ours, None where it does not say it.
    """

    where: str
    tls: str = ""
    is_verified: bool = False
    valid_until: str = ""
    ahead: timedelta | None = None

    def __str__(self) -> str:
        if not self.tls:
            return _OPEN % {"where": self.where}
        if not self.is_verified:
            return _UNVERIFIED % {"where": self.where, "tls": self.tls}
        until = self.valid_until or "?"
        return _VERIFIED % {"where": self.where, "tls": self.tls, "until": until}


def reach(policy: Policy, url: str, *, verify: ssl.SSLContext | None = None) -> Reached:
    """
    Ask for the head of `/`, through the proxy of the environment where there is one.

    Whatever the answer says, the server is reached. Raises Unreached and OutboundRefused.
    """
    brief = replace(
        policy, connect_seconds=CONNECT_SECONDS, read_seconds=TOTAL_SECONDS,
        total_seconds=TOTAL_SECONDS, redirects=0,
    )  # fmt: skip
    import httpx  # noqa: PLC0415 - late

    from events.outbound.client import client  # noqa: PLC0415 - late

    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    try:
        with (
            client(brief, verify=verify, max_connections=1) as http,
            http.stream("HEAD", f"{parts.scheme}://{parts.netloc}/") as answer,
        ):
            return _described(where, answer)
    except httpx.HTTPError as error:
        raise unreached(where, error) from error


def unreached(where: str, error: BaseException) -> Unreached:
    """Say why a connection failed, from the first of its causes that tells."""
    import httpx  # noqa: PLC0415 - late

    for one in _causes(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            return Unreached(where, Cause.CERTIFICATE, one.verify_message)
        if isinstance(one, ssl.SSLError):
            return Unreached(where, Cause.TLS, one.reason or "")
        if isinstance(one, socket.gaierror):
            return Unreached(where, Cause.NAME, "")
        if isinstance(one, ConnectionRefusedError):
            return Unreached(where, Cause.REFUSED, "")
        if isinstance(one, TimeoutError | httpx.TimeoutException):
            return Unreached(where, Cause.SILENT, "")
    return Unreached(where, Cause.OTHER, f"{type(error).__name__}: {error}"[:200])


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what it came from, the innermost first."""
    if error is not None:
        yield from _causes(error.__cause__ or error.__context__)
        yield error


def _described(where: str, answer: "httpx.Response") -> Reached:
    ahead = _ahead(answer.headers.get("date", ""))
    secure = answer.extensions["network_stream"].get_extra_info("ssl_object")
    if secure is None:
        return Reached(where, ahead=ahead)
    certificate = secure.getpeercert() or {}
    return Reached(
        where,
        tls=secure.version() or "TLS",
        is_verified=secure.context.verify_mode is ssl.CERT_REQUIRED,
        valid_until=str(certificate.get("notAfter", "")),
        ahead=ahead,
    )


def _ahead(date: str) -> timedelta | None:
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(date).astimezone(UTC) - datetime.now(UTC)
    return None
