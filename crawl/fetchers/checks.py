"""System checks: whether pages can be fetched from here, as far as that shows without a request."""

from typing import Any

from django.core import checks

from crawl.settings import is_on
from events.management.json_command import CONFIGURATION
from events.outbound import Origin, OutboundRefused, purposes
from events.outbound.proxies import EnvironmentProxies
from events.sentences import gettext_noop as _


@checks.register(CONFIGURATION)
def no_proxy_is_in_the_way(**_options: Any) -> list[checks.CheckMessage]:
    """Whether the environment names a proxy, behind which nothing is fetched; a warning: all else works."""
    if not is_on():
        return []
    try:
        EnvironmentProxies(purposes.crawler()).proxy_for(Origin("https", "example.org", 443))
    except OutboundRefused as refusal:
        hint = _("pages wait until it is gone, and the workers are started again")
        return [checks.Warning(str(refusal), id="crawl.W001", hint=hint)]
    return []
