"""What is asked about budgets and waiting pictures, in figures."""

import math
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count

from accounts.models import Tenant
from vision.limits import budget, circuit_breaker, prices
from vision.models import LookState, PictureLook, ProviderHealth
from vision.policy.loader import current_policy

PROVIDER = "gigachat"


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """
    A tenant's tokens and what is still to come; limits of None are no limits.

    `days_needed` is 0 where everything fits today, None where nothing ever will. Costs are in
    roubles at `price`, which is per 1000 tokens.
    """

    tenant: str
    tenant_id: str
    day: str
    used: int
    of_these_assumed: int
    forgiven: int
    reserved: int
    limit: int | None
    left: int | None
    month_used: int
    month_limit: int | None
    month_left: int | None
    calls: int
    estimate_most: int
    estimate_mean: float
    waiting: int
    waiting_by_reason: dict[str, int]
    tokens_expected: int
    days_needed: int | None
    price: float
    month_cost: float
    cost_expected: float
    provider: str
    model: str
    provider_state: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def budget_report(tenant: Tenant, *, now: datetime) -> BudgetReport:
    """Raises PolicyRefused where the tenant's policy cannot be used."""
    limits = budget.ceilings(tenant, current_policy(tenant))
    spent, row, model = budget.spent(tenant, now), budget.today(tenant, now), _model()
    estimate = budget.estimate(PROVIDER, model)
    reasons = waiting_by_reason(tenant)
    waiting = sum(reasons.values())
    expected = math.ceil(waiting * estimate.mean)
    price = prices.roubles_per_1000(
        model, configured=settings.VISION.vision_price_rub_per_1000_tokens
    )
    month_billed = budget.billed_this_month(tenant, now)
    return BudgetReport(
        tenant=tenant.name,
        tenant_id=str(tenant.pk),
        day=row.day.isoformat(),
        used=row.used_tokens,
        of_these_assumed=row.lost_tokens,
        forgiven=row.forgiven_tokens,
        reserved=row.reserved_tokens,
        limit=limits.day,
        left=_left(limits.day, spent.day),
        month_used=month_billed,
        month_limit=limits.month,
        month_left=_left(limits.month, spent.month),
        calls=row.calls,
        estimate_most=estimate.most,
        estimate_mean=round(estimate.mean, 1),
        waiting=waiting,
        waiting_by_reason=reasons,
        tokens_expected=expected,
        days_needed=_days(expected, estimate.most, _left(limits.day, spent.day), limits.day),
        price=price,
        month_cost=round(month_billed * price / 1000, 2),
        cost_expected=round(expected * price / 1000, 2),
        provider=PROVIDER,
        model=model,
        provider_state=_state_of_provider(now),
    )


def waiting_by_reason(tenant: Tenant) -> dict[str, int]:
    rows = PictureLook.objects.filter(tenant=tenant, state=LookState.WAITING)
    found = rows.values_list("waits_for").order_by("waits_for").annotate(Count("pk"))
    return dict(found)


def _model() -> str:
    return str(settings.GIGACHAT.model_name)


def _left(limit: int | None, spent: int) -> int | None:
    return None if limit is None else max(0, limit - spent)


def _days(expected: int, most: int, left: int | None, limit: int | None) -> int | None:
    """UTC days until all that waits is looked at, if nothing else came; today is 0."""
    if limit is None or left is None or expected <= left:
        return 0
    usable = limit - most + 1  # the last picture of a day needs its whole estimate
    if usable <= 0:
        return None
    return math.ceil((expected - left) / usable)


def _state_of_provider(now: datetime) -> str:
    if not settings.GIGACHAT.configured:
        return "not_configured"
    return circuit_breaker.state(ProviderHealth.objects.filter(pk=PROVIDER).first(), now=now)
