"""
Deliveries a second with a handler that does nothing.

Bounds: at least 2 000 a second on the embedded PostgreSQL, and at least 25 times what one
django-q2 task per delivery reaches on the same database, in the same run.
"""

import subprocess
import sys
import time
from statistics import median
from typing import ClassVar

from bench import database

database.setup()

from django.db import transaction  # noqa: E402 - after django.setup()
from django_q.models import OrmQ, Success  # noqa: E402
from django_q.tasks import async_task  # noqa: E402

from events import outbox, subscriptions  # noqa: E402
from events.delivery import worker  # noqa: E402
from events.schemas import Event  # noqa: E402
from events.subscriptions import Mode, subscribe  # noqa: E402

DELIVERIES, TASKS, ROUNDS = 20_000, 300, 3
LEAST_PER_SECOND, LEAST_RATIO = 2000, 25


class Ping(Event):
    topic: ClassVar[str] = "bench.ping"


def main() -> int:
    with database.fresh() as name:
        rows = [_deliveries(Mode.TRANSACTIONAL, n) for n in range(ROUNDS)]
        outside = [_deliveries(Mode.LEASED, n + ROUNDS) for n in range(ROUNDS)]
        tasks = [_tasks(name) for _ in range(ROUNDS)]
    ratio = median(rows) / median(tasks)
    print(f"   handlers of rows        {median(rows):>9.0f} deliveries/s")
    print(f"   handlers under a lease  {median(outside):>9.0f} deliveries/s")
    print(f"   one django-q2 task each {median(tasks):>9.0f} tasks/s")
    print(f"   ratio                   {ratio:>9.1f}   (must be ≥ {LEAST_RATIO})")
    holds = min(median(rows), median(outside)) >= LEAST_PER_SECOND and ratio >= LEAST_RATIO
    return 0 if holds else 1


def noop(*_: object, **__: object) -> str:
    return "ok"


def _deliveries(mode: Mode, series: int) -> float:
    """Only the delivering is timed; publishing happened before."""
    subscribe(Ping, name="bench.noop", mode=mode)(noop)
    for start in range(0, DELIVERIES, 1000):
        with transaction.atomic():
            outbox.publish_many(
                [Ping(tenant_id="t", idempotency_key=f"{series}:{start + i}") for i in range(1000)]
            )
    database.analyze()
    started = time.monotonic()
    tally = worker.drain("default")
    seconds = time.monotonic() - started
    subscriptions.unsubscribe("bench.noop")
    assert tally.done == DELIVERIES, tally
    return DELIVERIES / seconds


def _tasks(database_name: str) -> float:
    """As many workers as the product starts; timed from the first finished task to the last."""
    Success.objects.all().delete()
    OrmQ.objects.all().delete()
    for _ in range(TASKS):
        async_task("bench.bus.noop")
    cluster = subprocess.Popen(
        [sys.executable, "-m", "bench.cluster", database_name, "task_cluster"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return _rate(cluster)
    finally:
        cluster.terminate()
        cluster.wait()


def _rate(cluster: "subprocess.Popen[bytes]") -> float:
    while not (first := Success.objects.count()):
        assert cluster.poll() is None, "the cluster did not start: python -m bench.cluster NAME"
        time.sleep(0.02)
    started = time.monotonic()
    while (done := Success.objects.count()) < TASKS:
        time.sleep(0.02)
    return (done - first) / (time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
