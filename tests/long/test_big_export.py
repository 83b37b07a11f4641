"""
An export of 3 GB with pictures, killed on the way and imported to its end: in constant memory.

LONG_EXPORT_GB makes it smaller or larger.
"""

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from events.models import OutboxEvent
from media.models import ImportProblem, ImportRun, MediaObject, Post
from storage_quota.models import Reservation
from tests import peak_memory
from tests.acceptance.product import ROOT, Product, wait_until
from tests.unit.exports import CHANNEL_ID, message

GIGABYTES = float(os.environ.get("LONG_EXPORT_GB", "3"))
TEXT = "Снег " * 819  # as long as Telegram allows: 4 095 characters, 7 371 bytes
MESSAGE_BYTES = 7_500
COUNT = int(GIGABYTES * 1e9 / MESSAGE_BYTES) + 1
PICTURE_EVERY, BROKEN_EVERY = 500, 10_000
MOST_MEMORY_KIB = 400 * 1024
ABSURD = ({"id": 2**70}, {"date_unixtime": "9" * 12}, {"text": {"a": 1}}, {"photo": "../../x"})

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]


def messages(folder: Path) -> Iterator[dict]:
    """A long text each; every 500th has a picture, every 10 000th is absurd in one of four ways."""
    (folder / "photos").mkdir(parents=True)
    for number in range(1, COUNT + 1):
        raw = message(number, text=f"{number} {TEXT}")
        if number % BROKEN_EVERY == 0:
            raw |= ABSURD[number // BROKEN_EVERY % len(ABSURD)]
        elif number % PICTURE_EVERY == 0:
            raw["photo"] = f"photos/{number}.jpg"
            (folder / raw["photo"]).write_bytes(picture(number))
        yield raw


def picture(number: int) -> bytes:
    chance = random.Random(number)
    tile = Image.frombytes("RGB", (16, 16), chance.randbytes(16 * 16 * 3))
    buffer = io.BytesIO()
    tile.resize((640, 480)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path) -> Path:
    needed = GIGABYTES * 1e9 * 4
    if (free := shutil.disk_usage(tmp_path).free) < needed:
        pytest.skip(f"SKIPPED LOUDLY: {free / 1e9:.0f} GB are free here, {needed / 1e9:.0f} needed")
    folder = tmp_path / "export"
    folder.mkdir()
    head = {"name": "Большой канал", "type": "public_channel", "id": CHANNEL_ID}
    with (folder / "result.json").open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "messages": [')
        for number, raw in enumerate(messages(folder)):
            file.write(",\n" if number else "\n")
            file.write(json.dumps(raw, ensure_ascii=False))
        file.write("]}")
    return folder


def importing(folder: Path) -> list[object]:
    return [sys.executable, ROOT / "manage.py", "import_export", folder, "--problems-ok"]


def begin_import(product: Product, folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        importing(folder),
        env=product.environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_an_export_of_gigabytes_comes_in_whole_in_constant_memory(folder, tmp_path):
    size = (folder / "result.json").stat().st_size
    assert size >= GIGABYTES * 1e9
    product = Product(tmp_path / "var")
    product.var_dir.mkdir()
    killed = begin_import(product, folder)
    assert wait_until(lambda: Post.objects.count() >= COUNT // 3, seconds=3600, step=1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = Post.objects.count()
    assert before < COUNT * 0.9

    started = time.monotonic()
    code, peak = peak_memory.run(importing(folder), env=product.environment, cwd=ROOT)
    seconds = time.monotonic() - started

    assert code == 0
    sys.stdout.write(
        f"\n{size / 1e9:.1f} GB, {COUNT} messages, {COUNT // PICTURE_EVERY} pictures:"
        f" {seconds:.0f} s, {COUNT / seconds:.0f} messages/s, peak {peak // 1024} MiB\n"
    )
    assert peak < MOST_MEMORY_KIB
    absurd = [ABSURD[n % len(ABSURD)] for n in range(1, COUNT // BROKEN_EVERY + 1)]
    left_out = sum("photo" not in raw for raw in absurd)
    assert Post.objects.count() == COUNT - left_out
    assert ImportProblem.objects.filter(run=ImportRun.objects.latest("pk")).count() == len(absurd)
    pictures = COUNT // PICTURE_EVERY - COUNT // BROKEN_EVERY
    assert MediaObject.objects.count() == pictures
    assert OutboxEvent.objects.filter(topic="posts.vision.uploaded").count() == pictures
    assert OutboxEvent.objects.filter(topic="posts.parsed").count() == COUNT - left_out
    stored = list((product.var_dir / "objects").rglob("*.jpg"))
    assert len(stored) == pictures
    # A killed import leaves at most two batches reserved; their reservations expire.
    assert Reservation.objects.count() <= 2 * 64
