"""Checks of whoever does the work: worker processes, the scheduler, failed tasks."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from django.apps import apps
from django.db.models import DurationField, ExpressionWrapper, F, QuerySet
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
STUCK_AFTER: Final = timedelta(minutes=20)
"""How long a run may wait to begin: django-q2 ends one that takes longer than fifteen minutes."""
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
_PUT_OFF: Final = Sentence(
    _("the job %(job)s runs next in %(hours)s h: somebody has put it off, or a clock was ahead")
)
_LAST_FAILED: Final = Sentence(_("the last run failed: %(jobs)s"))
_STUCK: Final = Sentence(_("runs have waited for %(minutes)s min to begin"))
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
    found = _of_the_next(first)
    yield found
    yield from _put_off(jobs)
    yield from _failed_runs(jobs)
    if found.status is Status.OK:
        yield from _stuck_runs()


def _of_the_next(job: Any) -> Finding:
    late = timezone.now() - job.next_run
    if late <= OVERDUE_AFTER:
        return ok(_NEXT % {"job": job.name})
    late_job = {"job": job.name, "minutes": int(late.total_seconds() // 60)}
    if _has_just_begun():
        return warning(_JUST_BEGUN % late_job, _("look again in a minute"))
    return failed(_LATE % late_job, START)


def _put_off(jobs: QuerySet[Any]) -> Iterator[Finding]:
    """Of jobs that come every so many minutes, the one that is put off farthest beyond that."""
    period = ExpressionWrapper(F("minutes") * timedelta(minutes=1), output_field=DurationField())
    regular = jobs.filter(schedule_type="I").annotate(too_late=timezone.now() + period)
    last = regular.filter(next_run__gt=F("too_late")).order_by("-next_run").first()
    if last is not None:
        hours = (last.next_run - timezone.now()).total_seconds() / 3600
        told = _PUT_OFF % {"job": last.name, "hours": f"{hours:.1f}"}
        yield warning(told, _("run `python manage.py migrate`, which has it run now"), step="next")


def _failed_runs(jobs: QuerySet[Any]) -> Iterator[Finding]:
    """A run has the id of the schedule's last task only until the next one is asked for."""
    runs = apps.get_model("django_q", "Failure").objects.filter(pk__in=jobs.values("task"))
    if names := sorted(set(runs.values_list("group", flat=True))):
        told = _LAST_FAILED % {"jobs": ", ".join(map(str, names))}
        yield warning(told, _("see the failed runs of the scheduler in the console"), step="runs")


def _stuck_runs() -> Iterator[Finding]:
    """What was taken out of the queue is locked until later than now."""
    queued = apps.get_model("django_q", "OrmQ").objects.order_by("lock").first()
    waited = timezone.now() - queued.lock if queued and queued.lock else timedelta(0)
    if waited > STUCK_AFTER:
        told = _STUCK % {"minutes": int(waited.total_seconds() // 60)}
        yield failed(
            told, _("its workers are busy or hang: kill `qcluster`, see the log"), step="queue"
        )


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
