"""Reports of budgets and backlogs, for `diag_vision budget` and the console."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count

from accounts.models import Tenant
from vision.analysis import backlog
from vision.limits import budget, circuit_breaker, prices
from vision.limits.ceiling import most_seen
from vision.limits.forecast import days_of, roubles_of, tokens_of
from vision.models import AnalysisState, PaidAnalysis, ProviderHealth
from vision.policy.loader import current_policy

PROVIDER = "gigachat"


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """
    Token budget of a tenant, and what its backlog needs; a limit of None is no limit.

    `days_needed` is 0 where everything fits today, None where the limits never suffice. Costs are
    in roubles at `price`, which is per 1000 tokens and holds from `price_date` on. `estimate_most`
    is the ceiling that is reserved for a call; `overrun_tokens` is what calls of the day cost above
    theirs, so `used` is at most `limit` plus that.
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
    overrun_calls: int
    overrun_tokens: int
    estimate_most: int
    estimate_mean: float
    most_seen: int
    waiting: int
    waiting_backfill: int
    waiting_by_reason: dict[str, int]
    tokens_expected: int
    days_needed: int | None
    price: float
    price_date: str
    month_cost: float
    cost_expected: float
    provider: str
    model: str
    provider_state: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def budget_report(tenant: Tenant, *, now: datetime) -> BudgetReport:
    """Raises PolicyRefused where the tenant's policy cannot be used."""
    policy = current_policy(tenant)
    limits, model = budget.limits_of(tenant, policy), _model()
    spent, row = budget.spent(tenant, now), budget.today(tenant, now)
    estimate = budget.estimate(PROVIDER, model, policy)
    waiting, (price, price_date) = backlog.count_waiting(tenant.pk), _price(model)
    expected = tokens_of(waiting.total, estimate)
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
        overrun_calls=row.overrun_calls,
        overrun_tokens=row.overrun_tokens,
        estimate_most=estimate.ceiling,
        estimate_mean=round(estimate.mean, 1),
        most_seen=most_seen(PROVIDER, model),
        waiting=waiting.total,
        waiting_backfill=waiting.backfill,
        waiting_by_reason=waiting_by_reason(tenant),
        tokens_expected=expected,
        days_needed=days_of(waiting, tenant=tenant, policy=policy, estimate=estimate, now=now),
        price=price,
        price_date=price_date,
        month_cost=roubles_of(month_billed, model),
        cost_expected=roubles_of(expected, model),
        provider=PROVIDER,
        model=model,
        provider_state=_state_of_provider(now),
    )


def _price(model: str) -> tuple[float, str]:
    """The price of 1000 tokens in roubles, and the day on which that was the price."""
    configured = settings.VISION.vision_price_rub_per_1000_tokens
    day = prices.AS_OF if configured is None else settings.VISION.vision_price_date
    price = prices.roubles_per_1000(model, configured=configured)
    return price, day.isoformat() if day else ""


def waiting_by_reason(tenant: Tenant) -> dict[str, int]:
    rows = PaidAnalysis.objects.filter(tenant=tenant, state=AnalysisState.WAITING)
    found = rows.values_list("wait_reason").order_by("wait_reason").annotate(Count("pk"))
    return dict(found)


def _model() -> str:
    return str(settings.GIGACHAT.model_name)


def _left(limit: int | None, spent: int) -> int | None:
    return None if limit is None else max(0, limit - spent)


def _state_of_provider(now: datetime) -> str:
    if not settings.GIGACHAT.configured:
        return "not_configured"
    return circuit_breaker.state(ProviderHealth.objects.filter(pk=PROVIDER).first(), now=now)
