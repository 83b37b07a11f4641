"""Whether a server of Telegram answers, asked as a stranger: no session is used, nothing is sent."""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from telethon.client.telegrambaseclient import DEFAULT_DC_ID, DEFAULT_IPV4_IP, DEFAULT_PORT
from telethon.sessions import StringSession

from events.outbound import connect, purposes
from events.outbound.reachability import unreached
from media.sources.telegram.client import make_client
from media.sources.telegram.endpoint import Endpoint
from media.sources.telegram.failures import Unreachable
from media.sources.telegram.loop import LoopThread

SECONDS: Final = 5.0
NO_KEY: Final = (
    "it is connected, and no key is agreed on: another server than Telegram's answers, or somebody"
    " in between cuts the connection"
)


@dataclass(frozen=True, slots=True, order=True)
class DataCenter:
    """A server of Telegram: number of its data center, address and port."""

    dc: int
    host: str
    port: int

    def __str__(self) -> str:
        return f"data center {self.dc} at {self.host}:{self.port}"


def data_center(endpoint: Endpoint, session: str = "") -> DataCenter:
    """The server that this session is connected to; without one, where a sign-in begins."""
    stored = make_client(endpoint, session).session
    if not stored.server_address:  # Telethon chooses when it connects
        return DataCenter(DEFAULT_DC_ID, DEFAULT_IPV4_IP, DEFAULT_PORT)
    return DataCenter(stored.dc_id, stored.server_address, stored.port)


def reach(endpoint: Endpoint, at: DataCenter) -> timedelta:
    """
    Connect, through the proxy where there is one, and agree on a key with the server.

    Only Telegram's own can do that, as TLS shows of others. Returns the server's time less ours.
    Raises Unreached where nobody answers, and Unreachable where no key is agreed on.
    """
    _open(endpoint, at)
    thread = LoopThread("telegram-reach")
    try:
        return thread.run(asyncio.wait_for(_agree(endpoint, at), SECONDS), timeout=2 * SECONDS)
    except (ConnectionError, TimeoutError, OSError, ValueError) as error:
        raise Unreachable(NO_KEY) from error
    finally:
        thread.close()


def _open(endpoint: Endpoint, at: DataCenter) -> None:
    """Connect to the proxy or the server and close it again: Telethon says of no failure why."""
    proxy, own = endpoint.proxy, endpoint.server
    setting = "TELEGRAM_PROXY" if proxy else "TELEGRAM_TEST_DC" if own else ""
    host, port = (proxy.host, proxy.port) if proxy else (at.host, at.port)
    try:
        connect(
            purposes.telegram(setting=setting, private=bool(setting)), host, port, timeout=SECONDS
        ).close()
    except (OSError, ssl.SSLError) as error:
        raise unreached(f"{'the proxy ' if proxy else ''}{host}:{port}", error) from error


async def _agree(endpoint: Endpoint, at: DataCenter) -> timedelta:
    client = make_client(endpoint)
    session: StringSession = client.session
    session.set_dc(at.dc, at.host, at.port)
    try:
        await client.connect()
        return timedelta(seconds=client._sender._state.time_offset)  # noqa: SLF001 - nothing public has it
    finally:
        await client.disconnect()
