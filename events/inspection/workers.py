"""Checks of whoever does the work: worker processes, the scheduler, failed tasks."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from django.apps import apps
from django.utils import timezone

from events import subscriptions
from events.health import Finding, Status, failed, ok, warning
from events.models import Delivery, DeliveryState
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from events.workers import clock, heartbeats
from events.workers.heartbeats import RunningWorker

START: Final = _("start them: `python manage.py qcluster` (or `make serve`)")
OVERDUE_AFTER: Final = timedelta(minutes=3)
"""How late a periodic job may be: the shortest period is a minute."""
COUNTED: Final = 10_000
"""Failed tasks are counted up to this number."""
_RUNNING: Final = Sentence(_("%(count)s worker processes"))
_SERVED: Final = Sentence(_("served on %(hosts)s"))
_UNSERVED: Final = Sentence(_("no worker serves the queue %(queue)s"))
_WRONG_CLOCK: Final = Sentence(_("the clock of %(host)s is %(wrong)s: its workers take no work"))
_NEXT: Final = Sentence(_("next: %(job)s"))
_JUST_BEGUN: Final = Sentence(
    _("the job %(job)s is %(minutes)s min late: the workers have just been started")
)
_LATE: Final = Sentence(_("the job %(job)s is %(minutes)s min late: the scheduler does not run"))
_FAILED: Final = Sentence(_("%(count)s failed tasks"))
_FAILED_OR_MORE: Final = Sentence(_("%(count)s failed tasks or more"))


def all_queues_are_served() -> Iterator[Finding]:
    """One finding about all worker processes, which has them as facts, and one per queue."""
    running = heartbeats.running()
    processes = {"workers": [worker.as_dict() for worker in running]}
    yield Finding(Status.OK, _RUNNING % {"count": len(running)}, facts=processes)
    yield from _wrong_clocks(running)
    at_work = [worker for worker in running if worker.takes_work]
    for queue in subscriptions.queues():
        hosts = sorted({worker.host for worker in at_work if queue in worker.queues})
        if hosts:
            yield ok(_SERVED % {"hosts": ", ".join(hosts)}, step=queue)
        else:
            yield failed(_UNSERVED % {"queue": repr(queue)}, START, step=queue)


def _wrong_clocks(running: Sequence[RunningWorker]) -> Iterator[Finding]:
    """One finding per host whose workers take no work because its clock is wrong."""
    wrong = {worker.host: worker.clock_ahead for worker in running if not worker.takes_work}
    for host, seconds in sorted(wrong.items()):
        detail = _WRONG_CLOCK % {"host": host, "wrong": clock.in_words(seconds)}
        yield failed(detail, clock.REMEDY, step="clock")


def scheduler_runs() -> Iterator[Finding]:
    """Whether periodic jobs are begun in time, whatever keeps the scheduler from it."""
    jobs = apps.get_model("django_q", "Schedule").objects.exclude(repeats=0)
    first = jobs.filter(next_run__isnull=False).order_by("next_run").first()
    if first is None:
        yield failed(_("there are no periodic jobs"), _("run `python manage.py migrate`"))
        return
    late = timezone.now() - first.next_run
    if late <= OVERDUE_AFTER:
        yield ok(_NEXT % {"job": first.name})
        return
    late_job = {"job": first.name, "minutes": int(late.total_seconds() // 60)}
    if _has_just_begun():
        yield warning(_JUST_BEGUN % late_job, _("look again in a minute"))
    else:
        yield failed(_LATE % late_job, START)


def _has_just_begun() -> bool:
    """Whether workers run, none of them for long: the scheduler begins half a minute after them."""
    started = [worker.started_at for worker in heartbeats.running()]
    return bool(started) and timezone.now() - min(started) < OVERDUE_AFTER


def no_task_has_failed() -> Iterator[Finding]:
    dead = Delivery.objects.filter(state=DeliveryState.DEAD).order_by()
    count = dead.values("pk")[:COUNTED].count()
    if count:
        yield warning(
            (_FAILED if count < COUNTED else _FAILED_OR_MORE) % {"count": count},
            _("see `events list --state dead`, remove the cause, then `events replay`"),
        )
    else:
        yield ok(_("none"))
