"""Whether GigaChat's addresses answer, and whether their certificates are trusted."""

from events.outbound import OutboundRefused, reachability
from events.outbound.reachability import Cause, Unreached
from vision.providers.gigachat.client import GigaChatConnection, policy, tls
from vision.providers.port import ProviderMisconfigured


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
                f"the certificate of {error.where} is not trusted ({error.detail}): set"
                " GIGACHAT_CA_BUNDLE_FILE to the root certificate of the Ministry of Digital"
                " Development",
            ) from error
        raise ProviderMisconfigured(
            "provider_address", f"{error.where} is not reached ({error.cause}): check {variable}"
        ) from error
