"""Entry points of django-q2: they take primitives and return a short outcome."""

import time
from datetime import timedelta
from typing import Any

from django.utils import timezone

from events import queue as doorbell
from events.delivery import worker
from events.outbox import pruning

TIME_BOX = 60.0
"""Seconds after which a drain makes room for the tasks of other queues."""
LINGER = 3.0
"""Seconds that a drain waits for deliveries which are about to be due again."""
KEEP = timedelta(days=7)
"""How long finished events are kept."""


def drain(*, queue: str, **_: Any) -> str:
    """Drain `queue`, and ring again if something is left when the time is up."""
    until = time.monotonic() + TIME_BOX
    doorbell.acknowledge(queue)
    done = 0
    # Once more after giving the lock back: a drain that found it taken has ended by then.
    while time.monotonic() < until and _due_soon(queue):
        with worker.only_one_on_this_host(queue) as mine:
            if not mine:
                return "already being drained"
            settled = worker.drain(queue, until=until).settled
        if not settled:  # another host has locked what is due
            return f"{done} delivered"
        done += settled
    if queue in worker.due_queues(now=timezone.now()):
        doorbell.Ring(queue)()
    return f"{done} delivered"


def _due_soon(queue: str) -> bool:
    """Wait for what is due within LINGER seconds, since nobody rings when its time has come."""
    seconds = worker.seconds_until_due(queue, now=timezone.now())
    if seconds is None or seconds > LINGER:
        return False
    time.sleep(seconds)
    return True


def redeliver_due(**_: Any) -> str:
    """Ring for what a lost doorbell, a retry or a killed worker has left behind."""
    due = worker.due_queues(now=timezone.now())
    for name in due:
        doorbell.acknowledge(name)
        doorbell.Ring(name)()
    return f"{len(due)} queues rung"


def prune(**_: Any) -> str:
    pruned = pruning.prune(before=timezone.now() - KEEP)
    return f"{pruned} events pruned"
