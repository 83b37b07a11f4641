"""The state of the last check, for the console, and whether the next one is due."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db.models import Count, Q

from storage_quota.models import IntegrityCheck, TenantUsage
from storage_quota.models.integrity import CheckState

STALE_AFTER: Final = timedelta(days=14)
EVERY: Final = timedelta(days=7)


class Condition(StrEnum):
    NEVER = "never"
    SOUND = "sound"
    PROBLEMS = "problems"
    STALE = "stale"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Health:
    """The last finished check: `problems` are not repaired yet; `checked_at` is when it ended."""

    condition: Condition
    problems: int = 0
    checked_at: datetime | None = None

    @property
    def is_alarming(self) -> bool:
        return self.condition not in {Condition.NEVER, Condition.SOUND}


def health(*, now: datetime) -> Health:
    """Assess by the newest two checks, of which at most one is unfinished: one or two queries."""
    newest = IntegrityCheck.objects.order_by("-id").annotate(
        unresolved=Count("findings", filter=Q(findings__outcome=""))
    )[:2]
    done = next((check for check in newest if check.state == CheckState.DONE), None)
    checked_at = done.finished_at if done else None
    if done and done.unresolved:
        return Health(Condition.PROBLEMS, done.unresolved, checked_at)
    if any(check.state == CheckState.FAILED for check in newest):
        return Health(Condition.FAILED, 0, checked_at)
    if checked_at is None:
        old = TenantUsage.objects.filter(created_at__lt=now - STALE_AFTER).exists()
        return Health(Condition.STALE if old else Condition.NEVER)
    is_stale = checked_at < now - STALE_AFTER
    return Health(Condition.STALE if is_stale else Condition.SOUND, 0, checked_at)


def is_due(*, now: datetime) -> bool:
    """Whether a check is unfinished, or the last one ended a week ago."""
    checks = IntegrityCheck.objects.all()
    recent = checks.filter(finished_at__gt=now - EVERY).exists()
    return not recent or checks.filter(finished_at__isnull=True).exists()
