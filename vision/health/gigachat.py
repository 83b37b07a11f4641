"""Checks of GigaChat: address, certificate, token, model, balance, and one picture for money."""

from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.utils import timezone

from accounts import tenants
from events.health import Finding, failed, ok, skipped, warning
from vision import providers
from vision.limits import circuit_breaker
from vision.models import ProviderHealth
from vision.providers.gigachat.reachability import reach
from vision.reasons import in_english
from vision.services.paid_trial import NoTokensLeft, analyze_trial_picture

REMEDY: Final = (
    "check GIGACHAT_*, the network, and GigaChat's status page; once it is right, `Use the provider"
    " again now` under States of providers ends the wait"
)
NAME: Final = "gigachat"
ALLOWED: Final = {"GIGACHAT_API_PERS": 1}
"""Calls at a time that a scope allows; the others allow 10 (as the product assumes, see `GIGACHAT_MAX_CONCURRENT_REQUESTS`)."""


def state() -> Iterator[Finding]:
    """Whether workers have found GigaChat failing: asks the database only."""
    if not settings.GIGACHAT.configured:
        yield skipped("GigaChat is not configured: Tesseract reads")
        return
    row, now = ProviderHealth.objects.filter(provider=NAME).first(), timezone.now()
    found = circuit_breaker.state(row, now=now)
    if row is None or found == "closed":
        yield ok("closed: calls go through")
    elif found == "paused":
        yield failed(f"paused: {in_english(row.pause_reason)} ({row.details})", REMEDY)
    else:
        yield failed(f"{found}: {row.failures} failures in a row ({row.details})", REMEDY)


def account() -> Iterator[Finding | str]:
    """Everything that costs nothing; a step that fails ends the check, since all build on it."""
    provider = providers.get_gigachat()
    if provider is None:
        yield skipped("not configured: Tesseract reads the pictures")
        return
    now = timezone.now()
    yield "address and certificate"
    yield ok("; ".join(reach(provider.connection)))
    yield "token"
    provider.authorize(now=now)
    yield ok(f"granted for {provider.connection.scope}")
    yield "model"
    yield _model(provider.model, provider.models(now=now))
    yield "balance"
    yield _balance(provider.balance(now=now))
    yield "concurrency"
    yield _concurrency()


def picture() -> Iterator[Finding | str]:
    """One picture analyzed, within budget and concurrency limit, and counted like any other."""
    provider = providers.get_gigachat()
    if provider is None:
        yield skipped("not configured: nothing to pay for")
        return
    try:
        analysis = analyze_trial_picture(provider, tenants.default_tenant())
    except NoTokensLeft as refusal:
        yield failed(str(refusal), "raise VISION_MAX_DAILY_TOKENS, or `diag_vision budget --reset`")
    else:
        yield ok(f"{analysis.tokens_used} tokens: {analysis.description}")


def _model(name: str, listed: list[str]) -> Finding:
    if name in listed:
        return ok(f"{name} is listed")
    shown = ", ".join(sorted(listed)) or "none"
    return failed(f"{name} is not among the account's models: {shown}", "set GIGACHAT_VISION_MODEL")


def _balance(left: dict[str, float] | None) -> Finding:
    if left is None:
        return ok("not told: the account pays by use, or this address has no balance")
    detail = ", ".join(f"{usage} {value:.0f}" for usage, value in sorted(left.items()))
    if not any(value > 0 for value in left.values()):
        return failed(f"used up: {detail or 'nothing'}", "buy tokens in GigaChat's console")
    return ok(detail)


def _concurrency() -> Finding:
    calls, scope = settings.GIGACHAT.concurrent_requests, settings.GIGACHAT.scope
    allowed = ALLOWED.get(scope, 10)
    if calls > allowed:
        return warning(
            f"{calls} calls at a time, while {scope} allows {allowed}",
            "leave GIGACHAT_MAX_CONCURRENT_REQUESTS empty, unless the contract says more",
        )
    return ok(f"{calls} at a time")
