"""How Telegram is reached: the application, the proxy, and the server where it is not Telegram's."""

from dataclasses import dataclass, field

from media.sources.telegram.proxies import Proxy


@dataclass(frozen=True, slots=True)
class Server:
    """A server of one's own: number of its data center, address, and public key (PKCS#1 PEM)."""

    dc: int
    host: str
    port: int
    public_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    `transport` is full, abridged, intermediate or obfuscated; an MTProto proxy has its own.

    `requests_per_second` paces one account; `parallel_downloads` of files run at the same time.
    """

    api_id: int
    api_hash: str = field(repr=False)
    proxy: Proxy | None = None
    transport: str = "full"
    server: Server | None = None
    requests_per_second: float = 5.0
    parallel_downloads: int = 4
