"""
The sides of `bench.telegram`, each a process of its own: `python -m bench.support.telegram_sides SIDE`.

SIDE is `bare` or `product`. A line of standard input is a turn (a JSON object: port, session,
reference, ids), a line of the output what it took: seconds, and CPU seconds of this process.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.support import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from telethon.sessions import StringSession  # noqa: E402

from media.models import AccountState, Channel, Post, TelegramAccount  # noqa: E402
from media.services.telegram.accounts import access as telegram  # noqa: E402
from media.services.telegram.reading import ingest  # noqa: E402
from media.services.telegram.reading.ingest import Order  # noqa: E402
from media.sources.telegram.adapter import TelethonAccess  # noqa: E402
from media.sources.telegram.client import make_client  # noqa: E402
from media.sources.telegram.endpoint import Endpoint  # noqa: E402
from storage_quota.object_store.files import FileStore  # noqa: E402
from tests import factories as make  # noqa: E402
from tests.storage_fixtures import use  # noqa: E402
from tests.telegram_server import real_endpoint  # noqa: E402

Turn = dict[str, Any]


def main(side: str) -> None:
    work, around = {"bare": (bare, nullcontext()), "product": (product, database.fresh())}[side]
    # What else is printed, such as by the making of a database, is no answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    with around:
        print("{}", file=answers, flush=True)
        for line in sys.stdin:
            turn = json.loads(line)
            turn["session"] = _through(turn["session"], turn["port"])
            took = _measured(lambda t=turn: work(_endpoint(t), t))
            print(json.dumps(took), file=answers, flush=True)


def _endpoint(turn: Turn) -> Endpoint:
    endpoint = real_endpoint()
    assert endpoint.server
    return replace(endpoint, server=replace(endpoint.server, port=turn["port"]))


def _through(session: str, port: int) -> str:
    """
    The session at this port: one that is signed in goes to the address that it remembers,
    whatever the endpoint says.
    """
    stored = StringSession(session)
    stored.set_dc(stored.dc_id, stored.server_address, port)
    return str(StringSession.save(stored))


def _measured(work: Callable[[], float]) -> dict[str, float]:
    """The seconds that the work itself counts, and the CPU of all of it."""
    before = time.process_time()
    seconds = work()
    return {"seconds": seconds, "cpu": time.process_time() - before}


def bare(endpoint: Endpoint, turn: Turn) -> float:
    """Download the photos with `download_media`, as many at a time as the product does."""
    return asyncio.run(_bare(endpoint, turn))


async def _bare(endpoint: Endpoint, turn: Turn) -> float:
    client = make_client(endpoint, turn["session"])
    await client.connect()
    places, ids = asyncio.Semaphore(endpoint.parallel_downloads), turn["ids"]
    with TemporaryDirectory() as folder:

        async def save(message: Any) -> bool:
            async with places:
                path = os.path.join(folder, str(message.id))  # noqa: PTH118 - of a bench
                return bool(await client.download_media(message, file=path))

        began = time.perf_counter()
        pages = [ids[n : n + 100] for n in range(0, len(ids), 100)]
        messages = [m for p in pages for m in await client.get_messages(turn["reference"], ids=p)]
        saved = await asyncio.gather(*map(save, messages))
        seconds = time.perf_counter() - began
    await client.disconnect()
    assert sum(saved) == len(ids), sum(saved)
    return seconds


def product(endpoint: Endpoint, turn: Turn) -> float:
    """Read the channel into an archive that is empty: messages, files, hashes, rows, bucket."""
    tenant = make.tenant()
    account = TelegramAccount.objects.create(tenant=tenant, name="bench", state=AccountState.READY)
    telegram.opener = lambda _: TelethonAccess(endpoint, turn["session"])
    with _empty_bucket(), telegram.connected(account) as access:
        began = time.perf_counter()
        added = ingest.add(access, account, turn["reference"])
        ingest.read_channel(access, added.feed, Order(), card=added.card)
        seconds = time.perf_counter() - began
    stored = Post.objects.filter(tenant=tenant, media_state="stored").count()
    assert stored == len(turn["ids"]), stored
    Channel.objects.filter(tenant=tenant).delete()
    return seconds


@contextmanager
def _empty_bucket() -> Iterator[None]:
    with TemporaryDirectory() as folder:
        settings.VAR_DIR = Path(folder)
        bucket = Path(folder, "objects")
        bucket.mkdir()
        with use(FileStore(bucket)):
            yield


if __name__ == "__main__":
    main(sys.argv[1])
