"""
One text by the paid provider, within the tenant's budget and the concurrency limit.

It counts like any other call, and takes a place among them. There, the ceiling is counted as used
before the call and replaced by the real usage afterwards.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar

from django.utils import timezone

from accounts.models import Tenant
from events.errors import DomainError
from vision.limits import budget, circuit_breaker, concurrency, written_off
from vision.limits.text_ceiling import priced_as, text_ceiling
from vision.models import ProviderHealth
from vision.policy.loader import current_policy
from vision.providers.port import ProviderBusy, ProviderRefused, TokenUsage
from vision.providers.text_port import TextProvider, TextRequest, WrittenText
from vision.services.provider_call import caller_of, concurrency_limit

PATIENCE = timedelta(seconds=5)
"""How long somebody who waits for the answer waits for a place among the calls in progress."""
IN_USE = "tokens_in_use"
"""The last tokens are reserved by calls in progress."""


class NotAsked(DomainError):
    """The provider was not asked: the budget has no room, or the provider is left alone; `reason` says why."""

    code: ClassVar[str] = "not_asked"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def is_about_tokens(self) -> bool:
        return self.reason in {*budget.REASONS, IN_USE}


def write_text(
    provider: TextProvider,
    request: TextRequest,
    tenant: Tenant,
    *,
    is_recent: bool = True,
    patience: timedelta = PATIENCE,
    keep: Callable[[WrittenText], object] = lambda _: None,
) -> WrittenText:
    """
    Let the provider write; raises NotAsked, LimitReached, ProviderBusy and ProviderRefused.

    `keep` is called with the answer before anything else is done. Whoever is killed before the
    real usage is known leaves the ceiling counted as used. Not inside a transaction. A failure
    here opens no circuit breaker: a person sees it at once.
    """
    _check_provider(provider, now=timezone.now())
    # The place comes first: whoever is killed while it waits has counted nothing as used.
    with concurrency.acquire(
        f"vision:{provider.name}",
        limit=concurrency_limit(),
        of=caller_of(tenant, current_policy(tenant)),
        is_recent=is_recent,
        patience=patience,
    ):
        written = _write(provider, request, tenant, is_recent=is_recent, keep=keep)
    circuit_breaker.succeeded(provider.name)
    return written


def _write(
    provider: TextProvider,
    request: TextRequest,
    tenant: Tenant,
    *,
    is_recent: bool,
    keep: Callable[[WrittenText], object],
) -> WrittenText:
    now = timezone.now()
    reserved = _written_off(provider, request, tenant, is_recent=is_recent, now=now)
    try:
        written = provider.write(request, now=timezone.now())
        keep(written)
    except (ProviderBusy, ProviderRefused) as error:
        is_unknown = isinstance(error, ProviderBusy) and error.maybe_billed and not error.usage
        if not is_unknown:
            _correct(provider, tenant, error.usage, assumed=reserved, now=now)
        raise
    _correct(provider, tenant, written.usage, assumed=reserved, now=now)
    return written


def _check_provider(provider: TextProvider, *, now: datetime) -> None:
    """
    Ask nobody who is paused, or whose breaker is open.

    Half open it may be asked: an archive without waiting pictures has nobody else who would probe.
    """
    row = ProviderHealth.objects.filter(provider=provider.name).first()
    if row and row.paused_until and row.paused_until > now:
        raise NotAsked(row.pause_reason or "paused")
    if circuit_breaker.state(row, now=now) == "open":
        raise NotAsked(circuit_breaker.CIRCUIT_OPEN)


def _written_off(
    provider: TextProvider, request: TextRequest, tenant: Tenant, *, is_recent: bool, now: datetime
) -> budget.Reserved:
    reserved = written_off.write_off(
        tenant, lambda: text_ceiling(provider, request), is_recent=is_recent, now=now
    )
    if not reserved.tokens:
        raise NotAsked(reserved.refused_by or IN_USE)
    return reserved


def _correct(
    provider: TextProvider,
    tenant: Tenant,
    usage: TokenUsage | None,
    *,
    assumed: budget.Reserved,
    now: datetime,
) -> None:
    used = usage.total_tokens if usage else 0
    priced = priced_as(provider.model)
    written_off.correct(tenant, provider.name, priced, assumed=assumed, used=used, now=now)
