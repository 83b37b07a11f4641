"""The doorbell: django-q2 is told that a queue has work. Losing a ring loses nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone
from django_q.tasks import async_task

from events.models import Doorbell

UNANSWERED: Final = timedelta(minutes=15)
"""After that long the task a bell stands for was lost; django-q2 ends one after ten."""


@dataclass(frozen=True, slots=True)
class Ring:
    """To be called after commit: wakes the queue unless somebody already does."""

    queue: str

    def __call__(self) -> None:
        if _press(self.queue, now=timezone.now()):
            enqueue_drain(self.queue)


def enqueue_drain(queue: str) -> None:
    async_task("events.tasks.drain", queue=queue, task_name=f"drain {queue}")


def enqueue_once(func: str, **kwargs: Any) -> None:
    """
    Have `func` (a dotted name) run soon, unless it is on its way already.

    It calls `answer(func)` when it begins: whoever asks from then on is heard again.
    """
    now = timezone.now()
    if _press(func, now=now, lost_before=now - UNANSWERED):
        async_task(func, task_name=func.rpartition(".")[2], **kwargs)


def answer(queue: str) -> None:
    """The queue is being worked off: what is published from now on rings again."""
    Doorbell.objects.filter(queue=queue, rung_at__isnull=False).update(rung_at=None)


def _press(queue: str, *, now: datetime, lost_before: datetime | None = None) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_doorbell AS bell (queue, rung_at) VALUES (%s, %s)
            ON CONFLICT (queue) DO UPDATE SET rung_at = excluded.rung_at
            WHERE bell.rung_at IS NULL OR bell.rung_at < %s::timestamptz
            """,
            [queue, now, lost_before],
        )
        return bool(cursor.rowcount == 1)
