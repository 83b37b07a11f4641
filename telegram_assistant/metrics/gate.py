"""Decide who may scrape. Metrics contain the ids of tenants, so they are not public."""

import ipaddress
from collections.abc import Mapping
from typing import Final

from django.conf import settings
from django.utils.crypto import constant_time_compare

PROXIED: Final = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_VIA",
)
"""Headers of requests that a proxy on this host has forwarded from another host."""


def is_open_to(environ: Mapping[str, str]) -> bool:
    """
    Whether this request may scrape.

    If METRICS_TOKEN is set, the request needs `Authorization: Bearer …` with it. Otherwise it
    must come from this host, and not through a proxy.
    """
    token = settings.METRICS.token
    if token is not None:
        sent = environ.get("HTTP_AUTHORIZATION", "")
        return constant_time_compare(sent, f"Bearer {token.get_secret_value()}")
    return _is_loopback(environ.get("REMOTE_ADDR", "")) and not any(map(environ.get, PROXIED))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
