"""A worker process: serves queues until SIGTERM, each in a loop of its own."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from django.db import Error, connection, connections

from events import subscriptions
from events.delivery import recovery, worker
from events.supervision import forks, supervisors
from events.workers import ending, heartbeats, liveness

logger = logging.getLogger(__name__)

GRACE: Final = 7.0
"""Seconds after SIGTERM in which work in hand may finish; what cannot is left to its lease."""
SWITCH_SECONDS: Final = 0.001
"""
How long a thread that calculates keeps others from going on, who mostly only send the next
statement. Python's five milliseconds, at each of some thirty answers, were a picture's longest wait.
"""
PROJECTIONS_NICE: Final = 10
"""
The niceness of a process that serves projections only, a tenth of the share of others: texts that
are encoded for the search by meaning would else take half a core from paid questions and fresh posts.
"""
LOOK_EVERY: Final = 0.25
ORPHAN_CHECK_EVERY: Final = 1.0


class WorkerProcess:
    """
    Serves `queues`, and runs the recoveries of all rooms.

    A process whose supervisor was killed works on, until another supervisor is alive here.
    """

    def __init__(self, queues: Sequence[str], *, supervisor_pid: int | None = None) -> None:
        self._queues = queues
        self._supervisor_pid = supervisor_pid
        # A plain flag, no threading.Event: a signal's handler must not wait for the Event's lock,
        # which the thread that it interrupts may hold.
        self._ending = False
        self._crashed: list[str] = []
        self._beat_at = 0.0

    def run(self) -> int:
        """Work until the end is asked for; returns 0, or 1 when a loop crashed."""
        sys.setswitchinterval(SWITCH_SECONDS)
        if makes_way(self._queues):
            _go_last()
        for number in forks.ASKED_TO_END:
            signal.signal(number, self._end)
        loops = [
            threading.Thread(target=self._loop, args=(queue,), name=f"queue {queue}", daemon=True)
            for queue in self._queues
        ]
        for loop in loops:
            loop.start()
        logger.info("worker %d serves %s", os.getpid(), ", ".join(self._queues))
        self._supervise()
        self._wait_for(loops)
        _noted(heartbeats.end)
        liveness.stop()
        return 1 if self._crashed else 0

    def _end(self, *_: Any) -> None:
        self._ending = True
        ending.ask()

    def _proceed(self) -> bool:
        return not self._ending

    def _loop(self, queue: str) -> None:
        try:
            worker.serve(queue, proceed=self._proceed)
        except BaseException:
            # The process ends and is replaced: half of its queues would be served by nobody.
            logger.exception("the loop of queue %s crashed", queue)
            self._crashed.append(queue)
            self._end()
        finally:
            connections.close_all()

    def _supervise(self) -> None:
        recovered_at = checked_at = time.monotonic()
        self._beat()
        while not self._ending:
            time.sleep(LOOK_EVERY)
            now = time.monotonic()
            if now - self._beat_at >= heartbeats.EVERY:
                self._beat()
            if now - recovered_at >= recovery.EVERY:
                recovery.run_all()
                recovered_at = time.monotonic()
            if now - checked_at >= ORPHAN_CHECK_EVERY:
                checked_at = now
                if supervisors.is_replaced(self._supervisor_pid):
                    logger.warning("worker %d ends: another supervisor is here", os.getpid())
                    self._end()

    def _beat(self) -> None:
        self._beat_at = time.monotonic()
        _noted(partial(heartbeats.beat, self._queues))

    def _wait_for(self, loops: Sequence[threading.Thread]) -> None:
        until = time.monotonic() + GRACE
        for loop in loops:
            loop.join(max(0.0, until - time.monotonic()))
        if unfinished := [loop.name for loop in loops if loop.is_alive()]:
            logger.warning(
                "worker %d ends in the middle of its work, which others take up: %s",
                os.getpid(), ", ".join(unfinished),
            )  # fmt: skip


def makes_way(queues: Sequence[str]) -> bool:
    """Whether who serves these queues has only what may lag behind: projections."""
    return all(map(subscriptions.is_of_projections, queues))


def _go_last() -> None:
    """Let other processes go first; one that was started with less is left as it is."""
    nice = max(PROJECTIONS_NICE, os.getpriority(os.PRIO_PROCESS, 0))
    os.setpriority(os.PRIO_PROCESS, 0, nice)


def _noted(note: Callable[[], None]) -> None:
    """Write a heartbeat or its end; without a connection it is left out, and the work goes on."""
    try:
        note()
    except Error as error:
        logger.warning("no heartbeat: %s", error, exc_info=error)
        connection.close()
