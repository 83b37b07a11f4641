"""The checks of this room, for `/health/detailed` and `doctor`."""

from collections.abc import Iterator
from typing import Final

from accounts.models import Tenant
from events import health
from events.health import Scope
from events.inspection import postgresql, task_facts
from events.postgresql import advisory_locks
from vision.health import budgets, gigachat, installation, tagging
from vision.limits import concurrency
from vision.tagging.asked import ask

SUBSCRIBERS: Final = ("vision.analyze", "vision.analyze_backfill", "vision.record_failure")


def register() -> None:
    """Register the checks of this room, in the order in which they are told."""
    advisory_locks.register_names(lock_names)
    _register_work()
    _register_tagging()
    _register_installation()
    _register_gigachat()


def _register_work() -> None:
    health.register(
        "vision_analysis",
        task_facts.probe_of(SUBSCRIBERS),
        scope=Scope.DETAILED,
        remedy=postgresql.REMEDY,
        is_task=True,
        needs=postgresql.CHECK,
    )
    health.register(
        "provider",
        gigachat.state,
        scope=Scope.DETAILED,
        remedy=postgresql.REMEDY,
        needs=postgresql.CHECK,
    )


def _register_tagging() -> None:
    health.register(
        "tagging",
        task_facts.probe_of(tagging.SUBSCRIBERS, figures=tagging.figures),
        scope=Scope.DETAILED,
        remedy=postgresql.REMEDY,
        is_task=True,
        needs=postgresql.CHECK,
    )
    health.register(
        "tags",
        tagging.state,
        scope=Scope.DOCTOR,
        remedy=postgresql.REMEDY,
        seconds=10,
        needs=postgresql.CHECK,
    )
    health.register(
        "tagger",
        tagging.reachable,
        scope=Scope.DOCTOR,
        remedy=gigachat.REMEDY,
        seconds=25,
        needs=postgresql.CHECK,
    )


def _register_installation() -> None:
    health.register(
        "budget",
        budgets.tokens_are_left,
        scope=Scope.DOCTOR,
        remedy=postgresql.REMEDY,
        seconds=10,
        needs=postgresql.CHECK,
    )
    for name, probe in (
        ("vision", installation.is_switched_on),
        ("policy", installation.policy),
        ("tesseract", installation.tesseract),
    ):
        health.register(name, probe, scope=Scope.DOCTOR, remedy=postgresql.REMEDY, seconds=10)


def _register_gigachat() -> None:
    health.register(
        "gigachat", gigachat.account, scope=Scope.DOCTOR, remedy=gigachat.REMEDY, seconds=25
    )
    health.register(
        "gigachat_picture", gigachat.picture, scope=Scope.PAID, remedy=gigachat.REMEDY, seconds=60
    )


def lock_names() -> Iterator[str]:
    """Yield the names of this room's advisory locks."""
    tenants = [str(pk) for pk in Tenant.objects.values_list("pk", flat=True)]
    for tenant in tenants:
        yield from (f"vision:tenant:{tenant}", f"vision:hashes:{tenant}", f"vision:tags:{tenant}")
        yield from (f"vision:tagger:{tenant}:{shard}" for shard in ask.SHARDS)
    yield from concurrency.lock_names("vision:gigachat", tenants=tenants)
