"""
GigaChat's concurrency limit is used in full, and never exceeded.

A stub answers after one second, ten calls at a time, from a process of its own; one cluster of
real workers analyzes distinct photos of about 200 KB: fetch, decode, hash, shrink, upload, ask,
delete, settle. Bound: 0.95 of the ten pictures a second that ten calls at a time can do. Then
three clusters share a limit of one: never two calls in flight. Each picture is paid for once.
"""

import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from PIL import Image  # noqa: E402

from telegram_assistant.config import GigaChat  # noqa: E402
from tests.factories import Archive  # noqa: E402
from tests.gigachat_stub import CLIENT_ID, CLIENT_SECRET  # noqa: E402
from vision import handlers  # noqa: E402
from vision.models import PaidAnalysis  # noqa: E402

PICTURES, CALLS, LATENCY, LEAST = 260, 10, 1.0, 0.95
FEW, SHORT = 24, 0.2
LIMIT = 240.0
"""Seconds after which a run counts as stuck."""
TABLES = ("channels", "media_objects", "posts", "events_outboxevent", "events_delivery",
          "vision_picture_look", "vision_token_budget", "picture_hashes", "django_q_ormq",
          "storage_quota_storedobject", "tenant_storage_usage")  # fmt: skip


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench_") as scratch, database.fresh() as name:
        settings.OBJECTS_DIR = Path(scratch, "objects")
        rate, stats = _sustained(name)
        single = _single(name)
    ratio = rate * LATENCY / CALLS
    once = stats["answers"] == stats["pictures_seen"] == PICTURES
    print(f"   {CALLS} at once  {rate:>6.2f} pictures/s   (the stub can do {CALLS / LATENCY:.0f})")
    print(f"   ratio       {ratio:>6.3f}              (must be ≥ {LEAST})")
    print(f"   at most     {stats['max_in_flight']:>6} in flight    (must be ≤ {CALLS})")
    print(f"   paid once   {stats['answers']:>6} answers for {PICTURES} pictures")
    print(f"   limit 1, 3 clusters: at most {single['max_in_flight']} in flight (must be 1)")
    holds = ratio >= LEAST and once and stats["max_in_flight"] <= CALLS
    return 0 if holds and single["max_in_flight"] == 1 and single["answers"] == FEW else 1


def _sustained(name: str) -> tuple[float, dict[str, int]]:
    """Timed between the first and the last tenth, while the limit is reached."""
    with _stub(latency=LATENCY, parallel=CALLS) as stub:
        _fill(PICTURES, calls=CALLS)
        with _clusters(name, stub, calls=CALLS, count=1):
            first = _when(PICTURES // 10)
            last = _when(PICTURES - PICTURES // 10)
            _when(PICTURES)
        return (PICTURES - 2 * (PICTURES // 10)) / (last - first), _stats(stub)


def _single(name: str) -> dict[str, int]:
    with _stub(latency=SHORT, parallel=CALLS) as stub:
        database.empty(*TABLES)
        _fill(FEW, calls=1)
        with _clusters(name, stub, calls=1, count=3):
            _when(FEW)
        return _stats(stub)


def _fill(count: int, *, calls: int) -> None:
    """Publish posts as workers with this limit would; other photos for another count."""
    settings.GIGACHAT = GigaChat(_env_file=None, max_concurrent_requests=calls)
    handlers.register()
    archive, dice = Archive(), random.Random(count)
    for _ in range(count):
        archive.post(_photo(dice))
    database.analyze()


def _photo(dice: random.Random) -> bytes:
    """Coarse noise enlarged: no two alike, and as costly to decode as a photo of Telegram."""
    noise = Image.frombytes("RGB", (40, 30), dice.randbytes(40 * 30 * 3))
    body = io.BytesIO()
    noise.resize((1280, 960), Image.Resampling.BICUBIC).save(body, "JPEG", quality=92)
    return body.getvalue()


@contextmanager
def _stub(*, latency: float, parallel: int) -> Iterator[str]:
    command = ["-m", "tests.gigachat_stub", "--latency", str(latency), "--parallel", str(parallel)]
    stub = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert stub.stdout
    try:
        yield stub.stdout.readline().strip()
    finally:
        stub.terminate()
        stub.wait()


@contextmanager
def _clusters(name: str, stub: str, *, calls: int, count: int) -> Iterator[None]:
    environment = os.environ | {
        "BENCH_OBJECTS_DIR": str(settings.OBJECTS_DIR),
        "GIGACHAT_CREDENTIALS": b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode(),
        "GIGACHAT_SCOPE": "GIGACHAT_API_CORP",
        "GIGACHAT_BASE_URL": f"{stub}/v1",
        "GIGACHAT_AUTH_URL": f"{stub}/api/v2/oauth",
        "GIGACHAT_MAX_CONCURRENT_REQUESTS": str(calls),
        "VISION_MAX_DAILY_TOKENS": "100000000",
        "METRICS_PORT": "0",
    }
    command = [sys.executable, "-m", "bench.cluster", name]
    clusters = [subprocess.Popen(command, env=environment) for _ in range(count)]
    try:
        yield
    finally:
        for cluster in clusters:
            cluster.terminate()
        for cluster in clusters:
            cluster.wait()


def _when(count: int) -> float:
    """Wait until `count` pictures are done; returns the time."""
    until = time.monotonic() + LIMIT
    while PaidAnalysis.objects.filter(state="done").count() < count:
        assert time.monotonic() < until, f"{PaidAnalysis.objects.filter(state='done').count()} done"
        time.sleep(0.05)
    return time.monotonic()


def _stats(stub: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{stub}/_stub/stats", timeout=10) as answer:  # noqa: S310 - our own stub
        stats: dict[str, int] = json.load(answer)
        return stats


if __name__ == "__main__":
    sys.exit(main())
