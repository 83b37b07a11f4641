"""A line with a delay, as to a server far away: bytes arrive later, in their order, none is lost."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Final

_CHUNK: Final = 256 * 1024


@contextmanager
def slow_line(host: str, port: int, *, seconds: float) -> Iterator[int]:
    """Relay to the server, each way so many seconds late; yield the port to connect to."""
    loop, ready = asyncio.new_event_loop(), Future[int]()

    async def serve() -> None:
        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection(host, port)
            await asyncio.gather(_late(reader, back, seconds), _late(there, writer, seconds))

        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        ready.set_result(server.sockets[0].getsockname()[1])

    loop.create_task(serve())
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield ready.result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def _late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    try:
        while data := await reader.read(_CHUNK):
            loop.call_later(seconds, writer.write, data)
    finally:
        loop.call_later(seconds, writer.close)
