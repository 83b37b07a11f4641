"""The check of Telegram's servers, for `doctor --network`: whether they answer, and their clock."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.conf import settings

from events import health
from events.errors import DomainError
from events.health import Finding, Scope, failed, ok, skipped, warning
from events.inspection import postgresql
from events.outbound.reachability import Unreached
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from media.models import AccountState, TelegramAccount
from media.services.telegram.accounts import encryption

NAME: Final = "network_telegram"
MOST_ACCOUNTS: Final = 20
CLOCK_WARNS: Final = timedelta(seconds=30)
"""Telegram refuses messages of clocks that are further ahead; Telethon corrects it, once it knows."""
WAY_OUT: Final = _(
    "where Telegram is blocked, set TELEGRAM_PROXY; importing an export needs no connection"
)
_KEY: Final = _("a key is agreed on")
_KEY_THROUGH: Final = _("a key is agreed on, through the proxy")
_CLOCK: Final = Sentence(_("%(reached)s; its clock is %(seconds)s s from this host's"))
_AGREES: Final = Sentence(_("%(reached)s; the clocks agree"))


def register() -> None:
    health.register(
        NAME, probe, scope=Scope.DOCTOR, remedy=WAY_OUT, seconds=25, needs=postgresql.CHECK
    )


def probe() -> Iterator[Finding | str]:
    """Yield a finding of each server that an account is connected to, or where a sign-in begins."""
    if not settings.TELEGRAM.configured:
        yield skipped(_("not configured"))
        return
    telegram, endpoint = _telegram(), settings.TELEGRAM.endpoint()
    found = {telegram.data_center(endpoint, session) for session in _sessions()}
    for at in sorted(found or {telegram.data_center(endpoint)}):
        yield str(at)
        try:
            yield _answered(telegram.reach(endpoint, at), behind=bool(endpoint.proxy))
        except Unreached as refusal:
            yield failed(str(refusal), f"{refusal.remedy}; {WAY_OUT}")
        except DomainError as refusal:
            yield failed(str(refusal), WAY_OUT)


def _answered(ahead: timedelta, *, behind: bool) -> Finding:
    answers = _KEY_THROUGH if behind else _KEY
    seconds = ahead.total_seconds()
    if abs(ahead) > CLOCK_WARNS:
        told = _CLOCK % {"reached": answers, "seconds": f"{seconds:+.0f}"}
        return warning(told, _("let this host set its clock by NTP"))
    return ok(_AGREES % {"reached": answers})


def _sessions() -> Iterator[str]:
    """Sessions that can be read; what is wrong with others is said by the check of accounts."""
    ready = TelegramAccount.objects.filter(state=AccountState.READY).order_by("pk")
    for sealed in ready.values_list("session", flat=True)[:MOST_ACCOUNTS]:
        try:
            yield encryption.unseal(sealed)
        except DomainError:
            continue


def _telegram() -> Any:
    # Here, because Telethon takes a second to load, which most processes need not spend.
    from media.sources.telegram import reachability  # noqa: PLC0415

    return reachability
