"""The doorbell: django-q2 is told that a queue has work. Losing a ring loses nothing."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone
from django_q.tasks import async_task

from events.models import Doorbell


@dataclass(frozen=True, slots=True)
class Ring:
    """To be called after commit: wakes the queue unless somebody already does."""

    queue: str

    def __call__(self) -> None:
        if _press(self.queue, now=timezone.now()):
            enqueue_drain(self.queue)


def enqueue_drain(queue: str) -> None:
    async_task("events.tasks.drain", queue=queue, task_name=f"drain {queue}")


def answer(queue: str) -> None:
    """The queue is being worked off: what is published from now on rings again."""
    Doorbell.objects.filter(queue=queue, rung_at__isnull=False).update(rung_at=None)


def _press(queue: str, *, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_doorbell AS bell (queue, rung_at) VALUES (%s, %s)
            ON CONFLICT (queue) DO UPDATE SET rung_at = excluded.rung_at
            WHERE bell.rung_at IS NULL
            """,
            [queue, now],
        )
        return bool(cursor.rowcount == 1)
