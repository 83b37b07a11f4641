"""
One picture of our own, analyzed by the paid provider as a trial: `doctor --pay`.

It keeps to the tenant's budget and to the concurrency limit, and its tokens count like any others.
"""

import io
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import transaction
from django.utils import timezone
from PIL import Image, ImageDraw

from accounts.models import Tenant
from events.errors import DomainError
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from vision import metrics
from vision.limits import budget, ceiling, concurrency
from vision.policy.loader import current_policy
from vision.policy.prompts import compose
from vision.policy.schema import VisionPolicy
from vision.providers.port import (
    Analysis,
    PaidVision,
    ProviderBusy,
    ProviderRefused,
    TokenUsage,
)
from vision.services.provider_call import caller_of, concurrency_limit

PATIENCE: Final = timedelta(seconds=20)
"""How long the trial waits for a place among the calls in progress."""
_NONE_LEFT: Final = Sentence(_("no tokens are left to %(tenant)s: %(why)s"))


class NoTokensLeft(DomainError):
    """The tenant's budget has no room for a picture; nobody was asked."""

    code: ClassVar[str] = "no_tokens_left"


def analyze_trial_picture(provider: PaidVision, tenant: Tenant) -> Analysis:
    """Raises NoTokensLeft, LimitReached, and what the provider raises."""
    policy, now = current_policy(tenant), timezone.now()
    assumed = _written_off(provider, tenant, policy, now=now)
    try:
        analysis = _ask(provider, tenant, policy)
    except (ProviderBusy, ProviderRefused) as error:
        is_unknown = isinstance(error, ProviderBusy) and error.maybe_billed and not error.usage
        if not is_unknown:
            _correct(provider, tenant, error.usage, assumed=assumed, now=now)
        raise
    except concurrency.LimitReached:
        _correct(provider, tenant, None, assumed=assumed, now=now)
        raise
    _correct(provider, tenant, analysis.usage, assumed=assumed, now=now)
    return analysis


def _written_off(
    provider: PaidVision, tenant: Tenant, policy: VisionPolicy, *, now: datetime
) -> budget.Reserved:
    """
    Count a ceiling as used, and return what was reserved.

    No row claims the picture, so nobody would free a mere reservation if this process is killed.
    """
    with transaction.atomic():
        reserved = budget.reserve(
            tenant=tenant,
            ceiling=lambda: ceiling.ceiling_of(provider.name, provider.model, policy),
            limits=budget.limits_of(tenant, policy),
            is_recent=True,
            now=now,
        )
        if not reserved.tokens:
            why = reserved.refused_by or _("the last tokens are in use")
            raise NoTokensLeft(_NONE_LEFT % {"tenant": tenant.name, "why": why})
        day = budget.day_of(now)
        budget.write_off(tenant_id=tenant.pk, day=day, reserved=reserved.tokens)
        return reserved


def _correct(
    provider: PaidVision,
    tenant: Tenant,
    usage: TokenUsage | None,
    *,
    assumed: budget.Reserved,
    now: datetime,
) -> None:
    used = usage.total_tokens if usage else 0
    with transaction.atomic():
        budget.correct(tenant_id=tenant.pk, day=budget.day_of(now), assumed=assumed, used=used)
        if used:
            ceiling.learn(provider.name, provider.model, used)
    metrics.TOKENS.labels(provider.name, str(tenant.pk)).inc(used)


def _ask(provider: PaidVision, tenant: Tenant, policy: VisionPolicy) -> Analysis:
    prepared = provider.prepare(_picture())
    prompt = compose(policy.prompt_presets, policy.prompt_presets.default_key)
    limit = concurrency_limit()
    share = caller_of(tenant, policy)
    with (
        concurrency.acquire(f"vision:{provider.name}", limit=limit, of=share, patience=PATIENCE),
        ExitStack() as afterwards,
    ):
        return provider.analyze_prepared(
            prepared, prompt=prompt, now=timezone.now(), afterwards=afterwards
        )


def _picture() -> bytes:
    """A red disk on white."""
    image = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(image).ellipse((48, 48, 208, 208), fill="red")
    body = io.BytesIO()
    image.save(body, "JPEG")
    return body.getvalue()
