"""Who may scrape. Figures name tenants by their ids, so they are not for everybody."""

import ipaddress
from collections.abc import Mapping
from typing import Final

from django.conf import settings
from django.utils.crypto import constant_time_compare

PROXIED: Final = (
    "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP",
    "HTTP_FORWARDED", "HTTP_VIA",
)  # fmt: skip
"""Of a request that a proxy on this host took from somebody else."""


def is_open_to(environ: Mapping[str, str]) -> bool:
    """
    With METRICS_TOKEN, whoever brings it as `Authorization: Bearer …`, from wherever.

    Without, whoever asks from this very host, and not through a proxy.
    """
    token = settings.METRICS.token
    if token is not None:
        brought = environ.get("HTTP_AUTHORIZATION", "")
        return constant_time_compare(brought, f"Bearer {token.get_secret_value()}")
    return _is_loopback(environ.get("REMOTE_ADDR", "")) and not any(map(environ.get, PROXIED))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
