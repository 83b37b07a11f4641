"""
Circuit breaker of a provider, shared by all workers: one row, read at each claim.

Closed → open after N failures in a row → half open after a while: one probe → closed, or open
again. A probe that is not answered may have been billed, so each in a row doubles the while.
The row also has the pause: the provider itself said that asking is useless for now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import audit
from events.postgresql.one_trip import Statement
from events.postgresql.prepared import Prepared
from vision import metrics
from vision.models import ProviderHealth
from vision.providers.port import ErrorClass

CIRCUIT_OPEN = "circuit_open"
PROBE_LEASE = timedelta(minutes=4)
"""After this, a probe whose worker is gone no longer keeps others from probing."""
PAUSE = timedelta(minutes=15)
"""How long no worker asks after "payment required" or refused credentials."""
LONGEST = timedelta(minutes=15)
"""How long nobody probes at most, however many probes were not answered; longer only where set so."""
WORTH_WAITING = timedelta(minutes=1)
"""A pause after a rate limit that deliveries wait out; in a longer one OCR stands in."""


@dataclass(frozen=True, slots=True)
class Permission:
    """
    Whether the provider may be asked now; if not, the reason, and until when.

    `worth_waiting`: `until` is so near that the delivery comes back then.
    """

    reason: str = ""
    until: datetime | None = None
    worth_waiting: bool = False

    @property
    def allowed(self) -> bool:
        return not self.reason


_CLOSED: Final[dict[str, Any]] = {
    "failures": 0, "open_until": None, "probe_until": None, "unanswered_probes": 0,
}  # fmt: skip
_ROW = Prepared(ProviderHealth.objects.filter, provider="a provider")


def row_of(provider: str) -> Statement:
    """The provider's row, if it has ever failed or paused."""
    return _ROW.statement(provider=provider)


def admit(provider: str, row: ProviderHealth | None, *, now: datetime) -> Permission:
    """
    Whether the provider may be asked, by its row as it has just been read.

    Call it in the transaction that claims: permission to probe goes to one caller only.
    """
    if row is None:
        return Permission()
    if row.paused_until and row.paused_until > now:
        is_short = row.paused_until - now <= WORTH_WAITING
        busy = row.pause_reason == ErrorClass.RETRYABLE_RATE_LIMIT and is_short
        return _rejected(provider, Permission(row.pause_reason, row.paused_until, busy))
    if row.open_until is None:
        return Permission()
    if row.open_until > now or not _probe(row, now=now):
        return _rejected(provider, Permission(CIRCUIT_OPEN, max(row.open_until, now)))
    return Permission()


def succeeded(provider: str, *, is_failing: bool = True) -> None:
    """
    Close the breaker: the provider answered. `is_failing` is False where all is known to be well.

    A pause stays: it may have been set while this very call was in progress.
    """
    metrics.BREAKER_CALLS.labels(provider, "success").inc()
    if not is_failing:
        return
    # Nothing is written while all is well: an update at each answer would make workers queue.
    failing = ProviderHealth.objects.filter(provider=provider, failures__gt=0)
    row = failing.first()
    if row is None:
        return
    if failing.update(**_CLOSED) and row.open_until:
        metrics.BREAKER_TRANSITIONS.labels(provider, "closed").inc()


def reset(providers: QuerySet[ProviderHealth]) -> int:
    """Close breakers and end pauses, as an operator wants it; returns how many."""
    with transaction.atomic():
        for row in providers:
            before = {"failures": row.failures, "pause": row.pause_reason}
            audit.record("provider.resumed", target=row, before=before)
        return providers.update(**_CLOSED, paused_until=None, pause_reason="")


def failed(provider: str, *, details: str, now: datetime, maybe_billed: bool = False) -> None:
    """
    Count one more failure in a row; at the threshold the breaker opens.

    `maybe_billed`: the call was sent and not answered.
    """
    metrics.BREAKER_CALLS.labels(provider, "failure").inc()
    metrics.BREAKER_FAILURES.labels(provider).inc()
    row = _locked(provider)
    was_open, was_probe = row.open_until is not None, row.probe_until is not None
    row.failures += 1
    if was_probe:
        row.unanswered_probes = row.unanswered_probes + 1 if maybe_billed else 0
    row.details = details[:200]
    if row.failures >= settings.GIGACHAT.circuit_breaker_failure_threshold:
        row.open_until, row.probe_until = now + _rest(row.unanswered_probes), None
        if not was_open:
            metrics.BREAKER_TRANSITIONS.labels(provider, "open").inc()
    row.save()


def pause(provider: str, *, reason: str, details: str, until: datetime) -> None:
    """Let nobody ask before `until`; a longer pause that was set already stays."""
    row = _locked(provider)
    row.paused_until = max(until, row.paused_until or until)
    row.pause_reason, row.details = reason, details[:200]
    row.save()


def is_open(provider: str) -> bool:
    """Whether calls have failed in a row so often that the provider is left alone, or probed."""
    return ProviderHealth.objects.filter(provider=provider, open_until__isnull=False).exists()


def state(row: ProviderHealth | None, *, now: datetime) -> str:
    """`closed`, `open`, `half_open` or `paused`, for people and gauges."""
    if row is None:
        return "closed"
    if row.paused_until and row.paused_until > now:
        return "paused"
    if row.open_until is None:
        return "closed"
    return "open" if row.open_until > now else "half_open"


def _rest(unanswered_probes: int) -> timedelta:
    """How long nobody asks: each probe that was not answered counted its ceiling as used."""
    usual = timedelta(seconds=settings.GIGACHAT.circuit_breaker_recovery_timeout)
    doublings = min(unanswered_probes, 10)  # a great power is no timedelta any more
    return max(usual, min(usual * (1 << doublings), LONGEST))


def _probe(row: ProviderHealth, *, now: datetime) -> bool:
    """Whether this caller may probe: one of all that come while the breaker is half open."""
    free = Q(probe_until__isnull=True) | Q(probe_until__lte=now)
    # The conditional update decides: of several callers, one finds the row unchanged.
    mine = ProviderHealth.objects.filter(free, pk=row.pk, open_until__lte=now)
    if not mine.update(probe_until=now + PROBE_LEASE):
        return False
    metrics.BREAKER_TRANSITIONS.labels(row.provider, "half_open").inc()
    return True


def _rejected(provider: str, permission: Permission) -> Permission:
    metrics.BREAKER_CALLS.labels(provider, "rejected").inc()
    return permission


def _locked(provider: str) -> ProviderHealth:
    ProviderHealth.objects.get_or_create(provider=provider)
    return ProviderHealth.objects.select_for_update().get(provider=provider)
