"""Events of an account that a listener had no room for, kept for a day for those who look at its state."""

from datetime import datetime, timedelta
from typing import Final

from django.core.cache import cache
from django.utils import timezone

from media.models import TelegramAccount

KEPT: Final = timedelta(days=1)


def note(account: TelegramAccount, events: int, *, at: datetime) -> None:
    """Note that so many events were left out, and their channels read again."""
    cache.set(_key(account), (events, at.isoformat()), timeout=KEPT.total_seconds())


def said(account: TelegramAccount) -> str:
    """The last time when events were left out, in words; empty where there was none."""
    found = cache.get(_key(account))
    if found is None:
        return ""
    events, at = found
    moment = timezone.localtime(datetime.fromisoformat(at))
    return f"{events} events at {moment:%Y-%m-%d %H:%M:%S %Z}, read again with the news"


def _key(account: TelegramAccount) -> str:
    return f"telegram_unheard:{account.pk}"
