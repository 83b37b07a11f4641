"""
The doorbell: a django-q2 task that wakes a worker because a queue has work.

At most one such task per queue is on its way. A lost one loses nothing: the deliveries are rows,
and `events.tasks.redeliver_due` rings again every minute.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone
from django_q.tasks import async_task

from events.models import Doorbell

LOST_AFTER: Final = timedelta(minutes=15)
"""Time after which a task that did not begin counts as lost; django-q2 ends one after ten minutes."""


@dataclass(frozen=True, slots=True)
class Ring:
    """Callable for `transaction.on_commit`: wakes the queue unless a task is on its way to it."""

    queue: str

    def __call__(self) -> None:
        if _ring_is_new(self.queue, now=timezone.now()):
            enqueue_drain(self.queue)


def enqueue_drain(queue: str) -> None:
    async_task("events.tasks.drain", queue=queue, task_name=f"drain {queue}")


def enqueue_once(func: str, **kwargs: Any) -> None:
    """
    Enqueue `func` (a dotted name) unless it is enqueued already.

    The function must call `acknowledge(func)` when it begins, so that it can be enqueued again.
    """
    now = timezone.now()
    if _ring_is_new(func, now=now, lost_before=now - LOST_AFTER):
        async_task(func, task_name=func.rpartition(".")[2], **kwargs)


def acknowledge(queue: str) -> None:
    """Note that work on the queue begins: what is published from now on rings again."""
    Doorbell.objects.filter(queue=queue, rung_at__isnull=False).update(rung_at=None)


def _ring_is_new(queue: str, *, now: datetime, lost_before: datetime | None = None) -> bool:
    """Note that the bell rings; False if it rang before and nobody has acknowledged that yet."""
    with connection.cursor() as cursor:
        # The condition of the update decides between two that ring at once: the row lock makes
        # the second one see what the first has written. `< NULL` is never true.
        cursor.execute(
            """
            INSERT INTO events_doorbell AS bell (queue, rung_at) VALUES (%s, %s)
            ON CONFLICT (queue) DO UPDATE SET rung_at = excluded.rung_at
            WHERE bell.rung_at IS NULL OR bell.rung_at < %s::timestamptz
            """,
            [queue, now, lost_before],
        )
        return bool(cursor.rowcount == 1)
