"""
GigaChat's concurrency limit is used in full, and never exceeded.

A stub answers after two seconds, ten calls at a time, from a process of its own; one cluster of
real workers analyzes distinct photos of about 200 KB: fetch, decode, hash, shrink, upload, ask,
delete, settle. Bound: 0.95 of the five pictures a second that ten calls at a time can do. Then
three clusters share a limit of one: never two calls in flight, although all three are at work.
Each picture is paid for once.

GigaChat takes seconds for a picture. With calls of one second the processor is what is measured:
ten pictures a second are more than a core, and where another core does other work, the same code
did 0.927 and 0.962 within ten minutes.
"""

import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.support import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from PIL import Image  # noqa: E402

from bench.support import report  # noqa: E402
from media.models import Post  # noqa: E402
from telegram_assistant.config import GigaChat  # noqa: E402
from tests.factories import Archive  # noqa: E402
from tests.gigachat_stub import CLIENT_ID, CLIENT_SECRET  # noqa: E402
from vision import handlers  # noqa: E402
from vision.models import PaidAnalysis  # noqa: E402

PICTURES, CALLS, LATENCY, LEAST = 200, 10, 2.0, 0.95
CLUSTERS, FEW, SHORT = 3, 12, 0.2
LIMIT = 240.0
"""Seconds after which a run counts as stuck."""
TABLES = ("channels", "media_objects", "posts", "events_outboxevent", "events_delivery",
          "vision_picture_look", "vision_token_budget", "picture_hashes", "django_q_ormq",
          "storage_quota_storedobject", "tenant_storage_usage")  # fmt: skip


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench_") as scratch, database.fresh() as name:
        settings.OBJECTS_DIR = Path(scratch, "objects")
        rate, stats = _sustained(name)
        cpu_ms = 1000 * _children_cpu_seconds() / PICTURES
        single = _single(name)
    return report.close(
        [
            # A fifth of a second of it is one core's whole time at five pictures a second.
            report.Figure("vision: processor time of a picture", cpu_ms, unit="ms"),
            *_figures(rate, stats, single),
        ]
    )


def _children_cpu_seconds() -> float:
    """Of the cluster and the stub, which have ended, from their starts on."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _figures(rate: float, stats: dict[str, int], single: dict[str, int]) -> list[report.Figure]:
    head = f"vision, limit 1, {CLUSTERS} clusters"
    once = stats["answers"] / stats["pictures_seen"]
    return [
        report.Figure("vision: ten at once", rate, unit="pic/s"),
        report.Figure(
            "vision: of what ten calls can do", rate * LATENCY / CALLS, at_least=LEAST, unit="times"
        ),
        report.Figure("vision: most calls in flight", stats["max_in_flight"], at_most=CALLS),
        report.Figure("vision: pictures seen", stats["pictures_seen"], at_least=PICTURES),
        report.Figure("vision: answers per picture", once, at_most=1),
        report.Figure(f"{head}: at work", single["at_work"], at_least=CLUSTERS),
        report.Figure(f"{head}: most calls in flight", single["max_in_flight"], at_most=1),
        report.Figure(
            f"{head}: answers per picture", single["answers"] / single["pictures"], at_most=1
        ),
    ]


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
        pictures, until = 0, time.monotonic() + LIMIT / 4
        with _clusters(name, stub, calls=1, count=CLUSTERS):
            # Until each has begun, and then some more for all of them.
            while (has_begun := _at_work(stub)) < CLUSTERS and time.monotonic() < until:
                pictures += FEW
                _fill(FEW, calls=1, seed=pictures)
                _when(pictures)
            _fill(2 * FEW, calls=1, seed=pictures + 1)
            _when(pictures + 2 * FEW)
        return _stats(stub) | {"pictures": pictures + 2 * FEW, "at_work": has_begun}


def _at_work(stub: str) -> int:
    """Processes that have asked the stub for a token: one worker of each cluster drains."""
    calls: dict[str, int] = _stats(stub)["calls"]  # type: ignore[assignment]
    return calls.get("oauth", 0)


def _fill(count: int, *, calls: int, seed: int = 0) -> None:
    """Publish posts as workers with this limit would; other photos for another seed."""
    settings.GIGACHAT = GigaChat(_env_file=None, max_concurrent_requests=calls)
    handlers.register()
    archive, dice = Archive(count=Post.objects.count()), random.Random(count + 1000 * seed)
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
    common = os.environ | {
        "BENCH_OBJECTS_DIR": str(settings.OBJECTS_DIR),
        "GIGACHAT_CREDENTIALS": b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode(),
        "GIGACHAT_SCOPE": "GIGACHAT_API_CORP",
        "GIGACHAT_BASE_URL": f"{stub}/v1",
        "GIGACHAT_AUTH_URL": f"{stub}/api/v2/oauth",
        "GIGACHAT_MAX_CONCURRENT_REQUESTS": str(calls),
        "VISION_MAX_DAILY_TOKENS": "100000000",
        "METRICS_PORT": "0",
    }
    command = [sys.executable, "-m", "bench.support.cluster", name]
    clusters = [subprocess.Popen(command, env=common) for _ in range(count)]
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
