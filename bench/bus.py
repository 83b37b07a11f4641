"""
Deliveries a second, in two situations.

*Empty handlers*: 20 000 published before, handlers that do nothing, so only the bus is timed. At
least 2 000 a second on the embedded PostgreSQL, and at least 25 times what one django-q2 task per
delivery reaches on the same database, in turn.

*Sustained*: for 3 minutes a producer in a process of its own keeps publishing, and handlers take
1 ms. Every event is delivered once; printed are the wait from publishing to the handler (p99)
and the sizes of the tables, which nobody vacuums by hand here.
"""

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import ClassVar

from bench.support import database

database.setup()

from django.db import connection, transaction  # noqa: E402 - after django.setup()
from django_q.models import OrmQ, Success  # noqa: E402
from django_q.tasks import async_task  # noqa: E402

from bench.support import report  # noqa: E402
from events import outbox, subscriptions  # noqa: E402
from events.delivery import worker  # noqa: E402
from events.schemas import Event  # noqa: E402
from events.subscriptions import Mode, subscribe  # noqa: E402

DELIVERIES, TASKS, ROUNDS = 20_000, 300, 3
LEAST_PER_SECOND, LEAST_RATIO = 2000, 25
SUSTAINED_SECONDS, PER_SECOND, PATIENCE = 180.0, 200, 60.0
SLOW = "bench.millisecond"
MIB = 1024**2


class Ping(Event):
    topic: ClassVar[str] = "bench.ping"


def main() -> int:
    with database.fresh() as name:
        figures = _empty_handlers(name) + _sustained(name)
    return report.close(figures)


def noop(*_: object, **__: object) -> str:
    return "ok"


def _empty_handlers(name: str) -> list[report.Figure]:
    rows, leased, tasks, ratios = [], [], [], []
    for number in range(ROUNDS):
        rows.append(_deliveries(Mode.TRANSACTIONAL, 2 * number))
        tasks.append(_tasks(name))
        leased.append(_deliveries(Mode.LEASED, 2 * number + 1))
        ratios.append(rows[-1] / tasks[-1])
    return [
        report.Figure(
            "bus, empty handlers: of rows", median(rows), at_least=LEAST_PER_SECOND, unit="/s"
        ),
        report.Figure(
            "bus, empty handlers: under a lease",
            median(leased),
            at_least=LEAST_PER_SECOND,
            unit="/s",
        ),
        report.Figure("bus, empty handlers: one django-q2 task each", median(tasks), unit="/s"),
        report.Figure(
            "bus, empty handlers: to a task each",
            median(ratios),
            at_least=LEAST_RATIO,
            unit="times",
        ),
    ]


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
        [sys.executable, "-m", "bench.support.cluster", database_name, "task_cluster"],
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
        assert cluster.poll() is None, (
            "the cluster did not start: python -m bench.support.cluster NAME"
        )
        time.sleep(0.02)
    started = time.monotonic()
    while (done := Success.objects.count()) < TASKS:
        time.sleep(0.02)
    return (done - first) / (time.monotonic() - started)


_waits: list[float] = []


def millisecond(event: Ping, **_: object) -> str:
    """Take a millisecond; note how long the event waited for it."""
    _waits.append((datetime.now(UTC) - event.occurred_at).total_seconds())
    time.sleep(0.001)
    return "ok"


def _sustained(name: str) -> list[report.Figure]:
    database.empty("events_outboxevent", "events_delivery")
    database.analyze()
    subscribe(Ping, name=SLOW)(millisecond)
    before = _sizes()
    ended = threading.Event()
    server = threading.Thread(
        target=worker.serve, args=("default",), kwargs={"proceed": lambda: not ended.is_set()}
    )
    server.start()
    try:
        published = _produce(name)
        until = time.monotonic() + PATIENCE
        while len(_waits) < published and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        ended.set()
        server.join()
        subscriptions.unsubscribe(SLOW)
    return _sustained_figures(published, before)


def _produce(name: str) -> int:
    command = ["-m", "bench.support.producer", name, str(SUSTAINED_SECONDS), str(PER_SECOND)]
    done = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, check=True, text=True)
    return int(done.stdout)


def _sustained_figures(published: int, before: dict[str, int]) -> list[report.Figure]:
    head = "bus, 1 ms handlers, 3 minutes"
    return [
        report.Figure(f"{head}: published", published / SUSTAINED_SECONDS, unit="/s"),
        report.Figure(
            f"{head}: delivered of published",
            len(_waits) / published,
            at_least=1,
            at_most=1,
            unit="times",
        ),
        report.Figure(f"{head}: wait, median", 1000 * median(_waits), unit="ms"),
        report.Figure(f"{head}: wait, p99", 1000 * quantiles(_waits, n=100)[-1], unit="ms"),
        *(
            report.Figure(f"{head}: {table} grew by", (after - before[table]) / MIB, unit="MiB")
            for table, after in _sizes().items()
        ),
    ]


def _sizes() -> dict[str, int]:
    """Bytes of each table with its indexes."""
    tables = ("events_outboxevent", "events_delivery")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, pg_total_relation_size(name::regclass) FROM unnest(%s::text[]) AS name",
            [list(tables)],
        )
        return dict(cursor.fetchall())


if __name__ == "__main__":
    sys.exit(main())
