"""The checks of this room, for `events.health`."""

from collections.abc import Iterator

from events import health
from events.health import Scope
from events.inspection import postgresql, workers
from events.models import Heartbeat
from events.postgresql import advisory_locks
from events.workers import liveness


def register_all() -> None:
    advisory_locks.register_names(worker_locks)
    database, needs = postgresql.REMEDY, postgresql.CHECK
    health.register(needs, postgresql.answers, scope=Scope.READY, remedy=database)
    for name, probe, seconds in (
        ("broker", postgresql.queue_is_there, 5),
        ("migrations", postgresql.is_migrated, 10),
    ):
        health.register(
            name, probe, scope=Scope.READY, remedy=database, seconds=seconds, needs=needs
        )
    for name, probe in (
        ("workers", workers.all_queues_are_served),
        ("scheduler", workers.scheduler_runs),
        ("failed_tasks", workers.no_task_has_failed),
    ):
        health.register(name, probe, scope=Scope.DETAILED, remedy=database, needs=needs)
    for name, probe in (("postgresql", postgresql.server), ("pooling", postgresql.pool_mode)):
        health.register(name, probe, scope=Scope.DOCTOR, remedy=database, needs=needs)


def worker_locks() -> Iterator[str]:
    """Yield the names of the locks that show that workers are alive."""
    yield from map(liveness.lock_of, Heartbeat.objects.values_list("pk", flat=True))
