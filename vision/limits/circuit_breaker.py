"""
One breaker for all workers: a row, read at each claim and written only when something fails.

Closed → open after N failures in a row → after a while one probe → closed, or open again.
Beside it stands the pause: the provider said itself that asking is useless for now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from vision import metrics
from vision.models import ProviderHealth
from vision.providers.port import ErrorClass

CIRCUIT_OPEN = "circuit_open"
PROBE_LEASE = timedelta(minutes=2)
"""After this a probe whose worker is gone no longer keeps others from probing."""
PAUSE = timedelta(minutes=15)
"""How long nobody asks after "payment required" or refused credentials."""
LONGEST_WAIT = timedelta(minutes=1)
"""A rate limit holds pictures back for so long at most; then one asks again."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether one may ask now. If not: why, until when, and whether it is worth waiting for."""

    reason: str = ""
    until: datetime | None = None
    worth_waiting: bool = False

    @property
    def allowed(self) -> bool:
        return not self.reason


def admit(provider: str, *, now: datetime) -> Admission:
    """In the transaction that claims: a probe is a claim, too."""
    row = ProviderHealth.objects.filter(provider=provider).first()
    if row is None:
        return Admission()
    if row.paused_until and row.paused_until > now:
        busy = row.pause_reason == ErrorClass.RETRYABLE_RATE_LIMIT
        return _rejected(provider, Admission(row.pause_reason, row.paused_until, busy))
    if row.open_until is None:
        return Admission()
    if row.open_until > now or not _probe(row, now=now):
        return _rejected(provider, Admission(CIRCUIT_OPEN, max(row.open_until, now)))
    return Admission()


def succeeded(provider: str) -> None:
    """
    The provider answered: the row of failures is over.

    A pause is not: it may have been ordered while this very call was under way.
    """
    metrics.BREAKER_CALLS.labels(provider, "success").inc()
    troubled = ProviderHealth.objects.filter(provider=provider, failures__gt=0)
    was_open = troubled.filter(open_until__isnull=False).exists()
    if troubled.update(failures=0, open_until=None, probe_until=None) and was_open:
        metrics.BREAKER_TRANSITIONS.labels(provider, "closed").inc()


def forgive(providers: QuerySet[ProviderHealth]) -> int:
    """A person says that all is well again: whoever comes next may ask."""
    return providers.update(
        failures=0, open_until=None, probe_until=None, paused_until=None, pause_reason=""
    )


def failed(provider: str, *, details: str, now: datetime) -> None:
    """One more failure in a row; the one that fills the measure opens the breaker."""
    metrics.BREAKER_CALLS.labels(provider, "failure").inc()
    metrics.BREAKER_FAILURES.labels(provider).inc()
    row = _locked(provider)
    was_open = row.open_until is not None
    row.failures += 1
    row.details = details[:200]
    if row.failures >= settings.GIGACHAT.circuit_breaker_failure_threshold:
        seconds = settings.GIGACHAT.circuit_breaker_recovery_timeout
        row.open_until, row.probe_until = now + timedelta(seconds=seconds), None
        if not was_open:
            metrics.BREAKER_TRANSITIONS.labels(provider, "open").inc()
    row.save()


def pause(provider: str, *, reason: str, details: str, until: datetime) -> None:
    """Nobody asks before `until`."""
    row = _locked(provider)
    row.paused_until = max(until, row.paused_until or until)
    row.pause_reason, row.details = reason, details[:200]
    row.save()


def state(row: ProviderHealth | None, *, now: datetime) -> str:
    """`closed`, `open`, `half_open` or `paused`, for people and gauges."""
    if row is None:
        return "closed"
    if row.paused_until and row.paused_until > now:
        return "paused"
    if row.open_until is None:
        return "closed"
    return "open" if row.open_until > now else "half_open"


def _probe(row: ProviderHealth, *, now: datetime) -> bool:
    """Of all who come after the wait, one may ask."""
    free = Q(probe_until__isnull=True) | Q(probe_until__lte=now)
    mine = ProviderHealth.objects.filter(free, pk=row.pk, open_until__lte=now)
    if not mine.update(probe_until=now + PROBE_LEASE):
        return False
    metrics.BREAKER_TRANSITIONS.labels(row.provider, "half_open").inc()
    return True


def _rejected(provider: str, admission: Admission) -> Admission:
    metrics.BREAKER_CALLS.labels(provider, "rejected").inc()
    return admission


def _locked(provider: str) -> ProviderHealth:
    ProviderHealth.objects.get_or_create(provider=provider)
    return ProviderHealth.objects.select_for_update().get(provider=provider)
