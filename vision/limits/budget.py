"""
Token budget of a tenant: reserve a ceiling, call the provider, settle the real usage.

`used + reserved + ceiling ≤ limit` holds at every reservation, however many workers reserve at
the same time: the row of the day is locked until the reservation is committed, and reservations
of one tenant take turns besides (`turn_of`): at the turn of a day two days are reserved of, out of
one month. So what is used is at most the limit plus the overrun: what calls cost above the ceiling that was reserved
for them. Only calls in progress when a call first costs more than any before can overrun, because
that call's settlement raises the ceiling (`vision.limits.ceiling`). Days and months are UTC.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Avg, Case, Count, F, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Greatest

from accounts import audit
from accounts.models import Tenant
from events.postgresql import advisory_locks
from events.postgresql.one_trip import Statement
from events.postgresql.prepared import Prepared
from vision.limits.ceiling import ceiling_of
from vision.models import PaidAnalysis, TokenBudget
from vision.policy.schema import VisionPolicy

SAMPLES = 100
"""The mean cost of a picture is that of so many of the last ones."""

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
    """
    Tokens that count against the limits: used and reserved, without the forgiven ones.

    `reserved` are those of today's calls in progress, which `day` and `month` contain.
    """

    day: int
    month: int
    reserved: int = 0

    @property
    def settled(self) -> "Spent":
        """What stays spent even if the calls in progress cost nothing."""
        return Spent(self.day - self.reserved, self.month - self.reserved)


NOTHING = Spent(0, 0)


@dataclass(frozen=True, slots=True)
class Reserved:
    """
    Tokens reserved for one call; none where a limit or calls in progress refuse them.

    `refused_by` names the limit. `must_wait`: how much is left depends on calls in progress.
    `forgiven`: what resets had forgiven of the day when they were reserved; None if that is not known.
    """

    tokens: int = 0
    refused_by: str = ""
    must_wait: bool = False
    forgiven: int | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens of one call: the ceiling (to reserve) and the mean (to forecast)."""

    ceiling: int
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


def decide(spent: Spent, limits: TokenLimits, *, ceiling: int, is_recent: bool) -> Reserved:
    """
    Decide whether `ceiling` tokens may be reserved. Pure.

    Where less than two ceilings are left, one call is made at a time: if its cost is a surprise,
    no other call is in progress that could be one as well.
    """
    refused_by = refusal(spent.settled, limits, tokens=ceiling, is_recent=is_recent)
    if refused_by:
        return Reserved(refused_by=refused_by)
    left = room(spent, limits, is_recent=is_recent)
    if left is not None and left < (2 * ceiling if spent.reserved else ceiling):
        return Reserved(must_wait=True)
    return Reserved(ceiling)


def reserve(
    *,
    tenant: Tenant,
    ceiling: Callable[[], int],
    limits: TokenLimits,
    is_recent: bool,
    now: datetime,
    locked: TokenBudget | None = None,
) -> Reserved:
    """
    Reserve a ceiling of today's tokens, in the caller's transaction.

    `locked` is the row of `row_to_lock`, where the caller has it, and the tenant's turn with it.
    """
    row: Any = locked or _locked(tenant, day_of(now))
    # Under the lock: a call of this tenant that settles either raised the ceiling before this
    # statement, or waits for the lock and still counts as reserved.
    tokens = ceiling()
    spent = _with_today(row, other_days=row.other_days, ceiling=tokens)
    found = decide(spent, limits, ceiling=tokens, is_recent=is_recent)
    if found.tokens:
        row.reserved_tokens += found.tokens
        row.reserved_calls += 1
        row.save(update_fields=["reserved_tokens", "reserved_calls", "updated_at"])
    return replace(found, forgiven=row.forgiven_tokens)


def settle(*, tenant_id: UUID, day: date, reserved: int, used: int, calls: int = 1) -> None:
    """Replace a reservation by the tokens that were used."""
    # F(): added by the database, so that settlements at the same time all count.
    _rows(tenant_id, day).update(
        reserved_tokens=F("reserved_tokens") - reserved,
        reserved_calls=F("reserved_calls") - 1,
        used_tokens=F("used_tokens") + used,
        calls=F("calls") + calls,
        **_overrun(reserved, used),
    )


def write_off(*, tenant_id: UUID, day: date, reserved: int) -> None:
    """
    Count a whole reservation as used: nobody knows whether the call was billed.

    A few pictures fewer on that day are better than a bill above the limit.
    """
    _rows(tenant_id, day).update(
        reserved_tokens=F("reserved_tokens") - reserved,
        reserved_calls=F("reserved_calls") - 1,
        used_tokens=F("used_tokens") + reserved,
        lost_tokens=F("lost_tokens") + reserved,
        calls=F("calls") + 1,
    )


def correct(*, tenant_id: UUID, day: date, assumed: Reserved, used: int) -> None:
    """
    Replace a ceiling that was written off by the real usage, which is known after all.

    A reset since the reservation has forgiven the ceiling: what the call did not cost of it would be
    free for others.
    """
    tokens, forgiven = assumed.tokens, assumed.forgiven
    _rows(tenant_id, day).update(
        used_tokens=F("used_tokens") - tokens + used,
        lost_tokens=F("lost_tokens") - tokens,
        **_overrun(tokens, used),
        **({} if forgiven is None else _taken_back(max(tokens - used, 0), forgiven)),
    )


def reset(*, tenant: Tenant, now: datetime) -> int:
    """Forgive the tokens used this month; returns how many. `used_tokens` stays as it is."""
    forgiven = 0
    with transaction.atomic():
        for row in _month(tenant, now).select_for_update():
            forgiven += row.counted_tokens
            row.forgiven_tokens = row.used_tokens
            row.save(update_fields=["forgiven_tokens", "updated_at"])
        audit.record(
            "budget.reset", target=tenant, before={"tokens": forgiven}, after={"tokens": 0}
        )
    return forgiven


def spent(tenant: Tenant, now: datetime) -> Spent:
    row = today(tenant, now)
    others = sum(_other_days(row.tenant_id, row.day).values_list("tokens", flat=True))
    return _with_today(row, other_days=others)


def today(tenant: Tenant, now: datetime) -> TokenBudget:
    """The row of the day; an unsaved one before anything is spent."""
    row = TokenBudget.objects.filter(tenant=tenant, day=day_of(now)).first()
    return row or TokenBudget(tenant=tenant, day=day_of(now))


def billed_this_month(tenant: Tenant, now: datetime) -> int:
    """Tokens used in the month of `now`, with the forgiven ones."""
    return _month(tenant, now).aggregate(total=Sum("used_tokens"))["total"] or 0


def estimate(provider: str, model: str, policy: VisionPolicy) -> Estimate:
    """The ceiling of a call, and the mean cost of the last pictures of all tenants."""
    recent = PaidAnalysis.objects.filter(
        provider=provider, model=model, total_tokens__gt=0, analyzed_at__isnull=False
    )
    last = recent.order_by("-analyzed_at").values("total_tokens")[:SAMPLES]
    figures = last.aggregate(mean=Avg("total_tokens"), n=Count("*"))
    mean = figures["mean"] or settings.VISION.vision_tokens_estimate
    return Estimate(ceiling_of(provider, model, policy), float(mean), figures["n"])


def day_of(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _overrun(reserved: int, used: int) -> dict[str, Any]:
    """Columns to update where a call cost more than was reserved for it."""
    if used <= reserved:
        return {}
    return {
        "overrun_calls": F("overrun_calls") + 1,
        "overrun_tokens": F("overrun_tokens") + used - reserved,
    }


def _taken_back(tokens: int, forgiven: int) -> dict[str, Any]:
    """The column to update where more was forgiven since: so many tokens were never used."""
    since = When(forgiven_tokens__gt=forgiven, then=Value(tokens))
    return {"forgiven_tokens": F("forgiven_tokens") - Case(since, default=Value(0))}


def _rows(tenant_id: UUID, day: date) -> QuerySet[TokenBudget]:
    return TokenBudget.objects.filter(tenant_id=tenant_id, day=day)


def _month(tenant: Tenant, now: datetime) -> QuerySet[TokenBudget]:
    return _days_of_month(tenant.pk, day_of(now)).order_by("day")


def _days_of_month(tenant_id: UUID, day: date) -> QuerySet[TokenBudget]:
    """All days of the month, also later ones: a clock that was ahead has spent tokens there."""
    month = _days_of(tenant_id, day)
    return _days_between(tenant_id, month["first"], month["following"])


def _days_between(tenant_id: UUID, first: date, following: date) -> QuerySet[TokenBudget]:
    return TokenBudget.objects.filter(tenant_id=tenant_id, day__gte=first, day__lt=following)


def _days_of(tenant_id: UUID, day: date) -> dict[str, Any]:
    """The day, the first one of its month, and that of the next month."""
    first = day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return {"tenant_id": tenant_id, "day": day, "first": first, "following": following}


def _row_and_others(*, tenant_id: UUID, day: date, **month: date) -> QuerySet[Any]:
    others = _sum_of_others(tenant_id=tenant_id, day=day, **month).values("tokens")
    return _rows(tenant_id, day).select_for_update().annotate(other_days=Subquery(others))


_ROW_TO_LOCK = Prepared(
    _row_and_others,
    tenant_id=uuid4(),
    day=date(2001, 2, 3),
    first=date(2002, 3, 4),
    following=date(2003, 4, 5),
)


def turn_of(tenant_id: UUID) -> str:
    """The name of the lock under which requests of a tenant are decided."""
    return f"vision:tenant:{tenant_id}"


def _locked(tenant: Tenant, day: date) -> Any:
    """The row of the day, locked in the tenant's turn and made if need be."""
    advisory_locks.in_turn(turn_of(tenant.pk))
    rows = list(_ROW_TO_LOCK.objects(**_days_of(tenant.pk, day)))
    if not rows:
        # First the row, then its lock: nobody can lock a row that is not there.
        TokenBudget.objects.get_or_create(tenant=tenant, day=day)
        rows = list(_ROW_TO_LOCK.objects(**_days_of(tenant.pk, day)))
    [row] = rows
    return row


def row_to_lock(tenant_id: UUID, day: date) -> Statement:
    """
    The row of the day, if there is one; reading it locks it.

    `other_days` is what the month's other days used. Whoever reserves has the tenant's turn: at the
    turn of a day others may reserve of the next day, and settling replaces what is counted already.
    """
    return _ROW_TO_LOCK.statement(**_days_of(tenant_id, day))


def _other_days(tenant_id: UUID, day: date) -> QuerySet[Any, Any]:
    """One row whose `tokens` count for the month beside `day`; none if there are none."""
    return _sum_of_others(**_days_of(tenant_id, day))


def _sum_of_others(
    *, tenant_id: UUID, day: date, first: date, following: date
) -> QuerySet[Any, Any]:
    counted = Greatest(F("used_tokens") - F("forgiven_tokens"), 0) + F("reserved_tokens")
    days = _days_between(tenant_id, first, following).exclude(day=day)
    return days.order_by().values("tenant").annotate(tokens=Sum(counted))


def _with_today(row: TokenBudget, *, other_days: int | None, ceiling: int = 0) -> Spent:
    """What counts against the limits; calls in progress count with `ceiling` at least."""
    # A call in progress may cost as much as the one that has just raised the ceiling.
    reserved = max(row.reserved_tokens, row.reserved_calls * ceiling)
    today = row.counted_tokens + reserved
    return Spent(day=today, month=today + (other_days or 0), reserved=reserved)
