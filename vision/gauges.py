"""Gauges that Prometheus reads from the rows: budgets, the backlog, circuit breakers."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection
from django.db.models import Q
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.registry import Collector

from accounts.models import Tenant
from events.metrics.scrape import COUNTED, few_tenants
from vision import metrics
from vision.limits import budget, circuit_breaker
from vision.models import ProviderHealth, TokenBudget
from vision.policy.loader import current_policy
from vision.policy.schema import PolicyRefused

# Read from the index of the backlog alone, and never more of it than so many rows a tenant.
_WAITING = """
    SELECT t.id, waiting.wait_reason, waiting.count
    FROM accounts_tenant AS t CROSS JOIN LATERAL (
        SELECT wait_reason, count(*) FROM (
            SELECT wait_reason FROM vision_picture_look
            WHERE tenant_id = t.id AND state = 'waiting' LIMIT %s
        ) AS first GROUP BY wait_reason
    ) AS waiting
"""


class VisionCollector(Collector):
    """Gauges at the time of the scrape."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        yield from _budgets(now)
        yield _backlog()
        yield _breakers(now)


def _budgets(now: datetime) -> Iterator[Metric]:
    """Budgets of tenants that used tokens this month, and of the others while they are few."""
    share, tokens = metrics.BUDGET_SHARE.family(), metrics.BUDGET_TOKENS.family()
    first = budget.day_of(now).replace(day=1)
    active = set(TokenBudget.objects.filter(day__gte=first).values_list("tenant", flat=True))
    shown = Tenant.objects.filter(Q(pk__in=active) | Q(pk__in=few_tenants()))
    for tenant in shown.order_by("pk"):
        spent = budget.spent(tenant, now) if tenant.pk in active else budget.NOTHING
        tokens.add_metric([str(tenant.pk), "day"], spent.day)
        tokens.add_metric([str(tenant.pk), "month"], spent.month)
        limit = _daily_limit(tenant)
        if limit is not None:
            share.add_metric([str(tenant.pk)], spent.day / limit if limit else 1.0)
    yield from (share, tokens)


def _daily_limit(tenant: Tenant) -> int | None:
    try:
        return budget.limits_of(tenant, current_policy(tenant)).day
    except PolicyRefused:
        return None


def _backlog() -> Metric:
    waiting = metrics.WAITING.family()
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [COUNTED])
        for tenant_id, reason, count in cursor.fetchall():
            waiting.add_metric([str(tenant_id), reason], count)
    return waiting


def _breakers(now: datetime) -> Metric:
    states = metrics.BREAKER_STATE.family()
    for row in ProviderHealth.objects.all():
        current = circuit_breaker.state(row, now=now)
        for state in metrics.BREAKER_STATES:
            states.add_metric([row.provider, state], float(state == current))
    return states
