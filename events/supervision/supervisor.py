"""
The supervisor: starts worker processes and django-q2's cluster, and replaces what ends.

It does no work of its own, so it has no reason to end. Should it be killed all the same, its
children work on; the next supervisor on the host makes them end.
"""

import logging
import os
import signal
import time
from collections.abc import Sequence
from typing import Any, Final

from events.supervision import supervisors
from events.supervision.children import Child, TaskCluster

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 0.5
"""Seconds between two looks at the children."""
GRACE: Final = 8.5
"""Seconds after SIGTERM before children are killed; they end by themselves a little earlier."""


class Supervisor:
    """Serves `queues` with at most `processes` worker processes, beside django-q2's cluster."""

    def __init__(self, queues: Sequence[str], *, processes: int) -> None:
        self._ending = False
        self._children: list[Child] = [
            Child(f"worker of {', '.join(group)}", ["worker", *_options(group)])
            for group in shared_out(queues, processes)
        ]
        self._children.append(TaskCluster("django-q2's cluster", ["task_cluster"]))

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT, and end all children within ten seconds then."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        with supervisors.counted():
            logger.info("supervisor %d starts", os.getpid())
            while not self._ending:
                self._look_after_children()
                time.sleep(LOOK_EVERY)
            self._end_children()

    def _end(self, *_: Any) -> None:
        self._ending = True

    def _look_after_children(self) -> None:
        for child in self._children:
            if reason := child.why_it_must_be_replaced():
                child.replace(reason)
            if not self._ending:
                child.start_if_due()

    def _end_children(self) -> None:
        logger.info("supervisor %d ends its children", os.getpid())
        for child in self._children:
            child.ask_to_end()
        until = time.monotonic() + GRACE
        while time.monotonic() < until and not all(c.has_ended() for c in self._children):
            time.sleep(0.05)
        for child in self._children:
            if not child.has_ended():
                logger.warning("%s (pid %s) did not end: killed", child.name, child.pid)
            # Also one that has ended: what it has left behind belongs to its group.
            child.kill()


def shared_out(queues: Sequence[str], processes: int) -> list[list[str]]:
    """Share the queues out among at most so many processes, one each if there are enough."""
    number = max(1, min(processes, len(queues)))
    return [list(queues[start::number]) for start in range(number)] if queues else []


def _options(queues: Sequence[str]) -> list[str]:
    return [part for queue in queues for part in ("--queue", queue)]
