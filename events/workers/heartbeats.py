"""
Heartbeats: a row per worker process, which says what it serves and that it is at work.

The lock of `events.workers.liveness` says that a process exists, at once and exactly, and decides about
its work. A heartbeat is for people and monitoring: it comes from the main thread of the worker, so
a process that hangs as a whole shows none. All times are PostgreSQL's, so clocks of hosts that
differ make nobody look dead.
"""

import os
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from events.models import Heartbeat
from events.workers import clock, liveness

EVERY: Final = 5.0
"""Seconds between two heartbeats of a worker process: one small update."""
SILENT_AFTER: Final = 15.0
"""Seconds without a heartbeat after which a worker process counts as not running."""

_BEAT = """
    INSERT INTO events_heartbeat (id, host, pid, queues, clock_ahead, started_at, seen_at)
    VALUES (%s, %s, %s, %s, %s, now(), now())
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, clock_ahead = excluded.clock_ahead
"""
# Rows of processes that were killed; a day is long enough for whoever asks what ran here.
_FORGET = "DELETE FROM events_heartbeat WHERE seen_at < now() - interval '1 day'"
_RUNNING = """
    SELECT id, host, pid, queues, started_at, extract(epoch FROM now() - seen_at)::float, clock_ahead
    FROM events_heartbeat WHERE seen_at > now() - make_interval(secs => %s)
    ORDER BY host, pid
"""


@dataclass(frozen=True, slots=True)
class RunningWorker:
    """
    A worker process with a recent heartbeat, which is `seconds_ago` old.

    `clock_ahead`: the seconds by which its host's clock is ahead of PostgreSQL's.
    """

    id: uuid.UUID
    host: str
    pid: int
    queues: tuple[str, ...]
    started_at: Any
    seconds_ago: float
    clock_ahead: float = 0.0

    @property
    def takes_work(self) -> bool:
        """Whether its clock is as right as work needs it, see `events.workers.clock`."""
        return abs(self.clock_ahead) <= clock.TOLERATED

    def as_dict(self) -> dict[str, object]:
        return {
            "host": self.host,
            "pid": self.pid,
            "queues": list(self.queues),
            "started_at": self.started_at.isoformat(),
            "seen_seconds_ago": round(self.seconds_ago, 1),
            "clock_ahead_seconds": round(self.clock_ahead, 1),
        }


def beat(queues: Sequence[str]) -> None:
    """Note that this process serves `queues` and is at work, and compare its clock."""
    process = [liveness.worker_id(), socket.gethostname(), os.getpid()]
    values: list[Any] = [*process, list(queues), clock.ask()]
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, values)
        cursor.execute(_FORGET)


def end() -> None:
    """Note that this process has ended as asked. Before `liveness.stop`, which forgets the id."""
    Heartbeat.objects.filter(pk=liveness.worker_id()).delete()


def running() -> list[RunningWorker]:
    """Return the worker processes of all hosts with a recent heartbeat."""
    with connection.cursor() as cursor:
        cursor.execute(_RUNNING, [SILENT_AFTER])
        return [
            RunningWorker(pk, host, pid, tuple(queues), started_at, seconds, ahead)
            for pk, host, pid, queues, started_at, seconds, ahead in cursor.fetchall()
        ]


def unserved(queues: Sequence[str]) -> list[str]:
    """Return those of `queues` that no running worker serves, or only some with wrong clocks."""
    served = {queue for worker in running() if worker.takes_work for queue in worker.queues}
    return [queue for queue in queues if queue not in served]
