"""What django-q2 runs. Primitives in, a short outcome out."""

import time
from datetime import timedelta
from typing import Any

from django.utils import timezone

from events import maintenance
from events import queue as doorbell
from events.delivery import worker

TIME_BOX = 60.0
"""Seconds a drain may take before it makes room for the tasks of other queues."""
LINGER = 3.0
"""Seconds a drain stays for deliveries that are about to be due again."""
KEEP = timedelta(days=7)
"""How long finished events stay readable."""


def drain(*, queue: str, **_: Any) -> str:
    """Work off `queue`; whatever is left when the time is up rings again."""
    until = time.monotonic() + TIME_BOX
    doorbell.answer(queue)
    done = 0
    # Somebody who found us busy has gone away again: look once more after letting go.
    while time.monotonic() < until and _due_soon(queue):
        with worker.only_one_on_this_host(queue) as mine:
            if not mine:
                return "already being drained"
            settled = worker.drain(queue, until=until).settled
        if not settled:  # what is due is in the hands of another host
            return f"{done} delivered"
        done += settled
    if queue in worker.due_queues(now=timezone.now()):
        doorbell.Ring(queue)()
    return f"{done} delivered"


def _due_soon(queue: str) -> bool:
    """Waits for what is put off for a moment: nobody rings when its time has come."""
    seconds = worker.seconds_until_due(queue, now=timezone.now())
    if seconds is None or seconds > LINGER:
        return False
    time.sleep(seconds)
    return True


def redeliver_due(**_: Any) -> str:
    """Find what a lost doorbell, a retry or a killed worker left behind."""
    due = worker.due_queues(now=timezone.now())
    for name in due:
        doorbell.answer(name)
        doorbell.Ring(name)()
    return f"{len(due)} queues rung"


def prune(**_: Any) -> str:
    pruned = maintenance.prune(before=timezone.now() - KEEP)
    return f"{pruned} events pruned"
