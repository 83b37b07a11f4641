"""The checks of this room, for `events.health`."""

from collections.abc import Iterator

from events import health, liveness
from events.health import Scope
from events.inspection import postgresql, workers
from events.models import Heartbeat
from events.postgresql import advisory_locks


def register_all() -> None:
    advisory_locks.register_names(worker_locks)
    database = postgresql.REMEDY
    health.register("database", postgresql.answers, scope=Scope.READY, remedy=database)
    health.register("broker", postgresql.queue_is_there, scope=Scope.READY, remedy=database)
    health.register(
        "migrations", postgresql.is_migrated, scope=Scope.READY, remedy=database, seconds=10
    )
    for name, probe in (
        ("workers", workers.all_queues_are_served),
        ("scheduler", workers.scheduler_runs),
        ("failed_tasks", workers.no_task_has_failed),
    ):
        health.register(name, probe, scope=Scope.DETAILED, remedy=database)
    health.register("postgresql", postgresql.server, scope=Scope.DOCTOR, remedy=database)
    health.register("pooling", postgresql.pool_mode, scope=Scope.DOCTOR, remedy=database)


def worker_locks() -> Iterator[str]:
    """Yield the names of the locks that show that workers are alive."""
    yield from map(liveness.lock_of, Heartbeat.objects.values_list("pk", flat=True))
