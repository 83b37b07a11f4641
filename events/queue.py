"""
Occasional tasks of django-q2, such as a cleanup that is wanted soon, and its queue of tasks.

Deliveries need none of this: workers look for them in their table. At most one task of a name is
on its way, however often it is asked for. A task that a killed cluster had taken out of the queue
begins again within seconds (`Broker`, `release_tasks_of_gone_workers`).
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import Failure, OrmQ
from django_q.tasks import async_task

from events.models import Doorbell, TaskClaim
from events.postgresql.prepared import Prepared
from events.workers import clock, liveness

logger = logging.getLogger(__name__)

LOST_AFTER: Final = timedelta(minutes=20)
"""Time after which a task that did not begin counts as lost; django-q2 ends one after fifteen."""

MOST_ATTEMPTS: Final = 3
"""Clusters that may be lost with the same task before it is given up: it probably kills them."""


class Broker(ORM):  # type: ignore[misc]  # django-q2 has no types
    """
    django-q2's queue in the database, which notes who has taken a task out of it.

    It has nothing for a cluster whose clock is wrong: such tasks end claims and reservations.
    """

    def dequeue(self) -> list[tuple[int, str]] | None:
        if not clock.agrees_now():
            time.sleep(Conf.POLL)
            return None
        due = self.get_connection().filter(key=self.list_key, lock__lt=timezone.now())
        if not due.exists():
            time.sleep(Conf.POLL)
            return None
        worker = liveness.worker_id()
        with transaction.atomic():
            taken: list[tuple[int, str]] | None = super().dequeue()
            for task_id, _ in taken or ():
                claim, new = TaskClaim.objects.get_or_create(
                    task_id=task_id, defaults={"worker": worker}
                )
                if not new:
                    claim.worker, claim.attempts = worker, claim.attempts + 1
                    claim.save()
        return taken

    def delete(self, task_id: int) -> None:
        super().delete(task_id)
        TaskClaim.objects.filter(task_id=task_id).delete()


# Asked by every worker every two seconds, mostly in vain.
_HOLDERS = Prepared(
    lambda: TaskClaim.objects.filter(worker__isnull=False).values_list("worker").distinct()
)


def release_tasks_of_gone_workers(*, now: datetime) -> int:
    """Put tasks back into the queue that a cluster which is gone had taken out of it."""
    claims = TaskClaim.objects.filter(worker__isnull=False)
    gone = [worker for (worker,) in _HOLDERS.rows() if liveness.is_gone(worker)]
    released = 0
    for claim in claims.filter(worker__in=gone):
        with transaction.atomic():
            released += _release(claim, now=now)
    return released


def _release(claim: TaskClaim, *, now: datetime) -> int:
    task = OrmQ.objects.filter(pk=claim.task_id)
    if claim.attempts >= MOST_ATTEMPTS or not task.exists():
        if task.delete()[0]:
            logger.error("%s was lost with %d clusters: given up", claim, claim.attempts)
        claim.delete()
        return 0
    # The condition decides between two that release at once.
    mine = TaskClaim.objects.filter(pk=claim.pk, worker=claim.worker)
    return mine.update(worker=None) and int(task.update(lock=now))


def forget_failed_runs(*, before: datetime) -> int:
    """Delete failed runs that ended before then, which django-q2 keeps for ever; returns how many."""
    return int(Failure.objects.filter(stopped__lt=before).delete()[0])


def enqueue(func: str, **kwargs: Any) -> None:
    """Enqueue `func` (a dotted name) for these arguments, in the caller's transaction."""
    async_task(func, task_name=func.rpartition(".")[2], **kwargs)


def enqueue_once(func: str, **kwargs: Any) -> None:
    """
    Enqueue `func` (a dotted name) unless it is enqueued already.

    The function must call `acknowledge(func)` when it begins, so that it can be enqueued again.
    """
    now = timezone.now()
    # Both or neither: a process killed in between would leave a bell without a task.
    with transaction.atomic():
        if _ring_is_new(func, now=now, lost_before=now - LOST_AFTER):
            enqueue(func, **kwargs)


def acknowledge(func: str) -> None:
    """Note that the task begins: whoever wants it from now on enqueues it again."""
    Doorbell.objects.filter(queue=func, rung_at__isnull=False).update(rung_at=None)


@contextmanager
def unfinished(func: str) -> Iterator[bool]:
    """
    Note that the task works inside the block; yields whether an earlier run did not end.

    That one was killed, or ended with an error. One run of the task at a time.
    """
    bell, _ = Doorbell.objects.get_or_create(queue=func)
    working = Doorbell.objects.filter(queue=func)
    working.update(began_at=timezone.now())
    yield bell.began_at is not None
    working.update(began_at=None)  # in no `finally`: after an error there is work left


def _ring_is_new(func: str, *, now: datetime, lost_before: datetime) -> bool:
    """Note that the task is wanted; False if it was before and has not begun since."""
    with connection.cursor() as cursor:
        # The condition of the update decides between two that ring at once: the row lock makes
        # the second one see what the first has written.
        cursor.execute(
            """
            INSERT INTO events_doorbell AS bell (queue, rung_at) VALUES (%s, %s)
            ON CONFLICT (queue) DO UPDATE SET rung_at = excluded.rung_at
            WHERE bell.rung_at IS NULL OR bell.rung_at < %s::timestamptz
            """,
            [func, now, lost_before],
        )
        return bool(cursor.rowcount == 1)
