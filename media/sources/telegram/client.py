"""The one place where a client of Telethon is made, with all that the operator has configured."""

import logging
from collections.abc import Callable
from typing import Any, Final

from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.network import connection as transports
from telethon.sessions import StringSession

from events.outbound import purposes
from events.outbound.policy import Policy
from media.sources.telegram.endpoint import Endpoint
from media.sources.telegram.proxies import Proxy

_TRANSPORTS: Final = {
    "full": transports.ConnectionTcpFull,
    "abridged": transports.ConnectionTcpAbridged,
    "intermediate": transports.ConnectionTcpIntermediate,
    "obfuscated": transports.ConnectionTcpObfuscated,
}
_CONNECT_SECONDS: Final = 15
_DEVICE: Final = "Telegram Assistant"
_quiet = logging.getLogger("media.telegram.protocol")
# Telethon writes ids of people, channels and messages, and parts of texts: nothing of it below a
# warning is of use to an operator, and nothing of it at all may stand in a log.
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


class Client(TelegramClient):  # type: ignore[misc]  # Telethon has no types
    """Telethon's client, which says when its connection is back."""

    reconnected: Callable[[], None] | None = None

    async def _handle_auto_reconnect(self) -> None:
        # A private method of 1.45, called after a reconnection. What is public says nothing.
        await super()._handle_auto_reconnect()
        if self.reconnected:
            self.reconnected()


def make_client(endpoint: Endpoint, session: str = "") -> Client:
    """Make a client that is not connected yet; `session` is as `saved` returns it, or empty."""
    stored = StringSession(session or None)
    if server := endpoint.server:
        rsa.add_key(server.public_key, old=False)
        if stored.auth_key is None:
            stored.set_dc(server.dc, server.host, server.port)
    return Client(
        stored,
        endpoint.api_id,
        endpoint.api_hash,
        connection=_transport(endpoint),
        proxy=_proxy(endpoint.proxy),
        use_ipv6=False,
        timeout=_CONNECT_SECONDS,
        request_retries=3,
        connection_retries=5,
        retry_delay=2,
        auto_reconnect=True,
        # Waits are taken by `caller`, which counts them and knows what may be put to rest.
        flood_sleep_threshold=0,
        device_model=_DEVICE,
        receive_updates=False,
        base_logger=_quiet,
    )


def saved(client: Client) -> str:
    """The session as text: whoever has it is signed in."""
    return str(StringSession.save(client.session))


def _transport(endpoint: Endpoint) -> Any:
    """The class of the connections, which go where the guard of outbound requests lets them."""
    proxy = endpoint.proxy
    if proxy and proxy.kind == "mtproto":
        padded = transports.ConnectionTcpMTProxyRandomizedIntermediate
        base = padded if proxy.is_padded else transports.ConnectionTcpMTProxyIntermediate
    else:
        base = _TRANSPORTS[endpoint.transport]
    # Behind a proxy the address of the server is the proxy's business, and its own was named.
    setting = "TELEGRAM_PROXY" if proxy else "TELEGRAM_TEST_DC" if endpoint.server else ""
    return _guarded(base, purposes.telegram(setting=setting, private=bool(setting)))


def _guarded(base: Any, policy: Policy) -> Any:
    async def connect(self: Any, **more: Any) -> None:
        policy.admit_connection(self._ip, self._port)
        if not self._ip.rpartition(".")[2].isalpha():  # servers are addresses, proxies may be names
            policy.admit_address(self._ip, self._port, self._ip)
        await base._connect(self, **more)  # noqa: SLF001 - Telethon's own hook

    return type(f"Guarded{base.__name__}", (base,), {"_connect": connect})


def _proxy(proxy: Proxy | None) -> Any:
    if proxy is None:
        return None
    if proxy.kind == "mtproto":
        return proxy.host, proxy.port, proxy.secret
    return {
        "proxy_type": proxy.kind,
        "addr": proxy.host,
        "port": proxy.port,
        "username": proxy.username or None,
        "password": proxy.password or None,
        "rdns": True,
    }
