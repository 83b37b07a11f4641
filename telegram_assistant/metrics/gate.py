"""Decide who may scrape. Metrics contain the ids of tenants, so they are not public."""

from collections.abc import Mapping

from django.conf import settings
from django.utils.crypto import constant_time_compare

from accounts.client_address import is_from_this_host


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
    return is_from_this_host(environ)
