"""Checks of whoever does the work: worker processes, the scheduler, failed tasks."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from django.apps import apps
from django.utils import timezone

from events import subscriptions
from events.health import Finding, Status, failed, ok, warning
from events.models import Delivery, DeliveryState
from events.workers import clock, heartbeats
from events.workers.heartbeats import RunningWorker

START: Final = "start them: `python manage.py qcluster` (or `make serve`)"
OVERDUE_AFTER: Final = timedelta(minutes=3)
"""How late a periodic job may be: the shortest period is a minute."""
COUNTED: Final = 10_000
"""Failed tasks are counted up to this number."""


def all_queues_are_served() -> Iterator[Finding]:
    """One finding about all worker processes, which has them as facts, and one per queue."""
    running = heartbeats.running()
    processes = {"workers": [worker.as_dict() for worker in running]}
    yield Finding(Status.OK, f"{len(running)} worker processes", facts=processes)
    yield from _wrong_clocks(running)
    at_work = [worker for worker in running if worker.takes_work]
    for queue in subscriptions.queues():
        hosts = sorted({worker.host for worker in at_work if queue in worker.queues})
        if hosts:
            yield ok(f"served on {', '.join(hosts)}", step=queue)
        else:
            yield failed(f"no worker serves the queue {queue}", START, step=queue)


def _wrong_clocks(running: Sequence[RunningWorker]) -> Iterator[Finding]:
    """One finding per host whose workers take no work because its clock is wrong."""
    wrong = {worker.host: worker.clock_ahead for worker in running if not worker.takes_work}
    for host, seconds in sorted(wrong.items()):
        detail = f"the clock of {host} is {clock.in_words(seconds)}: its workers take no work"
        yield failed(detail, clock.REMEDY, step="clock")


def scheduler_runs() -> Iterator[Finding]:
    """Whether periodic jobs are begun in time, whatever keeps the scheduler from it."""
    jobs = apps.get_model("django_q", "Schedule").objects.exclude(repeats=0)
    first = jobs.filter(next_run__isnull=False).order_by("next_run").first()
    if first is None:
        yield failed("there are no periodic jobs", "run `python manage.py migrate`")
        return
    late = timezone.now() - first.next_run
    if late <= OVERDUE_AFTER:
        yield ok(f"next: {first.name}")
        return
    late_job = f"the job {first.name} is {int(late.total_seconds() // 60)} min late"
    if _has_just_begun():
        yield warning(f"{late_job}: the workers have just been started", "look again in a minute")
    else:
        yield failed(f"{late_job}: the scheduler does not run", START)


def _has_just_begun() -> bool:
    """Whether workers run, none of them for long: the scheduler begins half a minute after them."""
    started = [worker.started_at for worker in heartbeats.running()]
    return bool(started) and timezone.now() - min(started) < OVERDUE_AFTER


def no_task_has_failed() -> Iterator[Finding]:
    dead = Delivery.objects.filter(state=DeliveryState.DEAD).order_by()
    count = dead.values("pk")[:COUNTED].count()
    if count:
        yield warning(
            f"{count} failed tasks" if count < COUNTED else f"{COUNTED} failed tasks or more",
            "see `events list --state dead`, remove the cause, then `events replay`",
        )
    else:
        yield ok("none")
