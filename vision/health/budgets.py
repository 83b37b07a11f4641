"""Whether each tenant has tokens left for one more picture."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils import timezone

from accounts.models import Tenant
from events.health import Finding, failed, ok, skipped
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from vision.limits import budget
from vision.limits.ceiling import ceiling_of
from vision.policy.loader import current_policy

PROVIDER: Final = "gigachat"
SHOWN: Final = 100
"""Tenants that are checked; the first by name."""
_LEFT: Final = Sentence(_("%(left)s tokens left, %(used)s of the day used"))
_TOO_FEW: Final = Sentence(
    _(
        "%(left)s tokens left, %(used)s of the day used, and a picture may cost %(ceiling)s:"
        " %(limit)s, Tesseract reads instead"
    )
)


def tokens_are_left() -> Iterator[Finding | str]:
    if not settings.GIGACHAT.configured:
        yield skipped(_("GigaChat is not configured: text recognition costs no tokens"))
        return
    now = timezone.now()
    for tenant in Tenant.objects.order_by("name")[:SHOWN]:
        yield tenant.name
        yield _of(tenant, now=now)


def _of(tenant: Tenant, *, now: datetime) -> Finding:
    policy = current_policy(tenant)
    limits, spent = budget.limits_of(tenant, policy), budget.spent(tenant, now)
    left = budget.room(spent, limits, is_recent=True)
    if left is None:
        return ok(_("no limit"))
    ceiling = ceiling_of(PROVIDER, settings.GIGACHAT.model_name, policy)
    used = {"left": left, "used": spent.day}
    if limit := budget.refusal(spent.settled, limits, tokens=ceiling, is_recent=True):
        return failed(
            _TOO_FEW % (used | {"ceiling": ceiling, "limit": limit}),
            _(
                "wait for the next day (UTC), raise VISION_MAX_DAILY_TOKENS or"
                " VISION_MAX_MONTHLY_TOKENS, or `diag_vision budget --reset`"
            ),
        )
    return ok(_LEFT % used)
