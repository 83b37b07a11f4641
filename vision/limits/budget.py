"""
Token budget of a tenant: reserve an upper bound, call the provider, settle the real usage.

`used + reserved + estimate ≤ limit` holds at every reservation, however many workers reserve at
the same time: the row of the day is locked until the reservation is committed, and reservations
of one tenant take turns besides (`vision.analysis.admission` holds the tenant's lock). Days and
months are UTC.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Avg, Count, F, Max, QuerySet, Sum
from django.db.models.functions import Greatest

from accounts.models import Tenant
from vision.models import PaidAnalysis, TokenBudget
from vision.policy.schema import VisionPolicy

SAMPLES, ENOUGH_SAMPLES = 100, 20
"""
The estimate is the maximum over the last SAMPLES pictures. With fewer than ENOUGH_SAMPLES it is at
least VISION_TOKENS_ESTIMATE.
"""

DAILY, MONTHLY, BACKFILL = "daily_limit", "monthly_limit", "backfill_limit"
REASONS = (DAILY, MONTHLY, BACKFILL)
"""Names of the limits that may refuse tokens (CONTRACT §4); BACKFILL concerns older posts only."""


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """
    Tokens that a tenant may use in a day and in a month; None is no limit.

    `backfill` is a lower limit of the day: above it, older posts leave the rest to recent ones.
    """

    day: int | None
    month: int | None
    backfill: int | None


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens that count against the limits: used and reserved, without the forgiven ones."""

    day: int
    month: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens of the next picture: at most (to reserve) and on average (to forecast)."""

    most: int
    mean: float
    samples: int


def limits_of(tenant: Tenant, policy: VisionPolicy) -> TokenLimits:
    """
    The tenant's own limits, else those of the environment, else those of the policy file.

    `policy` is the tenant's, with its overrides merged in; which limits are its own is read from
    `tenant.settings`.
    """
    if not policy.budget_gates.check_before_analysis:
        return TokenLimits(None, None, None)
    own = own_limits(tenant)
    vision, limits = settings.VISION, policy.limits
    day = limits.max_daily_tokens_per_tenant
    if "max_daily_tokens_per_tenant" not in own and vision.vision_max_daily_tokens is not None:
        day = vision.vision_max_daily_tokens
    month = limits.max_monthly_tokens_per_tenant
    if "max_monthly_tokens_per_tenant" not in own and vision.vision_max_monthly_tokens is not None:
        month = vision.vision_max_monthly_tokens
    return TokenLimits(day, month, min(day, policy.budget_gates.sampling_threshold_per_day))


def own_limits(tenant: Tenant) -> dict[str, object]:
    """The policy's `limits` that the tenant overrides."""
    own = tenant.settings.get("vision_policy", {})
    limits = own.get("limits", {}) if isinstance(own, dict) else {}
    return limits if isinstance(limits, dict) else {}


def refusal(spent: Spent, limits: TokenLimits, *, tokens: int, is_recent: bool) -> str:
    """The name of the limit that `tokens` more would exceed, or an empty string. Pure."""
    if limits.day is not None and spent.day + tokens > limits.day:
        return DAILY
    if limits.month is not None and spent.month + tokens > limits.month:
        return MONTHLY
    if not is_recent and limits.backfill is not None and spent.day + tokens > limits.backfill:
        return BACKFILL
    return ""


def room(spent: Spent, limits: TokenLimits, *, is_recent: bool) -> int | None:
    """Tokens that may still be reserved; None if there is no limit. Pure."""
    bounds = [(limits.day, spent.day), (limits.month, spent.month)]
    if not is_recent:
        bounds.append((limits.backfill, spent.day))
    free = [limit - used for limit, used in bounds if limit is not None]
    return max(0, min(free)) if free else None


def reserve(
    *, tenant: Tenant, tokens: int, limits: TokenLimits, is_recent: bool, now: datetime
) -> str:
    """
    Reserve `tokens` of today, in the caller's transaction.

    Returns the name of the limit that refuses them, or an empty string.
    """
    # First the row, then its lock: nobody can lock a row that is not there.
    TokenBudget.objects.get_or_create(tenant=tenant, day=day_of(now))
    row = TokenBudget.objects.select_for_update().get(tenant=tenant, day=day_of(now))
    reason = refusal(_spent(row), limits, tokens=tokens, is_recent=is_recent)
    if not reason:
        row.reserved_tokens += tokens
        row.save(update_fields=["reserved_tokens", "updated_at"])
    return reason


def settle(*, tenant_id: UUID, day: date, reserved: int, used: int, calls: int = 1) -> None:
    """Replace a reservation by the tokens that were used."""
    # F(): added by the database, so that settlements at the same time all count.
    _rows(tenant_id, day).update(
        reserved_tokens=F("reserved_tokens") - reserved,
        used_tokens=F("used_tokens") + used,
        calls=F("calls") + calls,
    )


def write_off(*, tenant_id: UUID, day: date, reserved: int) -> None:
    """
    Count a whole reservation as used: nobody knows whether the call was billed.

    A few pictures fewer on that day are better than a bill above the limit.
    """
    _rows(tenant_id, day).update(
        reserved_tokens=F("reserved_tokens") - reserved,
        used_tokens=F("used_tokens") + reserved,
        lost_tokens=F("lost_tokens") + reserved,
        calls=F("calls") + 1,
    )


def correct(*, tenant_id: UUID, day: date, assumed: int, used: int) -> None:
    """Replace an estimate that was written off by the real usage, which is known after all."""
    _rows(tenant_id, day).update(
        used_tokens=F("used_tokens") - assumed + used, lost_tokens=F("lost_tokens") - assumed
    )


def reset(*, tenant: Tenant, now: datetime) -> int:
    """Forgive the tokens used this month; returns how many. `used_tokens` stays as it is."""
    forgiven = 0
    with transaction.atomic():
        for row in _month(tenant, now).select_for_update():
            forgiven += row.counted_tokens
            row.forgiven_tokens = row.used_tokens
            row.save(update_fields=["forgiven_tokens", "updated_at"])
    return forgiven


def spent(tenant: Tenant, now: datetime) -> Spent:
    return _spent(today(tenant, now))


def today(tenant: Tenant, now: datetime) -> TokenBudget:
    """The row of the day; an unsaved one before anything is spent."""
    row = TokenBudget.objects.filter(tenant=tenant, day=day_of(now)).first()
    return row or TokenBudget(tenant=tenant, day=day_of(now))


def billed_this_month(tenant: Tenant, now: datetime) -> int:
    """Tokens used in the month of `now`, with the forgiven ones."""
    return _month(tenant, now).aggregate(total=Sum("used_tokens"))["total"] or 0


def estimate(provider: str, model: str) -> Estimate:
    """The tokens of one picture, learned from the last ones of all tenants; one index read."""
    default = settings.VISION.vision_tokens_estimate
    recent = PaidAnalysis.objects.filter(
        provider=provider, model=model, total_tokens__gt=0, analyzed_at__isnull=False
    )
    last = recent.order_by("-analyzed_at").values("total_tokens")[:SAMPLES]
    figures = last.aggregate(most=Max("total_tokens"), mean=Avg("total_tokens"), n=Count("*"))
    most, samples = figures["most"] or 0, figures["n"]
    if samples < ENOUGH_SAMPLES:
        most = max(most, default)
    return Estimate(most, float(figures["mean"] or default), samples)


def day_of(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _rows(tenant_id: UUID, day: date) -> QuerySet[TokenBudget]:
    return TokenBudget.objects.filter(tenant_id=tenant_id, day=day)


def _month(tenant: Tenant, now: datetime) -> QuerySet[TokenBudget]:
    today = day_of(now)
    return TokenBudget.objects.filter(
        tenant=tenant, day__gte=today.replace(day=1), day__lte=today
    ).order_by("day")


def _spent(row: TokenBudget) -> Spent:
    """
    What counts against the limits. `row` is locked where that matters; the other days need no
    lock: nothing is reserved there any more, and settling replaces what is counted already.
    """
    others = TokenBudget.objects.filter(
        tenant_id=row.tenant_id, day__gte=row.day.replace(day=1), day__lt=row.day
    ).aggregate(
        total=Sum(Greatest(F("used_tokens") - F("forgiven_tokens"), 0) + F("reserved_tokens"))
    )
    today = row.counted_tokens + row.reserved_tokens
    return Spent(day=today, month=today + (others["total"] or 0))
