"""
The SDK's client, built from our settings and from nothing else.

The SDK reads GIGACHAT_* itself, also variables that we do not have (GIGACHAT_USER, …_FLAGS,
…_MAX_RETRIES) and one that ours is easily mistaken for (GIGACHAT_VERIFY_SSL_CERTS). Two places
that read the same environment differently are one too many.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from gigachat import GigaChat
from gigachat.settings import Settings


@dataclass(frozen=True, slots=True)
class Connection:
    """Where GigaChat is and who asks. `authorization_key` is base64 of client_id:client_secret."""

    authorization_key: str = field(repr=False)
    base_url: str
    auth_url: str
    scope: str
    timeout_seconds: float
    verify_ssl: bool = True
    ca_bundle_file: Path | None = None
    max_connections: int = 10


def connect(connection: Connection) -> GigaChat:
    """
    A client that may be shared by threads. It opens no connection yet, so it survives a fork.

    The SDK's own retries stay off: waiting is done with the delivery given back, not in a worker.
    """
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
    # The SDK takes None for "not given", so the rest can only be set back afterwards.
    for name, setting in Settings.model_fields.items():
        if name not in ours:
            setattr(client._settings, name, setting.default)  # noqa: SLF001
    return client


def tls(connection: Connection) -> ssl.SSLContext:
    """Raises OSError where the bundle is not a file of PEM certificates."""
    context = ssl.create_default_context(cafile=connection.ca_bundle_file)
    if not connection.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
