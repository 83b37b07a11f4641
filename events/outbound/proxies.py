"""
Proxies of the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY.

A proxy resolves the name itself, so it is used only for addresses that the operator named, and
its own address is checked like any other.
"""

from urllib.request import getproxies_environment, proxy_bypass

from events.outbound.errors import Reason
from events.outbound.hosts import OddHost, Origin, origin_of
from events.outbound.policy import Policy


def proxy_for(policy: Policy, origin: Origin) -> str | None:
    """Return the address of the proxy for these requests, None for none. Raises OutboundRefused."""
    if policy.proxies == "ignored":
        return None
    named = getproxies_environment()
    url = named.get(origin.scheme) or named.get("all")
    if not url or proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    if policy.proxies == "refused":
        raise policy.refusal(
            Reason.PROXY,
            "behind a proxy nobody sees which address is reached: unset HTTPS_PROXY, HTTP_PROXY"
            " and ALL_PROXY, or set NO_PROXY=*",
        )
    return url if "://" in url else f"http://{url}"


def origin_of_proxy(policy: Policy, url: str) -> Origin:
    """Read the proxy's own address; its name and password stay out of any message."""
    try:
        proxy = origin_of(url)
    except OddHost as odd:
        raise policy.refusal(Reason.PROXY, f"the proxy of the environment: {odd}") from None
    if proxy.scheme != "http":  # SOCKS, or TLS inside of TLS
        raise policy.refusal(
            Reason.PROXY, f"no proxy with {proxy.scheme}:// is used: name one with http://"
        )
    return proxy
