"""
The supervisor: starts worker processes and django-q2's cluster, and replaces what ends.

It does no work of its own, so it has no reason to end. Should it be killed all the same, its
children work on; the next supervisor on the host makes them end.

Its children are forks of it: they begin within a tenth of a second, and what is imported is in
memory once. So it stays what can be forked: it has one thread and no connection.
"""

import logging
import os
import signal
import time
from collections.abc import Sequence
from typing import Any, Final

from django.core.management import call_command

from events.supervision import forks, supervisors
from events.supervision.children import Child, TaskCluster
from events.supervision.worker_process import WorkerProcess

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 0.5
"""Seconds between two looks at the children."""
GRACE: Final = 8.5
"""Seconds after SIGTERM before children are killed; they end by themselves a little earlier."""


class Supervisor:
    """Serves `queues` with at most `processes` worker processes, beside `others`."""

    def __init__(
        self, queues: Sequence[str], *, processes: int, others: Sequence[Child] = ()
    ) -> None:
        self._ending = False
        self._children: list[Child] = [_worker(group) for group in shared_out(queues, processes)]
        self._children += [_task_cluster(), *others]

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT, and end all children within ten seconds then."""
        for number in forks.ASKED_TO_END:
            signal.signal(number, self._end)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored by some who start us: no exit codes
        with supervisors.counted():
            logger.info("supervisor %d starts", os.getpid())
            forks.share_memory()
            while not self._ending:
                self._supervise_children()
                time.sleep(LOOK_EVERY)
            self._end_children()

    def _end(self, *_: Any) -> None:
        self._ending = True

    def _supervise_children(self) -> None:
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


def _worker(queues: Sequence[str]) -> Child:
    listed = ", ".join(queues)
    work = WorkerProcess(queues, supervisor_pid=os.getpid()).run
    return Child(f"worker of {listed}", work, title=f"worker {listed}")


def _task_cluster() -> Child:
    supervisor = os.getpid()
    return TaskCluster(
        "django-q2's cluster",
        lambda: call_command("task_cluster", supervisor=supervisor),
        title="scheduler",
    )
