"""
The network from here to each address that is configured, for `doctor --network`.

Of each: whether it is reached, whether its certificate is verified, how far its clock is from this
host's, and what to do. Telegram's own check is `media.services.telegram.network`.
"""

import smtplib
import ssl
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.core import mail

from events import health
from events.health import Finding, Scope, Status, failed, ok, skipped, warning
from events.health.registry import Probe
from events.outbound import OddHost, OutboundRefused, Policy, purposes
from events.outbound.client import tls_context
from events.outbound.reachability import TOTAL_SECONDS, Cause, Reached, Unreached, reach, unreached
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from graph import health as graph_health
from graph.store import connection as graph
from storage_quota.health import CLOCK_FAILS, CLOCK_WARNS
from vision import providers
from vision.providers.gigachat.client import policy as gigachat_policy
from vision.providers.gigachat.client import tls as gigachat_tls
from vision.providers.port import ProviderMisconfigured

PREFIX: Final = "network_"
REMEDY: Final = _("check the network of this host, its name server and HTTPS_PROXY")
MAIL: Final = _("see EMAIL_HOST, EMAIL_PORT, EMAIL_SECURITY")
NTP: Final = _("let this host set its clock by NTP")
_SEE: Final = Sentence(_("see %(variable)s"))
_CORRECT: Final = Sentence(_("correct %(variable)s"))
_CLOCK: Final = Sentence(_("%(reached)s; its clock is %(seconds)s s from this host's"))
_REFUSES: Final = Sentence(_("%(where)s refuses the name or the password"))
_OTHERWISE: Final = Sentence(_("%(where)s speaks otherwise (%(why)s)"))
Address = tuple[str, str, Policy, ssl.SSLContext | None]
"""Variable, address, rules, and what its certificate is verified by (None: as usual)."""


def register() -> None:
    for name, addresses in (
        ("s3", _s3), ("gigachat", _gigachat), ("qdrant", _qdrant), ("encoder", _encoder),
        ("sign_in", _identities), ("crawl4ai", _crawl4ai),
    ):  # fmt: skip
        _register(name, partial(_over_http, addresses), seconds=4 * TOTAL_SECONDS)
    _register("neo4j", neo4j, seconds=15)
    _register("smtp", smtp, seconds=20)


def _register(name: str, probe: Probe, *, seconds: float) -> None:
    health.register(f"{PREFIX}{name}", probe, scope=Scope.DOCTOR, remedy=REMEDY, seconds=seconds)


def _over_http(addresses: Callable[[], Iterable[Address]]) -> Iterator[Finding | str]:
    found = False
    try:
        for variable, url, policy, verify in addresses():
            found = True
            yield variable
            yield _of_http(variable, url, policy, verify)
    except (OddHost, ProviderMisconfigured) as refusal:
        yield failed(str(refusal), _("correct the setting"))
        return
    if not found:
        yield skipped(_("not configured"))


def _of_http(variable: str, url: str, policy: Policy, verify: ssl.SSLContext | None) -> Finding:
    try:
        return judged(reach(policy, url, verify=verify))
    except Unreached as refusal:
        return failed(str(refusal), f"{refusal.remedy}; {_SEE % {'variable': variable}}")
    except OutboundRefused as refusal:
        return failed(str(refusal), _CORRECT % {"variable": variable})


def judged(found: Reached) -> Finding:
    """What a reached server's certificate and clock mean."""
    ahead = found.ahead
    if ahead is not None and abs(ahead) > CLOCK_WARNS:
        told = _CLOCK % {"reached": found, "seconds": f"{ahead.total_seconds():+.0f}"}
        return (failed if abs(ahead) > CLOCK_FAILS else warning)(told, NTP)
    if found.tls and not found.is_verified:
        return warning(str(found), _("verify it: name the bundle of its authority instead"))
    clock = _("its clock is not told") if ahead is None else _("the clocks agree")
    return ok(f"{found}; {clock}")


def _s3() -> Iterator[Address]:
    given = settings.S3
    if not given.configured:
        return
    bundle = given.certificates if isinstance(given.certificates, str) else None
    verify = tls_context(bundle, verified=given.certificates is not False)
    policy = purposes.bucket(given.endpoint_url, given.bucket_name)
    yield "S3_ENDPOINT_URL", given.endpoint_url, policy, verify


def _gigachat() -> Iterator[Address]:
    provider = providers.get_gigachat()
    if provider is None:
        return
    to = provider.connection
    for variable, url in (("GIGACHAT_AUTH_URL", to.auth_url), ("GIGACHAT_BASE_URL", to.base_url)):
        yield variable, url, gigachat_policy(to), gigachat_tls(to)


def _qdrant() -> Iterator[Address]:
    if settings.QDRANT.configured:
        url = settings.QDRANT.url
        yield "QDRANT_URL", url, purposes.vectors(url, seconds=TOTAL_SECONDS), None


def _encoder() -> Iterator[Address]:
    given = settings.SEARCH
    if given.encoder == "openai":
        has_key = bool(given.openai_api_key.get_secret_value())
        policy = purposes.encoder(given.openai_url, seconds=TOTAL_SECONDS, has_key=has_key)
        yield "SEARCH_OPENAI_URL", given.openai_url, policy, None


def _identities() -> Iterator[Address]:
    if settings.OIDC.configured:
        url = settings.OIDC.issuer_url
        yield "OIDC_ISSUER_URL", url, purposes.identities(url), None


def _crawl4ai() -> Iterator[Address]:
    given = settings.CRAWL
    if given.crawl4ai_url:
        policy = purposes.page_service(
            given.crawl4ai_url, seconds=TOTAL_SECONDS, most_bytes=2**20, has_key=False
        )
        yield "CRAWL4AI_URL", given.crawl4ai_url, policy, None


def neo4j() -> Iterator[Finding | str]:
    """Whether the graph answers, by its own check; TLS is what its address says."""
    [found] = graph_health.answers()
    if found.status is not Status.OK or settings.NEO4J.embedded:
        yield found
        return
    scheme, _, where = settings.NEO4J.url.partition("://")
    told = graph.ask("RETURN timestamp() AS now")[0]["now"]  # milliseconds
    ahead = datetime.fromtimestamp(told / 1000, tz=UTC) - datetime.now(UTC)
    # `+ssc` takes a certificate that the server made out itself.
    tls = "TLS" if scheme.endswith(("+s", "+ssc")) else ""
    yield judged(Reached(where, tls, is_verified=scheme.endswith("+s"), ahead=ahead))


def smtp() -> Iterator[Finding | str]:
    """Whether the mail server lets this installation in, by the client that sends its mail."""
    given = settings.EMAIL
    if not given.configured:
        yield skipped(_("not configured"))
        return
    where = f"{given.host}:{given.port}"
    sender: Any = mail.get_connection(timeout=TOTAL_SECONDS)
    try:
        sender.open()
        yield judged(_of_mail(where, sender.connection.sock))
    except smtplib.SMTPAuthenticationError:
        yield failed(_REFUSES % {"where": where}, _("check EMAIL_HOST_USER"))
    except smtplib.SMTPException as error:
        refusal = unreached(where, error)
        if refusal.cause is Cause.SILENT:  # smtplib calls this a connection that was closed
            yield failed(str(refusal), f"{refusal.remedy}; {MAIL}")
            return
        told = _OTHERWISE % {"where": where, "why": type(error).__name__}
        yield failed(told, _("check EMAIL_SECURITY"))
    except OSError as error:
        refusal = unreached(where, error)
        yield failed(str(refusal), f"{refusal.remedy}; {MAIL}")
    finally:
        sender.close()


def _of_mail(where: str, connection: Any) -> Reached:
    """Django's client verifies each certificate. SMTP says no time."""
    if not isinstance(connection, ssl.SSLSocket):
        return Reached(where)
    certificate = connection.getpeercert() or {}
    return Reached(
        where, connection.version() or "TLS", is_verified=True,
        valid_until=str(certificate.get("notAfter", "")),
    )  # fmt: skip
