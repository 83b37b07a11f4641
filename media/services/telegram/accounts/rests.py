"""
Rests: until when an account, a channel or one kind of request is not asked again.

They are kept in rows, so over restarts.
"""

from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import transaction
from django.db.models.functions import Greatest
from django.utils import timezone

from events.errors import DomainError
from events.sentences import Sentence, gettext_noop
from media import metrics
from media.models import ChannelFeed, TelegramAccount
from media.sources.telegram.failures import FloodWait, MethodWait

LONGEST: Final = timedelta(days=7)
"""A longer wait is asked again after this time: nobody has seen one."""
Rester = TelegramAccount | ChannelFeed

_RESTS = Sentence(gettext_noop("Rests until %(until)s (%(reason)s), as Telegram asked"))


class Resting(DomainError):
    """Telegram asked for a pause that is not over."""

    code: ClassVar[str] = "telegram_rests"
    http_status: ClassVar[int] = 503

    def __init__(self, until: datetime, reason: str) -> None:
        local = timezone.localtime(until)
        super().__init__(_RESTS % {"until": f"{local:%Y-%m-%d %H:%M:%S %Z}", "reason": reason})
        self.until = until


class AccountRests(Resting):
    """The account as a whole rests."""


def note(account: TelegramAccount, wait: FloodWait | MethodWait, *, now: datetime) -> None:
    """Let whatever rests for which Telegram asked: the account, or one kind of request."""
    if isinstance(wait, MethodWait):
        _put_method_to_rest(account, wait, now=now)
    else:
        put_to_rest(account, seconds=wait.seconds, reason=wait.code, now=now)


def put_to_rest(who: Rester, *, seconds: float, reason: str, now: datetime) -> None:
    """Let nobody ask for it before this time; a longer rest that is known stays."""
    until = now + min(timedelta(seconds=seconds + 1), LONGEST)
    # The later of both, decided in the database: two processes may hear of a wait at once.
    values = {"rests_until": Greatest("rests_until", until), "rest_reason": reason[:64]}
    if isinstance(who, TelegramAccount):
        TelegramAccount.objects.filter(pk=who.pk).update(**values)
    else:
        ChannelFeed.objects.filter(pk=who.pk).update(**values)
    who.refresh_from_db(fields=["rests_until", "rest_reason"])
    metrics.FLOOD_WAIT.inc(seconds)


def rests(who: Rester, *, now: datetime | None = None) -> bool:
    return who.rests_until is not None and who.rests_until > (now or timezone.now())


def require_awake(who: Rester) -> None:
    """Raise Resting while it rests."""
    if who.rests_until is not None and rests(who):
        is_account = isinstance(who, TelegramAccount)
        raise (AccountRests if is_account else Resting)(who.rests_until, who.rest_reason)


def methods_at_rest(
    account: TelegramAccount, *, now: datetime | None = None
) -> dict[str, datetime]:
    """Until when which kinds of requests are not made, all others may be."""
    found = {name: datetime.fromisoformat(text) for name, text in account.method_rests.items()}
    return {name: until for name, until in found.items() if until > (now or timezone.now())}


def require_method(account: TelegramAccount, method: str) -> None:
    """Raise Resting while requests of this kind are not made."""
    if until := methods_at_rest(account).get(method):
        raise Resting(until, f"flood_wait {method}")


def _put_method_to_rest(account: TelegramAccount, wait: MethodWait, *, now: datetime) -> None:
    until = now + min(timedelta(seconds=wait.seconds + 1), LONGEST)
    with transaction.atomic():
        row = TelegramAccount.objects.select_for_update().get(pk=account.pk)
        known = methods_at_rest(row, now=now)
        known[wait.method] = max(until, known.get(wait.method, until))
        row.method_rests = {name: moment.isoformat() for name, moment in known.items()}
        row.save(update_fields=["method_rests"])
    account.method_rests = row.method_rests
    metrics.FLOOD_WAIT.inc(wait.seconds)
