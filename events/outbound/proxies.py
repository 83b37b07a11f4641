"""
Proxies of the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY.

A proxy resolves the name itself, so it is used only for addresses that the operator named, and
its own address is checked like any other.
"""

from urllib.request import getproxies_environment, proxy_bypass

from events.outbound.errors import Reason
from events.outbound.hosts import OddHost, Origin, origin_of
from events.outbound.policy import Policy


class EnvironmentProxies:
    """The proxies of the environment as it was when the client was made; reading it takes long."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._named = {} if policy.proxies == "ignored" else getproxies_environment()

    def proxy_for(self, origin: Origin) -> str | None:
        """Return the address of the proxy for these requests, None for none."""
        url = self._named.get(origin.scheme) or self._named.get("all")
        if not url or proxy_bypass(f"{origin.host}:{origin.port}"):
            return None
        if self._policy.proxies == "refused":
            raise self._policy.refusal(
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
