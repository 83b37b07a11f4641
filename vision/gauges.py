"""What Prometheus reads from the rows: budgets, waiting pictures, breakers."""

from collections.abc import Iterator

from django.db.models import Count
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from accounts.models import Tenant
from vision.limits import budget, circuit_breaker
from vision.models import LookState, PictureLook, ProviderHealth, TokenBudget
from vision.policy.loader import current_policy
from vision.policy.schema import PolicyRefused

_STATES = ("closed", "open", "half_open", "paused")


class VisionCollector(Collector):
    """Of tenants that spent or reserved anything this month; a share of 1 is a spent budget."""

    def collect(self) -> Iterator[Metric]:
        yield from _budgets()
        yield _waiting()
        yield _breakers()


def _budgets() -> Iterator[Metric]:
    share = GaugeMetricFamily(
        "vision_budget_usage_gauge",
        "Tokens used and reserved today, as a share of the daily limit",
        labels=["tenant_id"],
    )
    tokens = GaugeMetricFamily(
        "vision_budget_usage_tokens", "Tokens used and reserved", labels=["tenant_id", "period"]
    )
    now = timezone.now()
    first = budget.day_of(now).replace(day=1)
    active = TokenBudget.objects.filter(day__gte=first).values("tenant")
    for tenant in Tenant.objects.filter(pk__in=active):
        spent = budget.spent(tenant, now)
        tokens.add_metric([str(tenant.pk), "day"], spent.day)
        tokens.add_metric([str(tenant.pk), "month"], spent.month)
        limit = _daily_limit(tenant)
        if limit is not None:
            share.add_metric([str(tenant.pk)], spent.day / limit if limit else 1.0)
    yield from (share, tokens)


def _daily_limit(tenant: Tenant) -> int | None:
    try:
        return budget.ceilings(tenant, current_policy(tenant)).day
    except PolicyRefused:
        return None


def _waiting() -> Metric:
    waiting = GaugeMetricFamily(
        "vision_pictures_waiting",
        "Pictures that wait for a real look",
        labels=["tenant_id", "reason"],
    )
    rows = PictureLook.objects.filter(state=LookState.WAITING).values_list("tenant", "waits_for")
    for tenant_id, reason, count in rows.order_by().annotate(Count("pk")):
        waiting.add_metric([str(tenant_id), reason], count)
    return waiting


def _breakers() -> Metric:
    states = GaugeMetricFamily(
        "circuit_breaker_state", "1 for the state the breaker is in", labels=["name", "state"]
    )
    now = timezone.now()
    for row in ProviderHealth.objects.all():
        current = circuit_breaker.state(row, now=now)
        for state in _STATES:
            states.add_metric([row.provider, state], float(state == current))
    return states
