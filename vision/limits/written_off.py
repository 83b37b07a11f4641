"""
Tokens of calls that no row stands for: counted as used before the call, corrected afterwards.

Nobody would free a mere reservation if this process is killed during the call.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from accounts.models import Tenant
from vision import metrics
from vision.limits import budget, ceiling
from vision.policy.loader import current_policy


def write_off(
    tenant: Tenant, most: Callable[[], int], *, is_recent: bool, now: datetime
) -> budget.Reserved:
    """Count `most` tokens as used, if the tenant's budget has room for them; else say what refuses."""
    with transaction.atomic():
        # A batch of questions takes minutes: a limit that was lowered meanwhile holds at once.
        tenant.refresh_from_db(fields=["settings"])
        reserved = budget.reserve(
            tenant=tenant,
            ceiling=most,
            limits=budget.limits_of(tenant, current_policy(tenant)),
            is_recent=is_recent,
            now=now,
        )
        if reserved.tokens:
            day = budget.day_of(now)
            budget.write_off(tenant_id=tenant.pk, day=day, reserved=reserved.tokens)
    return reserved


def correct(
    tenant: Tenant,
    provider: str,
    priced_as: str,
    *,
    assumed: budget.Reserved,
    used: int,
    now: datetime,
) -> None:
    """
    Replace what was assumed at `now` by what was used.

    What costs less than its bound teaches nothing: every text has a bound of its own, and a long
    one would make all short ones dear. What costs more shows that the bound is none.
    """
    with transaction.atomic():
        budget.correct(tenant_id=tenant.pk, day=budget.day_of(now), assumed=assumed, used=used)
        if used > assumed.tokens:
            ceiling.learn(provider, priced_as, used)
    if used > assumed.tokens:
        metrics.OVERRUNS.labels(provider, str(tenant.pk)).inc()
    metrics.TOKENS.labels(provider, str(tenant.pk)).inc(used)
