"""
`python -m bench.telegram`: downloads of a history of 200 photos, against bare Telethon.

Needs an MTProto server (`tests/telegram_server.py` says which variables name it). In turns, the
same photos are downloaded by Telethon's `download_media` with the same number at a time, and read
by the product into an archive that is empty each time: messages, files, hashes, rows, bucket. The
figure is the product's photos a second over Telethon's, medians of the turns: with the server on
this machine, where both share its cores with it, and over a line that answers as late as Telegram.
"""

import asyncio
import io
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.support import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from PIL import Image  # noqa: E402

from accounts.models import Tenant  # noqa: E402
from bench.support import report  # noqa: E402
from bench.support.slow_line import slow_line  # noqa: E402
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
from tests.telegram_server import NAMES, RealWorld, real_endpoint, signed_in  # noqa: E402

PHOTOS = 200
TURNS = 3
NAME = "photos a second, product over bare download_media"
FAR = "the same over a line of 60 ms"
ONE_WAY_SECONDS = 0.03


def main() -> int:
    if missing := [name for name in NAMES if not os.environ.get(name)]:
        why = f"no MTProto server: set {', '.join(missing)}"
        skipped = [report.Figure(name, at_least=0.8, skipped=why) for name in (NAME, FAR)]
        return report.close(skipped)
    endpoint = real_endpoint()
    session = signed_in(endpoint)
    world = RealWorld(endpoint, session)
    server = endpoint.server
    assert server
    try:
        ids = _post_photos(world)
        with database.fresh():
            near = _in_turns(NAME, endpoint, session, world.reference, ids)
            with slow_line(server.host, server.port, seconds=ONE_WAY_SECONDS) as port:
                behind = replace(endpoint, server=replace(server, port=port))
                far = _in_turns(FAR, behind, signed_in(behind), world.reference, ids)
    finally:
        world.close()
    return report.close([*near, *far])


def _in_turns(
    name: str, endpoint: Endpoint, session: str, reference: str, ids: Sequence[int]
) -> list[report.Figure]:
    bare, product = [], []
    _product(endpoint, session, reference)  # what is loaded once is no figure
    for _ in range(TURNS):
        bare.append(asyncio.run(_bare(endpoint, session, reference, ids)))
        product.append(_product(endpoint, session, reference))
    return [
        report.Figure(name, median(product) / median(bare), at_least=0.8),
        report.Figure("bare download_media", median(bare), unit="/s"),
        report.Figure("product", median(product), unit="/s"),
    ]


def _post_photos(world: RealWorld) -> list[int]:
    return [world.file(_photo(number)) for number in range(PHOTOS)]


def _photo(number: int) -> io.BytesIO:
    file = io.BytesIO()
    Image.effect_noise((640, 480), 20 + number % 90).save(file, "JPEG", quality=80)
    file.seek(0)
    file.name = f"{number}.jpg"
    return file


async def _bare(endpoint: Any, session: str, reference: str, ids: Sequence[int]) -> float:
    client = make_client(endpoint, session)
    await client.connect()
    turns = asyncio.Semaphore(endpoint.parallel_downloads)
    with TemporaryDirectory() as folder:

        async def save(message: Any) -> bool:
            async with turns:
                path = os.path.join(folder, str(message.id))  # noqa: PTH118 - of a bench
                return bool(await client.download_media(message, file=path))

        began = time.perf_counter()
        messages = [
            m for n in (0, 100) for m in await client.get_messages(reference, ids=ids[n : n + 100])
        ]
        saved = await asyncio.gather(*map(save, messages))
        seconds = time.perf_counter() - began
    assert sum(saved) == PHOTOS, sum(saved)
    await client.disconnect()
    return PHOTOS / seconds


def _product(endpoint: Any, session: str, reference: str) -> float:
    tenant = make.tenant()
    account = TelegramAccount.objects.create(tenant=tenant, name="bench", state=AccountState.READY)
    telegram.opener = lambda _: TelethonAccess(endpoint, session)
    with TemporaryDirectory() as folder:
        settings.VAR_DIR = Path(folder)
        bucket = Path(folder, "objects")
        bucket.mkdir()
        with use(FileStore(bucket)), telegram.connected(account) as access:
            began = time.perf_counter()
            added = ingest.add(access, account, reference)
            ingest.read_channel(access, added.feed, Order(), card=added.card)
            seconds = time.perf_counter() - began
    stored = Post.objects.filter(tenant=tenant, media_state="stored").count()
    assert stored == PHOTOS
    _forget(tenant)
    return PHOTOS / seconds


def _forget(tenant: Tenant) -> None:
    """So that the next turn downloads everything again."""
    Channel.objects.filter(tenant=tenant).delete()


if __name__ == "__main__":
    sys.exit(main())
