"""
Requesting pictures of the backlog again: those that are due, or those that a person chooses.

Both go the same way (`backlog.request_again`): the event of an upload is published once more.
"""

from datetime import datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import audit
from accounts.models import Tenant
from events.postgresql import advisory_locks
from vision import providers
from vision.analysis import backlog, claims, follow_up
from vision.limits import budget, circuit_breaker
from vision.limits.ceiling import ceiling_of
from vision.models import AnalysisState, PaidAnalysis, ProviderHealth
from vision.policy import loader
from vision.policy.schema import PolicyRefused
from vision.providers.port import PaidVision


class Released(NamedTuple):
    """Rows that can be claimed or requested again: `claims` of dead workers, lost `requests`."""

    claims: int
    requests: int


def release_stale(*, now: datetime) -> Released:
    """
    Release what dead workers claimed, and what was requested again and never analyzed.

    Answers that they had saved are followed up.
    """
    follow_up.finish_interrupted(now=now)
    return Released(claims.release_stale_claims(now=now), backlog.release_unanswered(now=now))


def retry_due(*, now: datetime) -> int:
    """
    Request as many due pictures again as there are tokens for; returns the number of posts.

    None while the provider's breaker is open or paused, one while it is half open. What is
    requested and not yet analyzed counts against the tokens, so calls of this do not add up.
    """
    provider = providers.get_gigachat() if settings.VISION.feature_vision_enabled else None
    if provider is None:
        return 0
    health = ProviderHealth.objects.filter(provider=provider.name).first()
    state = circuit_breaker.state(health, now=now)
    if state in {"open", "paused"}:
        return 0
    most = 1 if state == "half_open" else backlog.MAX_AT_ONCE
    waiting = PaidAnalysis.objects.filter(state=AnalysisState.WAITING).values("tenant")
    tenants = Tenant.objects.filter(pk__in=waiting).order_by("pk")
    return sum(_retry_of(tenant, provider, most=most, now=now) for tenant in tenants)


def retry_now(rows: QuerySet[PaidAnalysis], *, now: datetime) -> int:
    """Request these pictures again, whatever they wait for, also failed ones; returns how many."""
    wanted = rows.filter(state__in=(AnalysisState.WAITING, AnalysisState.FAILED))
    provider, count = providers.get_gigachat(), 0
    for tenant_id in set(wanted.values_list("tenant_id", flat=True)):
        with transaction.atomic():
            # A locked row is being claimed or settled just now: that is the wanted retry.
            chosen = list(wanted.filter(tenant_id=tenant_id).select_for_update(skip_locked=True))
            for row in chosen:
                row.wait_reason = row.wait_reason or "asked_by_hand"
                row.attempts = row.retry_rounds = 0
                row.save(update_fields=["wait_reason", "attempts", "retry_rounds"])
            backlog.request_again(tenant_id, chosen, by=provider, now=now)
            _record(tenant_id, chosen)
            count += len(chosen)
    return count


def _record(tenant_id: UUID, chosen: list[PaidAnalysis]) -> None:
    after = {"pictures": len(chosen), "sha256": [row.sha256 for row in chosen]}
    audit.record("pictures.retried", tenant=Tenant.objects.get(pk=tenant_id), after=after)


def _retry_of(tenant: Tenant, provider: PaidVision, *, most: int, now: datetime) -> int:
    try:
        policy = loader.current_policy(tenant)
    except PolicyRefused:
        return 0  # the analysis of any post of this tenant reports it
    limits = budget.limits_of(tenant, policy)
    cost = ceiling_of(provider.name, provider.model, policy)
    with transaction.atomic():
        # The same turn as for claims: two schedulers, or a claim in between, would count the
        # same tokens twice.
        advisory_locks.in_turn(budget.turn_of(tenant.pk))
        spent = budget.spent(tenant, now)
        chosen: list[PaidAnalysis] = []
        for is_recent in (True, False):
            room = budget.room(spent, limits, is_recent=is_recent)
            requested = _requested(tenant) + len(chosen)
            fit = most if room is None else min(most, room // cost)
            chosen += islice(_due(tenant, is_recent=is_recent, now=now), max(0, fit - requested))
        return backlog.request_again(tenant.pk, chosen, by=provider, now=now)


def _requested(tenant: Tenant) -> int:
    """Pictures requested again and not yet analyzed: their tokens are as good as reserved."""
    rows = PaidAnalysis.objects.filter(tenant=tenant, state=AnalysisState.REQUESTED)
    return rows.filter(requested_at__isnull=False).count()


def _due(tenant: Tenant, *, is_recent: bool, now: datetime) -> QuerySet[PaidAnalysis]:
    due = Q(due_at__isnull=True) | Q(due_at__lte=now)
    rows = backlog.waiting_of(tenant.pk).filter(due, is_recent=is_recent)
    return rows.select_for_update(skip_locked=True)[: backlog.MAX_AT_ONCE]
