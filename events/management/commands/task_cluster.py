import logging
import os
import signal
import threading
import time
from argparse import SUPPRESS
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, connection
from django_q import cluster as django_q_cluster
from django_q.cluster import Cluster, Sentinel
from django_q.scheduler import scheduler

from events.management.json_command import CHECKED
from events.supervision import supervisors
from events.workers import clock

logger = logging.getLogger(__name__)

GRACE = 7.0
"""Seconds after SIGTERM in which tasks may finish; those that cannot are begun again later."""
ORPHAN_CHECK_EVERY = 0.5


class EndingCluster(Cluster):  # type: ignore[misc]  # django-q2 has no types
    """django-q2's cluster, which ends after GRACE even where its own end never comes."""

    def sig_handler(self, signum: int, frame: Any) -> None:
        # Its own end waits for workers, of which one that was killed may have stopped all.
        timer = threading.Timer(GRACE, _kill_group)
        timer.daemon = True
        timer.start()
        super().sig_handler(signum, frame)


class EndingSentinel(Sentinel):  # type: ignore[misc]  # django-q2 has no types
    """
    django-q2's sentinel, which ends the whole cluster where a process of it died.

    Its own way, a new process in the place of the dead one, leaves the others waiting for ever if
    the dead one held the lock of their queue. The supervisor starts a new cluster at once.
    """

    def reincarnate(self, process: Any) -> None:
        if os.getpgrp() != os.getppid():  # started by hand: the group is the shell's, not ours
            super().reincarnate(process)
            return
        logger.critical("%s of django-q2's cluster died: all of it ends", process.name)
        os.killpg(os.getpgrp(), signal.SIGKILL)


def schedule_if_the_clock_is_right(*, broker: Any) -> None:
    """Begin periodic jobs, unless by a clock after whose correction they would wait for too long."""
    try:
        agrees = clock.agrees_now()
    except Error as error:
        logger.warning("no periodic jobs for now: %s", error, exc_info=error)
        connection.close()
        return
    if agrees:
        scheduler(broker=broker)


django_q_cluster.Sentinel = EndingSentinel  # the cluster finds them there
django_q_cluster.scheduler = schedule_if_the_clock_is_right


class Command(BaseCommand):
    help = "Run the scheduler (django-q2's cluster) until SIGTERM or Ctrl-C. `qcluster` starts it."
    requires_system_checks = CHECKED

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--supervisor", type=int, metavar="PID", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        cluster = EndingCluster()
        cluster.start()
        group = _group_of(options["supervisor"])
        while cluster.sentinel.is_alive():
            time.sleep(ORPHAN_CHECK_EVERY)
            if group is not None and not _exists(group):
                _kill_group()  # supervisor and workers were killed together: so is their cluster
            if supervisors.is_replaced(options["supervisor"]):
                logger.warning("django-q2's cluster ends: another supervisor is here")
                cluster.sig_handler(signal.SIGTERM, None)


def _group_of(supervisor_pid: int | None) -> int | None:
    """Return the process group that the supervisor and its worker processes share."""
    try:
        return None if supervisor_pid is None else os.getpgid(supervisor_pid)
    except ProcessLookupError:
        return None


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _kill_group() -> None:
    """Kill this process and, where it leads a group of its own, all others of the cluster."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
