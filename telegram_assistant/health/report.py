"""The answers of `/health`, made of the results of checks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from events import health
from events.health import Result, Scope, Status
from events.inspection.task_facts import UNKNOWN, Condition
from telegram_assistant.release import version

MAX_AGE: Final = 1.0
"""Seconds for which a result answers again: whoever asks often costs no more than that."""

READY: Final = "ready"
NOT_READY: Final = "not ready"


def results(scope: Scope) -> list[Result]:
    return health.run(health.registered(scope), max_age=MAX_AGE)


def is_ready(found: Iterable[Result]) -> bool:
    """Whether this process can answer anybody: whatever else is broken, it is told to people."""
    needed = (one for one in found if one.check.scope is Scope.READY)
    return all(one.status is not Status.FAILED for one in needed)


def readiness(found: Iterable[Result]) -> str:
    return READY if is_ready(found) else NOT_READY


def condition(found: Sequence[Result]) -> Condition:
    """Unhealthy if the process is not ready or no worker runs a task; degraded by any other."""
    if not is_ready(found) or any(_is_stopped(one) for one in found):
        return Condition.UNHEALTHY
    is_well = all(one.status not in {Status.FAILED, Status.WARNING} for one in found)
    return Condition.HEALTHY if is_well else Condition.DEGRADED


def summary(found: Sequence[Result]) -> dict[str, Any]:
    """
    For everybody: no more than which check failed.

    Its words are those of `/health/ready`: whether work is done as well is for `detailed` to say.
    """
    return {
        "status": readiness(found),
        "checks": {one.check.name: one.status.value for one in found},
    }


def release() -> dict[str, str]:
    return {"version": version(), "environment": "development" if settings.DEBUG else "production"}


def detailed(found: Sequence[Result]) -> dict[str, Any]:
    """For operators: each check in words, each task with its facts, the workers that run."""
    tasks = [one for one in found if one.check.is_task]
    others = [one for one in found if not one.check.is_task]
    database = next((one for one in found if one.check.name == "database"), None)
    is_connected = database is not None and database.status is Status.OK
    return {
        "status": condition(found).value,
        "service": "telegram-assistant",
        **release(),
        "timestamp": timezone.now().isoformat(timespec="seconds"),
        "broker_connected": is_connected,
        "checks": {one.check.name: _as_dict(one) for one in others},
        "tasks": {one.check.name: _facts(one) for one in tasks},
        **_workers(others),
    }


def _workers(found: Iterable[Result]) -> Mapping[str, object]:
    """The running worker processes, as the check of them has found them."""
    findings = (finding for one in found for finding in one.findings)
    facts = (finding.facts for finding in findings if "workers" in finding.facts)
    return next(facts, {"workers": []})


def _is_stopped(one: Result) -> bool:
    return one.check.is_task and one.status is Status.FAILED


def _as_dict(one: Result) -> dict[str, Any]:
    steps = [{key: value for key, value in _step(found).items() if value} for found in one.findings]
    return {"status": one.status.value, "seconds": round(one.seconds, 3), "findings": steps}


def _step(found: health.Finding) -> dict[str, str]:
    return {
        "step": found.step,
        "status": found.status.value,
        "detail": found.detail,
        "remedy": found.remedy if found.status in {Status.FAILED, Status.WARNING} else "",
    }


def _facts(one: Result) -> Mapping[str, object]:
    """The facts of a task; what is known without a database where it does not answer."""
    found = next((finding for finding in one.findings if finding.facts), None)
    return found.facts if found else UNKNOWN
