"""
Tokens follow the bytes: reserve an upper bound, call, settle what was really used.

`used + reserved + estimate ≤ limit` holds at every reservation, whoever reserves at the same
time: the row of the day is locked until the reservation is on disk, and reservations of one
tenant take turns anyway (`vision.analysis.claims` holds the tenant's lock). Days and months are UTC.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Avg, Count, F, Max, QuerySet, Sum
from django.db.models.functions import Greatest

from accounts.models import Tenant
from vision.models import PictureLook, TokenBudget
from vision.policy.schema import VisionPolicy

SAMPLES, ENOUGH_SAMPLES = 100, 20
"""The estimate is the most that any of the last SAMPLES cost; of a few, at least the default."""

DAILY, MONTHLY, OLD_POSTS = "daily_limit", "monthly_limit", "backfill_limit"
REASONS = (DAILY, MONTHLY, OLD_POSTS)
"""Why there is no room (CONTRACT §4); the last one is for old posts only."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Tokens a tenant may use; None is no limit. `old_posts` of the day is for posts of the past."""

    day: int | None
    month: int | None
    old_posts: int | None


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens that stand against the limits: used and reserved, without what was forgiven."""

    day: int
    month: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the next picture costs: at most (to reserve), on average (to forecast)."""

    most: int
    mean: float
    samples: int


def ceilings(tenant: Tenant, policy: VisionPolicy) -> Ceilings:
    """
    The tenant's own limits win over the environment's, these over the policy file's.

    `policy` is the tenant's: what it overrides stands in `tenant.settings`, too.
    """
    if not policy.budget_gates.check_before_analysis:
        return Ceilings(None, None, None)
    own = own_limits(tenant)
    vision, limits = settings.VISION, policy.limits
    day = limits.max_daily_tokens_per_tenant
    if "max_daily_tokens_per_tenant" not in own and vision.vision_max_daily_tokens is not None:
        day = vision.vision_max_daily_tokens
    month = limits.max_monthly_tokens_per_tenant
    if "max_monthly_tokens_per_tenant" not in own and vision.vision_max_monthly_tokens is not None:
        month = vision.vision_max_monthly_tokens
    return Ceilings(day, month, min(day, policy.budget_gates.sampling_threshold_per_day))


def own_limits(tenant: Tenant) -> dict[str, object]:
    """The part of `limits` that the tenant has a value of its own for."""
    own = tenant.settings.get("vision_policy", {})
    limits = own.get("limits", {}) if isinstance(own, dict) else {}
    return limits if isinstance(limits, dict) else {}


def refusal(spent: Spent, limits: Ceilings, *, tokens: int, live: bool) -> str:
    """The limit that `tokens` more would pass, or an empty string. Pure."""
    if limits.day is not None and spent.day + tokens > limits.day:
        return DAILY
    if limits.month is not None and spent.month + tokens > limits.month:
        return MONTHLY
    if not live and limits.old_posts is not None and spent.day + tokens > limits.old_posts:
        return OLD_POSTS
    return ""


def room(spent: Spent, limits: Ceilings, *, live: bool) -> int | None:
    """Tokens that may still be reserved; None is as many as one likes."""
    bounds = [(limits.day, spent.day), (limits.month, spent.month)]
    if not live:
        bounds.append((limits.old_posts, spent.day))
    free = [limit - used for limit, used in bounds if limit is not None]
    return max(0, min(free)) if free else None


def reserve(*, tenant: Tenant, tokens: int, limits: Ceilings, live: bool, now: datetime) -> str:
    """Promise `tokens` of today, in the caller's transaction; or the reason why not."""
    TokenBudget.objects.get_or_create(tenant=tenant, day=day_of(now))
    row = TokenBudget.objects.select_for_update().get(tenant=tenant, day=day_of(now))
    reason = refusal(_spent(row), limits, tokens=tokens, live=live)
    if not reason:
        row.reserved_tokens += tokens
        row.save(update_fields=["reserved_tokens", "updated_at"])
    return reason


def settle(*, tenant_id: UUID, day: date, reserved: int, used: int, calls: int = 1) -> None:
    """Make a promise true: what was used counts, the rest is free again."""
    _rows(tenant_id, day).update(
        reserved_tokens=F("reserved_tokens") - reserved,
        used_tokens=F("used_tokens") + used,
        calls=F("calls") + calls,
    )


def write_off(*, tenant_id: UUID, day: date, reserved: int) -> None:
    """
    The worker is gone, or no answer came: nobody knows whether its call was billed, so it counts.

    Better a few pictures fewer on that day than a bill above the limit.
    """
    _rows(tenant_id, day).update(
        reserved_tokens=F("reserved_tokens") - reserved,
        used_tokens=F("used_tokens") + reserved,
        lost_tokens=F("lost_tokens") + reserved,
        calls=F("calls") + 1,
    )


def correct(*, tenant_id: UUID, day: date, assumed: int, used: int) -> None:
    """A worker that was believed lost came back and knows what its call cost."""
    _rows(tenant_id, day).update(
        used_tokens=F("used_tokens") - assumed + used, lost_tokens=F("lost_tokens") - assumed
    )


def reset(*, tenant: Tenant, now: datetime) -> int:
    """Forgive what was used this month; returns how many tokens. The books keep their figures."""
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
    """The row of the day; an unsaved one where nothing was spent yet."""
    row = TokenBudget.objects.filter(tenant=tenant, day=day_of(now)).first()
    return row or TokenBudget(tenant=tenant, day=day_of(now))


def billed_this_month(tenant: Tenant, now: datetime) -> int:
    """Tokens used, forgiven or not."""
    return _month(tenant, now).aggregate(total=Sum("used_tokens"))["total"] or 0


def estimate(provider: str, model: str) -> Estimate:
    """Learned from the last pictures of all tenants; one index read."""
    default = settings.VISION.vision_tokens_estimate
    recent = PictureLook.objects.filter(
        provider=provider, model=model, total_tokens__gt=0, looked_at__isnull=False
    )
    last = recent.order_by("-looked_at").values("total_tokens")[:SAMPLES]
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
    """The other days of the month change only downwards, or by what they had reserved."""
    others = TokenBudget.objects.filter(
        tenant_id=row.tenant_id, day__gte=row.day.replace(day=1), day__lt=row.day
    ).aggregate(
        total=Sum(Greatest(F("used_tokens") - F("forgiven_tokens"), 0) + F("reserved_tokens"))
    )
    today = row.counted_tokens + row.reserved_tokens
    return Spent(day=today, month=today + (others["total"] or 0))
