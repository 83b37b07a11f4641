"""The scheduled pass over counts: views and the like of the posts whose next reading is due."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from events.errors import DomainError
from events.postgresql import advisory_locks
from events.sentences import Sentence, gettext_noop
from media.history.counts import readings
from media.models import ChannelFeed, TelegramAccount
from media.services.telegram import passes
from media.services.telegram.accounts import access as telegram
from media.services.telegram.accounts import rests
from media.services.telegram.reading import counting
from media.sources.telegram.failures import FloodWait, SignedOut, Unreachable
from media.sources.telegram.port import TelegramAccess

log = logging.getLogger(__name__)
LONGEST: Final = timedelta(minutes=4)
"""A pass ends before the next one begins."""
LOCK: Final = "media.telegram.counts."

_READ = Sentence(gettext_noop("counts of %(posts)s posts read, %(failed)s channels failed"))


@dataclass(slots=True)
class CountsOutcome:
    """What a pass did: posts read, and channels that Telegram refused."""

    posts: int = 0
    failed: int = 0

    def __str__(self) -> str:
        return _READ % asdict(self)


def read_all(*, seconds: float = LONGEST.total_seconds()) -> CountsOutcome:
    """
    Read the counts that are due, of all channels that are followed.

    Nobody is asked where nothing is due, and no account that rests.
    """
    outcome, ends = CountsOutcome(), time.monotonic() + seconds
    due = set(readings.channels_due(now=timezone.now())) if settings.TELEGRAM.configured else set()
    for account in telegram.ready_accounts() if due else ():
        feeds = [feed for feed in passes.due_feeds(account) if feed.pk in due]
        if feeds and not rests.rests(account) and time.monotonic() < ends:
            _read_account(account, feeds, outcome, ends)
    return outcome


def _read_account(
    account: TelegramAccount, feeds: Sequence[ChannelFeed], outcome: CountsOutcome, ends: float
) -> None:
    # A pass that takes long and the next one would ask for the same counts.
    with advisory_locks.try_held(f"{LOCK}{account.pk}") as taken:
        if not taken:
            return
        try:
            with telegram.connected(account) as access:
                for feed in feeds:
                    _read_feed(access, feed, outcome, ends)
        except DomainError as refusal:
            outcome.failed += 1
            log.warning("counts were not read through an account of Telegram: %s", refusal)


def _read_feed(
    access: TelegramAccess, feed: ChannelFeed, outcome: CountsOutcome, ends: float
) -> None:
    try:
        outcome.posts += counting.read_due(access, feed, stop=lambda: time.monotonic() >= ends)
    except (FloodWait, SignedOut, Unreachable):
        raise  # of the whole account
    except DomainError as refusal:
        outcome.failed += 1
        log.warning("counts of a channel of Telegram were not read: %s", refusal)
