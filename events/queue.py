"""
Occasional tasks of django-q2, such as a cleanup that is wanted soon.

Deliveries need none of this: workers look for them in their table. At most one task of a name is
on its way, however often it is asked for.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone
from django_q.tasks import async_task

from events.models import Doorbell

LOST_AFTER: Final = timedelta(minutes=15)
"""Time after which a task that did not begin counts as lost; django-q2 ends one after ten minutes."""


def enqueue_once(func: str, **kwargs: Any) -> None:
    """
    Enqueue `func` (a dotted name) unless it is enqueued already.

    The function must call `acknowledge(func)` when it begins, so that it can be enqueued again.
    """
    now = timezone.now()
    if _ring_is_new(func, now=now, lost_before=now - LOST_AFTER):
        async_task(func, task_name=func.rpartition(".")[2], **kwargs)


def acknowledge(func: str) -> None:
    """Note that the task begins: whoever wants it from now on enqueues it again."""
    Doorbell.objects.filter(queue=func, rung_at__isnull=False).update(rung_at=None)


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
