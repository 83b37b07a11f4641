"""Child processes of the supervisor: start them, notice how they ended, replace them."""

import logging
import os
import signal
import time
from contextlib import suppress
from typing import Final

import psutil

from events.supervision import forks
from events.supervision.forks import Work

logger = logging.getLogger(__name__)

QUICK_END: Final = 5.0
"""Seconds of life below which an end counts as a failed start."""
LONGEST_PAUSE: Final = 10.0
"""Seconds between two starts of a child that fails at every start."""

ProcessKey = tuple[int, float]
"""Pid and start time: pids are used again."""


class Child:
    """Work in a process of its own, which is started again when it ends."""

    leads_a_group = False
    """Whether the process has a group of its own, so that a signal reaches all of its processes."""

    def __init__(self, name: str, work: Work, *, title: str) -> None:
        self.name = name
        self._work = work
        self._title = title
        self.pid: int | None = None
        self._code: int | None = None
        self._started_at = 0.0
        self._failures = 0
        self._start_at = 0.0

    def start_if_due(self) -> None:
        if self.pid is not None or time.monotonic() < self._start_at:
            return
        try:
            self.pid = forks.begin(self._work, title=self._title, own_group=self.leads_a_group)
        except OSError as error:  # no memory, or as many processes as this user may have
            logger.warning("%s cannot be started yet: %s", self.name, error, exc_info=error)
            self._start_later(failed=True)
            return
        self._code = None
        self._started_at = time.monotonic()

    def why_it_must_be_replaced(self) -> str:
        """Return what happened to the child; empty while it is well."""
        if self.pid is None or (code := self._exit_code()) is None:
            return ""
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def replace(self, reason: str) -> None:
        """End what is left of the child; it starts again at once, later if it fails at each start."""
        logger.warning("%s (pid %s) %s: replaced", self.name, self.pid, reason)
        quick = time.monotonic() - self._started_at < QUICK_END
        self.kill()
        self._start_later(failed=quick)

    def _start_later(self, *, failed: bool) -> None:
        """At once; after one failed start after another, with a growing pause."""
        self._failures = self._failures + 1 if failed else 0
        pause = 0.0 if not self._failures else 0.25 * 2 ** min(self._failures, 10)
        self._start_at = time.monotonic() + min(pause, LONGEST_PAUSE)

    def ask_to_end(self) -> None:
        if self.pid is not None and self._exit_code() is None:
            os.kill(self.pid, signal.SIGTERM)

    def has_ended(self) -> bool:
        return self.pid is None or self._exit_code() is not None

    def kill(self) -> None:
        if self.pid is not None and self._exit_code() is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.pid = None

    def _exit_code(self) -> int | None:
        """Return how the process ended, negative for a signal; None while it runs."""
        if self._code is None and self.pid is not None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code


class TaskCluster(Child):
    """
    django-q2's cluster, which is replaced as a whole when any of its processes is gone.

    Its workers read tasks from one pipe, one after the other. A worker that is killed while it
    reads takes the lock of the pipe along: the others wait for ever, and nothing shows it.
    """

    leads_a_group = True

    def __init__(self, name: str, work: Work, *, title: str) -> None:
        super().__init__(name, work, title=title)
        self._known: set[ProcessKey] = set()

    def why_it_must_be_replaced(self) -> str:
        if reason := super().why_it_must_be_replaced():
            return reason
        if self.pid is None:
            return ""
        alive = _tree(self.pid)
        gone = self._known - alive
        self._known |= alive
        return f"lost its process {min(gone)[0]}" if gone else ""

    def kill(self) -> None:
        """Kill all of the cluster's processes, also those whose parent was killed before."""
        if self.pid is None:
            return
        group = self.pid
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        super().kill()
        _reap(group)
        self._known.clear()


def _tree(pid: int) -> set[ProcessKey]:
    """
    List the process, its children and theirs that are alive.

    Deeper ones are what a task has started: those may end when they like.
    """
    try:
        root = psutil.Process(pid)
        children = root.children()
        found = [root, *children, *(own for child in children for own in child.children())]
        return {(p.pid, p.create_time()) for p in found if p.status() != psutil.STATUS_ZOMBIE}
    except psutil.NoSuchProcess:
        return set() if not psutil.pid_exists(pid) else _tree(pid)


def _reap(group: int) -> None:
    """Collect processes of the group that were left to this one, as to the first of a container."""
    with suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass
