"""Whether GigaChat's addresses answer, and whether their certificates are trusted. Sends nothing."""

import ssl
from typing import Final
from urllib.parse import urlsplit

from events.outbound import OutboundRefused, connect
from vision.providers.gigachat.client import GigaChatConnection, policy, tls
from vision.providers.port import ProviderMisconfigured

SECONDS: Final = 8.0


def reach(connection: GigaChatConnection) -> list[str]:
    """
    Connect to both addresses; returns one line for each.

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
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with connect(policy(connection), host, port, timeout=SECONDS) as plain:
            plain.settimeout(SECONDS)
            if parts.scheme != "https":
                return f"{host}:{port} without TLS"
            with tls(connection).wrap_socket(plain, server_hostname=host) as secure:
                return f"{host}:{port} {_described(secure, connection)}"
    except OutboundRefused as refused:
        raise ProviderMisconfigured("provider_address", str(refused)) from refused
    except ssl.SSLCertVerificationError as error:
        raise ProviderMisconfigured(
            "provider_certificates",
            f"the certificate of {host}:{port} is not trusted ({error.verify_message}): set"
            " GIGACHAT_CA_BUNDLE_FILE to the root certificate of the Ministry of Digital Development",
        ) from error
    except OSError as error:
        raise ProviderMisconfigured(
            "provider_address", f"{host}:{port} is not reached ({error}): check {variable}"
        ) from error


def _described(secure: ssl.SSLSocket, connection: GigaChatConnection) -> str:
    if not connection.verify_ssl:
        return f"{secure.version()}, certificate not verified"
    certificate = secure.getpeercert() or {}
    return f"{secure.version()}, certificate valid until {certificate.get('notAfter', '?')}"
