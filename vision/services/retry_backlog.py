"""Ask for waiting pictures again, as many as there are tokens for, the most important first."""

from datetime import datetime
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import Tenant
from events import advisory_locks
from vision import providers
from vision.analysis import backlog, claims
from vision.limits import budget, circuit_breaker
from vision.models import LookState, PictureLook, ProviderHealth
from vision.policy import loader
from vision.policy.schema import PolicyRefused
from vision.providers.port import PaidVision


def sweep(*, now: datetime) -> tuple[int, int]:
    """Claims of dead workers that were freed, and pictures asked for in vain that wait again."""
    return claims.release_lost(now=now), backlog.forget_asked(now=now)


def ask_due(*, now: datetime) -> int:
    """
    The scheduled round over all tenants; how many posts were published anew.

    Nothing while the provider is away; one picture where it is to be probed. What is already
    asked for and not yet looked at counts against the tokens, so rounds do not add up.
    """
    provider = providers.get_gigachat() if settings.VISION.feature_vision_enabled else None
    if provider is None:
        return 0
    row = ProviderHealth.objects.filter(provider=provider.name).first()
    state = circuit_breaker.state(row, now=now)
    if state in {"open", "paused"}:
        return 0
    most = 1 if state == "half_open" else backlog.AT_ONCE
    waits = PictureLook.objects.filter(state=LookState.WAITING).values("tenant")
    tenants = Tenant.objects.filter(pk__in=waits).order_by("pk")
    return sum(_ask_of(tenant, provider, most=most, now=now) for tenant in tenants)


def ask_for(looks: QuerySet[PictureLook], *, now: datetime) -> int:
    """A person wants these looked at now, whatever they wait for; what failed, too."""
    wanted = looks.filter(state__in=(LookState.WAITING, LookState.FAILED))
    asked = 0
    for tenant_id in set(wanted.values_list("tenant_id", flat=True)):
        with transaction.atomic():
            rows = list(wanted.filter(tenant_id=tenant_id).select_for_update(skip_locked=True))
            for row in rows:
                row.waits_for = row.waits_for or "asked_by_hand"
                row.attempts = row.rounds = 0
                row.save(update_fields=["waits_for", "attempts", "rounds"])
            backlog.ask_again(tenant_id, rows, now=now)
            asked += len(rows)
    return asked


def _ask_of(tenant: Tenant, provider: PaidVision, *, most: int, now: datetime) -> int:
    try:
        rules = loader.current_policy(tenant)
    except PolicyRefused:
        return 0  # whoever looks at a post of this tenant says so, loudly
    limits = budget.ceilings(tenant, rules)
    cost = budget.estimate(provider.name, provider.model).most
    with transaction.atomic():
        advisory_locks.in_turn(claims.turn_of(tenant.pk))
        spent = budget.spent(tenant, now)
        chosen: list[PictureLook] = []
        for live in (True, False):
            room = budget.room(spent, limits, live=live)
            under_way = _under_way(tenant) + len(chosen)
            fit = most if room is None else min(most, room // cost)
            chosen += islice(_due(tenant, live=live, now=now), max(0, fit - under_way))
        return backlog.ask_again(tenant.pk, chosen, now=now)


def _under_way(tenant: Tenant) -> int:
    """Asked for, and not yet looked at: their tokens are not reserved, but as good as."""
    asked = PictureLook.objects.filter(tenant=tenant, state=LookState.OPEN)
    return asked.filter(asked_at__isnull=False).count()


def _due(tenant: Tenant, *, live: bool, now: datetime) -> QuerySet[PictureLook]:
    due = Q(due_at__isnull=True) | Q(due_at__lte=now)
    rows = backlog.waiting_of(tenant.pk).filter(due, live=live)
    return rows.select_for_update(skip_locked=True)[: backlog.AT_ONCE]
