"""Checks of GigaChat: address, certificate, token, model, balance, and one picture for money."""

from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.utils import timezone

from accounts import tenants
from events.health import Finding, failed, ok, skipped, warning
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from vision import providers
from vision.limits import circuit_breaker
from vision.models import ProviderHealth
from vision.providers.gigachat.reachability import reach
from vision.reasons import in_english
from vision.services.paid_trial import NoTokensLeft, analyze_trial_picture

REMEDY: Final = _(
    "check GIGACHAT_*, the network, and GigaChat's status page; once it is right, `Use the provider"
    " again now` under States of providers ends the wait"
)
NAME: Final = "gigachat"
ALLOWED: Final = {"GIGACHAT_API_PERS": 1}
"""Calls at a time that a scope allows; the others allow 10 (as the product assumes, see `GIGACHAT_MAX_CONCURRENT_REQUESTS`)."""
_PAUSED: Final = Sentence(_("paused: %(why)s (%(said)s)"))
_OPEN: Final = Sentence(_("open: %(count)s failures in a row (%(said)s)"))
_HALF_OPEN: Final = Sentence(_("half_open: %(count)s failures in a row (%(said)s)"))
_GRANTED: Final = Sentence(_("granted for %(scope)s"))
_PAID: Final = Sentence(_("%(count)s tokens: %(description)s"))
_LISTED: Final = Sentence(_("%(model)s is listed"))
_NOT_LISTED: Final = Sentence(_("%(model)s is not among the account's models: %(listed)s"))
_USED_UP: Final = Sentence(_("used up: %(left)s"))
_TOO_MANY: Final = Sentence(_("%(calls)s calls at a time, while %(scope)s allows %(allowed)s"))
_AT_A_TIME: Final = Sentence(_("%(calls)s at a time"))


def state() -> Iterator[Finding]:
    """Whether workers have found GigaChat failing: asks the database only."""
    if not settings.GIGACHAT.configured:
        yield skipped(_("GigaChat is not configured: Tesseract reads"))
        return
    row, now = ProviderHealth.objects.filter(provider=NAME).first(), timezone.now()
    found = circuit_breaker.state(row, now=now)
    if row is None or found == "closed":
        yield ok(_("closed: calls go through"))
    elif found == "paused":
        paused = {"why": in_english(row.pause_reason), "said": row.details}
        yield failed(_PAUSED % paused, REMEDY)
    else:
        told = _OPEN if found == "open" else _HALF_OPEN
        yield failed(told % {"count": row.failures, "said": row.details}, REMEDY)


def account() -> Iterator[Finding | str]:
    """Everything that costs nothing; a step that fails ends the check, since all build on it."""
    provider = providers.get_gigachat()
    if provider is None:
        yield skipped(_("not configured: Tesseract reads the pictures"))
        return
    now = timezone.now()
    yield "address and certificate"
    yield ok("; ".join(reach(provider.connection)))
    yield "token"
    provider.authorize(now=now)
    yield ok(_GRANTED % {"scope": provider.connection.scope})
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
        yield skipped(_("not configured: nothing to pay for"))
        return
    try:
        analysis = analyze_trial_picture(provider, tenants.default_tenant())
    except NoTokensLeft as refusal:
        remedy = _("raise VISION_MAX_DAILY_TOKENS, or `diag_vision budget --reset`")
        yield failed(str(refusal), remedy)
    else:
        paid = {"count": analysis.tokens_used, "description": analysis.description}
        yield ok(_PAID % paid)


def _model(name: str, listed: list[str]) -> Finding:
    if name in listed:
        return ok(_LISTED % {"model": name})
    shown = ", ".join(sorted(listed)) or "none"
    told = _NOT_LISTED % {"model": name, "listed": shown}
    return failed(told, _("set GIGACHAT_VISION_MODEL"))


def _balance(left: dict[str, float] | None) -> Finding:
    if left is None:
        return ok(_("not told: the account pays by use, or this address has no balance"))
    detail = ", ".join(f"{usage} {value:.0f}" for usage, value in sorted(left.items()))
    if not any(value > 0 for value in left.values()):
        used_up = _USED_UP % {"left": detail or _("nothing")}
        return failed(used_up, _("buy tokens in GigaChat's console"))
    return ok(detail)


def _concurrency() -> Finding:
    calls, scope = settings.GIGACHAT.concurrent_requests, settings.GIGACHAT.scope
    allowed = ALLOWED.get(scope, 10)
    if calls > allowed:
        return warning(
            _TOO_MANY % {"calls": calls, "scope": scope, "allowed": allowed},
            _("leave GIGACHAT_MAX_CONCURRENT_REQUESTS empty, unless the contract says more"),
        )
    return ok(_AT_A_TIME % {"calls": calls})
