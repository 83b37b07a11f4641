"""Forecast of tokens, roubles and days for pictures: one calculation for all who ask."""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.conf import settings

from accounts.models import Tenant
from vision.limits import budget, prices
from vision.limits.budget import Estimate, Spent, TokenLimits
from vision.policy.schema import VisionPolicy

MAX_DAYS: Final = 3653
"""Ten years; what takes longer counts as impossible."""


@dataclass(frozen=True, slots=True)
class PictureCount:
    """Pictures that are to be paid for: of recent posts, and of backfill, which has less a day."""

    recent: int = 0
    backfill: int = 0

    @property
    def total(self) -> int:
        return self.recent + self.backfill

    def __add__(self, other: "PictureCount") -> "PictureCount":
        return PictureCount(self.recent + other.recent, self.backfill + other.backfill)


def tokens_of(pictures: int, estimate: Estimate) -> int:
    return math.ceil(pictures * estimate.mean)


def roubles_of(tokens: int, model: str) -> float:
    configured = settings.VISION.vision_price_rub_per_1000_tokens
    return round(tokens * prices.roubles_per_1000(model, configured=configured) / 1000, 2)


def days_of(
    pictures: PictureCount,
    *,
    tenant: Tenant,
    policy: VisionPolicy,
    estimate: Estimate,
    now: datetime,
) -> int | None:
    """UTC days until the pictures are analyzed if nothing else is; 0 is today, None is never."""
    return days_needed(
        pictures,
        estimate=estimate,
        limits=budget.limits_of(tenant, policy),
        spent=budget.spent(tenant, now),
        today=budget.day_of(now),
    )


def days_needed(
    pictures: PictureCount, *, estimate: Estimate, limits: TokenLimits, spent: Spent, today: date
) -> int | None:
    """Walk through the days, each with its pictures of recent posts before backfill. Pure."""
    recent, backfill = float(pictures.recent), float(pictures.backfill)
    day, month, at = float(spent.day), float(spent.month), today
    for number in range(MAX_DAYS):
        done = min(recent, _fitting(day, month, limits, estimate, is_recent=True))
        recent, used = recent - done, done * estimate.mean
        done = min(backfill, _fitting(day + used, month + used, limits, estimate, is_recent=False))
        backfill, used = backfill - done, used + done * estimate.mean
        if recent + backfill <= 0:
            return number
        tomorrow = at + timedelta(days=1)
        day, month = 0.0, month + used if tomorrow.month == at.month else 0.0
        at = tomorrow
    return None


def _fitting(
    day: float, month: float, limits: TokenLimits, estimate: Estimate, *, is_recent: bool
) -> float:
    """Pictures that are analyzed before less than a ceiling is left of the day or the month."""
    spent = Spent(math.ceil(day), math.ceil(month))
    left = budget.room(spent, limits, is_recent=is_recent)
    if left is None:
        return math.inf
    if left < estimate.ceiling:
        return 0
    return (left - estimate.ceiling) // max(estimate.mean, 1.0) + 1
