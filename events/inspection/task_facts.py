"""
The state of one of the workers' tasks, as `.tasks` of `/health/detailed` shows it.

A task is what a room's subscribers do together, such as assembling albums. Fields and thresholds
are those of CONTRACT §10.10; `broker_connected` stands for `redis_connected`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from django.db.models import QuerySet

from events import subscriptions
from events.health import Finding, Status
from events.health.registry import Probe
from events.inspection.workers import START
from events.models import OPEN_STATES, Delivery, DeliveryState
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from events.workers import heartbeats

DEGRADED_FROM: Final = 100
"""A backlog above this is worth knowing (CONTRACT §10.10)."""
_BACKLOG: Final = Sentence(_("%(condition)s, backlog %(size)s"))
COUNTED: Final = 100_000
"""A backlog is counted up to this number: an import can leave a million."""

Figures = Callable[[], Mapping[str, Any]]
"""Figures of the room for its task. `in_progress_is_high` is not shown, but degrades the task."""


class Condition(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    DISABLED = "disabled"
    """Switched off by a setting: nobody subscribes, and nothing is wrong."""


_SHOWN: Final = (_("healthy"), _("degraded"))
"""The conditions that a finding names."""


UNKNOWN: Final[Mapping[str, object]] = {
    "status": Condition.UNHEALTHY.value,
    "broker_connected": False,
    "running": False,
    "backlog_size": None,
    "last_error": "the database does not answer",
}
"""The facts of a task while PostgreSQL does not answer."""


def probe_of(subscribers: Sequence[str], *, figures: Figures = dict) -> Probe:
    """Return a probe of the task that these subscribers do, with the room's own figures."""

    def probe() -> Iterator[Finding]:
        own = dict(figures())
        is_high = bool(own.pop("in_progress_is_high", False))
        yield _finding(_common(subscribers) | own, is_high=is_high)

    return probe


def _common(subscribers: Sequence[str]) -> dict[str, Any]:
    known = [s for s in subscriptions.registered() if s.name in subscribers]
    queues = sorted({subscription.queue for subscription in known})
    return {
        "status": "",
        "broker_connected": True,
        "enabled": bool(known),
        "running": bool(known) and not heartbeats.unserved(queues),
        "backlog_size": _backlog(subscribers),
        "last_error": _last_error(subscribers),
    }


def _finding(facts: dict[str, Any], *, is_high: bool) -> Finding:
    condition = _condition(facts, is_high=is_high)
    facts["status"] = condition.value
    detail = _BACKLOG % {"condition": condition.value, "size": facts["backlog_size"]}
    match condition:
        case Condition.DISABLED:
            return Finding(Status.SKIPPED, _("switched off"), facts=facts)
        case Condition.UNHEALTHY:
            return Finding(Status.FAILED, _("no worker runs it"), START, facts=facts)
        case Condition.DEGRADED:
            more = _("more workers or hosts, if it does not get less")
            return Finding(Status.WARNING, detail, more, facts=facts)
        case _:
            return Finding(Status.OK, detail, facts=facts)


def _condition(facts: Mapping[str, Any], *, is_high: bool) -> Condition:
    if not facts["enabled"]:
        return Condition.DISABLED
    if not facts["running"]:
        return Condition.UNHEALTHY
    is_long = facts["backlog_size"] > DEGRADED_FROM
    return Condition.DEGRADED if is_long or is_high else Condition.HEALTHY


def _backlog(subscribers: Sequence[str]) -> int:
    waiting = _of(subscribers).filter(state__in=OPEN_STATES)
    return waiting.values("pk")[:COUNTED].count()


def _last_error(subscribers: Sequence[str]) -> str | None:
    """The newest failed task's error with its time; None if none has failed for good."""
    last = _of(subscribers).filter(state=DeliveryState.DEAD).order_by("-pk").first()
    if last is None:
        return None
    at = f" ({last.last_failed_at.isoformat(timespec='seconds')})" if last.last_failed_at else ""
    return f"{last.error_code}: {last.error_details}{at}"


def _of(subscribers: Sequence[str]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(subscriber__in=subscribers).order_by()
