"""Whether GigaChat's addresses answer, and whether their certificates are trusted."""

from events.outbound import OutboundRefused, reachability
from events.outbound.reachability import Cause, Unreached
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from vision.providers.gigachat.client import GigaChatConnection, policy, tls
from vision.providers.port import ProviderMisconfigured

_UNTRUSTED = Sentence(
    _(
        "the certificate of %(where)s is not trusted (%(why)s): set GIGACHAT_CA_BUNDLE_FILE to the"
        " root certificate of the Ministry of Digital Development"
    )
)
_NOT_REACHED = Sentence(_("%(where)s is not reached (%(why)s): check %(variable)s"))


def reach(connection: GigaChatConnection) -> list[str]:
    """
    Ask both addresses for nothing; returns one line for each.

    Raises ProviderMisconfigured, which says what to correct.
    """
    return [
        _reach(variable, url, connection)
        for variable, url in (
            ("GIGACHAT_AUTH_URL", connection.auth_url),
            ("GIGACHAT_BASE_URL", connection.base_url),
        )
    ]


def _reach(variable: str, url: str, connection: GigaChatConnection) -> str:
    try:
        return str(reachability.reach(policy(connection), url, verify=tls(connection)))
    except OutboundRefused as refused:
        raise ProviderMisconfigured("provider_address", str(refused)) from refused
    except Unreached as error:
        if error.cause is Cause.CERTIFICATE:
            raise ProviderMisconfigured(
                "provider_certificates",
                _UNTRUSTED % {"where": error.where, "why": error.detail},
            ) from error
        told = {"where": error.where, "why": error.cause, "variable": variable}
        raise ProviderMisconfigured("provider_address", _NOT_REACHED % told) from error
