"""
Builds the SDK's client from our settings alone; its requests go through `events.outbound`.

The SDK reads GIGACHAT_* from the environment as well: variables that our settings do not have
(GIGACHAT_USER, …_FLAGS, …_MAX_RETRIES) and one that resembles ours (GIGACHAT_VERIFY_SSL_CERTS).
`connect` overrides all of them, so that `telegram_assistant.config` alone reads the environment.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from events.outbound import OddHost, Policy, purposes
from events.outbound.client import client as outbound_client
from events.outbound.client import tls_context
from events.sentences import Sentence, gettext_noop
from vision.providers.port import ProviderMisconfigured

if TYPE_CHECKING:
    from gigachat import GigaChat

_ODD_ADDRESS = Sentence(gettext_noop("check GIGACHAT_BASE_URL and GIGACHAT_AUTH_URL: %(why)s"))


@dataclass(frozen=True, slots=True)
class GigaChatConnection:
    """Addresses and credentials. `authorization_key` is base64 of `client_id:client_secret`."""

    authorization_key: str = field(repr=False)
    base_url: str
    auth_url: str
    scope: str
    timeout_seconds: float
    verify_ssl: bool = True
    ca_bundle_file: Path | None = None
    max_connections: int = 10


def connect(connection: GigaChatConnection) -> "GigaChat":
    """
    Build a client that threads may share. It opens no connection yet, so it survives a fork.

    The SDK's own retries stay off: they would block a worker, while a delivery that is given back
    waits in the database.
    """
    from gigachat import GigaChat  # noqa: PLC0415 - late
    from gigachat.settings import Settings  # noqa: PLC0415 - late

    ours = {
        "credentials": connection.authorization_key,
        "base_url": connection.base_url.rstrip("/"),
        "auth_url": connection.auth_url,
        "scope": connection.scope,
        "timeout": connection.timeout_seconds,
        "verify_ssl_certs": connection.verify_ssl,
        "ssl_context": tls(connection),
        "max_connections": connection.max_connections,
        "max_retries": 0,
    }
    nothing = dict.fromkeys(
        ("access_token", "user", "password", "ca_bundle_file", "cert_file", "key_file"), ""
    )
    client = GigaChat(**ours, **nothing)  # type: ignore[arg-type]
    # The SDK takes None for "read it from the environment", so the rest can only be reset afterwards.
    for name, setting in Settings.model_fields.items():
        if name not in ours:
            setattr(client._settings, name, setting.default)  # noqa: SLF001
    _guard(client, connection)
    return client


def policy(connection: GigaChatConnection) -> Policy:
    """Where requests may go. Raises ProviderMisconfigured where an address is none."""
    try:
        return purposes.provider(
            (connection.base_url, connection.auth_url),
            setting="GIGACHAT_BASE_URL and GIGACHAT_AUTH_URL",
            seconds=connection.timeout_seconds,
        )
    except OddHost as odd:
        raise ProviderMisconfigured("provider_address", _ODD_ADDRESS % {"why": odd}) from odd


def _guard(client: "GigaChat", connection: GigaChatConnection) -> None:
    """Give the SDK the two clients that it would make at its first requests."""
    rules, verify = policy(connection), client._settings.ssl_context  # noqa: SLF001
    client._client_instance = outbound_client(  # noqa: SLF001
        rules,
        base_url=client._settings.base_url,  # noqa: SLF001
        verify=verify,
        max_connections=connection.max_connections,
    )
    client._auth_client_instance = outbound_client(rules, verify=verify)  # noqa: SLF001


def tls(connection: GigaChatConnection) -> ssl.SSLContext:
    """Answer the TLS context. Raises OSError where the bundle is not a file of PEM certificates."""
    return tls_context(connection.ca_bundle_file, verified=connection.verify_ssl)
