"""Rests: until when an account or a channel is not asked again. Kept in rows, so over restarts."""

from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db.models.functions import Greatest
from django.utils import timezone

from events.errors import DomainError
from media import metrics
from media.models import ChannelFeed, TelegramAccount

LONGEST: Final = timedelta(days=7)
"""A longer wait is asked again after this time: nobody has seen one."""
Rester = TelegramAccount | ChannelFeed


class Resting(DomainError):
    """Telegram asked for a pause that is not over."""

    code: ClassVar[str] = "telegram_rests"
    http_status: ClassVar[int] = 503

    def __init__(self, until: datetime, reason: str) -> None:
        local = timezone.localtime(until)
        super().__init__(f"Rests until {local:%Y-%m-%d %H:%M:%S %Z} ({reason}), as Telegram asked")
        self.until = until


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
        raise Resting(who.rests_until, who.rest_reason)
