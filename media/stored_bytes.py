"""
The bytes of an object for a page: a store that is silent is waited for briefly, and by few pages.

The store's own patience is minutes, for imports. A web server has a handful of threads, and one
page of the console shows a hundred pictures.
"""

from collections.abc import Iterator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from events.outage import Silence
from media.models import MAX_MEDIA_BYTES
from storage_quota.object_store import StoreUnavailable, get_store

SILENCE_SECONDS: Final = 5.0
"""How long a page waits for the first bytes of an object."""
CHUNK_BYTES: Final = 64 * 1024

_First = tuple[Iterator[bytes], bytes] | Exception


silence: Final = Silence()


def chunks(key: str) -> Iterator[bytes]:
    """
    The bytes of an object, of which the first have arrived when this returns.

    Raises ObjectMissing, StoreForbidden, and StoreUnavailable after SILENCE_SECONDS at the latest.
    """
    if silence.forbids():
        raise StoreUnavailable("The store has not answered for some seconds")
    arrived: SimpleQueue[_First] = SimpleQueue()
    # No pool: it would keep a server that ends waiting for the store.
    Thread(target=copy_context().run, args=(_begin, key, arrived), daemon=True).start()
    try:
        first = arrived.get(timeout=SILENCE_SECONDS)
    except Empty:
        silence.begin()
        raise StoreUnavailable(f"No answer within {SILENCE_SECONDS:.0f} s for {key}") from None
    silence.end()
    if isinstance(first, Exception):
        raise first
    rest, chunk = first
    return _joined(chunk, rest)


def whole(key: str) -> bytes:
    """All of the bytes, MAX_MEDIA_BYTES at most. Raises as `chunks` does."""
    body = bytearray()
    for chunk in chunks(key):
        body += chunk
        if len(body) >= MAX_MEDIA_BYTES:
            break
    return bytes(body[:MAX_MEDIA_BYTES])


def _begin(key: str, arrived: "SimpleQueue[_First]") -> None:
    """Read the first bytes. Every failure goes to the page, which tells what it knows of."""
    rest = _read(key)
    try:
        arrived.put((rest, next(rest, b"")))
    except Exception as failure:  # noqa: BLE001 - it is raised again, in the thread of the page
        arrived.put(failure)


def _read(key: str) -> Iterator[bytes]:
    with get_store().open(key) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
