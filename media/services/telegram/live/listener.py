"""Listen to all accounts until the end is asked for; idle where there is none."""

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from events.errors import DomainError, RetryLater
from events.postgresql import advisory_locks
from media.models import ChannelFeed, TelegramAccount
from media.services.telegram import passes
from media.services.telegram.accounts import access as telegram
from media.services.telegram.accounts import encryption, rests
from media.services.telegram.channels import feeds, unheard
from media.services.telegram.live import changes
from media.services.telegram.live.event_queue import EventQueue
from media.services.telegram.reading import ingest
from media.sources.telegram.failures import FloodWait, SignedOut, TelegramRefused, Unreachable
from media.sources.telegram.port import Reconnected, TelegramAccess

log = logging.getLogger(__name__)
Proceed = Callable[[], bool]

GATHER_SECONDS: Final = 0.5
"""Events that come within this time are one batch: the items of an album, above all."""
FEEDS_EVERY: Final = 30.0
"""Seconds after which accounts and channels that were added or paused are noticed."""
CATCH_UP_EVERY: Final = 300.0
SHORTEST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
_OF_THE_ACCOUNT: Final = (
    FloodWait, SignedOut, Unreachable, rests.AccountRests, encryption.SessionKeyMissing,
    encryption.SessionUnreadable, telegram.NotConfigured, telegram.NotSignedIn,
)  # fmt: skip
"""What ends the listening to an account; a channel's own refusal does not."""


@dataclass(slots=True)
class Listened:
    """An account that is listened to: its channels by their ids, and what was said of them."""

    account: TelegramAccount
    access: TelegramAccess
    events: EventQueue = field(default_factory=EventQueue)
    feeds: dict[int, ChannelFeed] = field(default_factory=dict)
    feeds_read_at: float = 0.0
    caught_up_at: float = 0.0
    was_broken: bool = True
    failed: set[int] = field(default_factory=set)
    """Channels that could not be brought up to date, as while the store is away."""

    def refresh_feeds(self) -> None:
        """
        Learn which channels are followed now; one that is new is caught up with at once.

        Raises NotSignedIn where the session was forgotten, or somebody has signed in anew.
        """
        telegram.require_session(self.account)
        found = {f.channel.tg_channel_id: f for f in passes.due_feeds(self.account)}
        if found.keys() - self.feeds.keys():
            self.caught_up_at = 0.0
        self.feeds, self.feeds_read_at = found, time.monotonic()


def serve(proceed: Proceed, *, pause: Callable[[float], None] = time.sleep) -> None:
    """Listen until `proceed` says no. Whatever fails is tried again, after a pause that grows."""
    seconds = SHORTEST_PAUSE
    while proceed():
        try:
            # Where there is nothing to do, it is enough to look now and then.
            seconds = SHORTEST_PAUSE if _listen_once(proceed) else LONGEST_PAUSE / 4
        except (Error, *_OF_THE_ACCOUNT) as failure:
            log.warning("listening to Telegram was interrupted: %s", failure)
            connection.close()  # with it go the locks, so another process may take over
            seconds = min(2 * seconds, LONGEST_PAUSE)
        _wait(seconds, proceed, pause)


def _wait(seconds: float, proceed: Proceed, pause: Callable[[float], None]) -> None:
    ends = time.monotonic() + seconds
    while proceed() and (left := ends - time.monotonic()) > 0:
        pause(min(left, 0.5))


def _listen_once(proceed: Proceed) -> bool:
    """Listen to every account that is free, until one of them ends; False where there is none."""
    if not settings.TELEGRAM.configured:
        return False
    with ExitStack() as stack:
        listened = [one for a in telegram.ready_accounts() if (one := _open(stack, a))]
        while listened and proceed():
            for one in listened:
                with telegram.ends_noted(one.account):
                    step(one)
            if _others_are_ready(listened):
                break
        return bool(listened)


def _open(stack: ExitStack, account: TelegramAccount) -> Listened | None:
    """Listen to an account, unless it rests or another process does."""
    if rests.rests(account):
        return None
    lock = advisory_locks.try_held(f"{passes.LISTENS}{account.pk}")
    if not stack.enter_context(lock):
        return None
    try:
        access = stack.enter_context(telegram.connected(account))
        one = Listened(account, access)
        access.listen(one.events.put)
    except _OF_THE_ACCOUNT as refusal:
        log.warning("an account of Telegram cannot be listened to: %s", refusal)
        return None
    return one


def step(one: Listened, *, gather: float = GATHER_SECONDS) -> None:
    """One round: what was said, then what may have been missed."""
    events = list(one.events.gathered(gather))
    # Whoever pauses a channel or signs out has nothing stored that is heard after that.
    if events or time.monotonic() - one.feeds_read_at >= FEEDS_EVERY:
        one.refresh_feeds()
    is_broken = any(isinstance(event, Reconnected) for event in events)
    if left_out := one.events.take_left_out():
        log.warning("%s events of an account of Telegram did not fit: it is read again", left_out)
        unheard.note(one.account, left_out, at=timezone.now())
    if is_broken or left_out:
        one.was_broken, one.caught_up_at = True, 0.0
    for tg_channel_id, feed in one.feeds.items():
        # An event without a channel (a deletion in a private chat) is nobody's.
        said = [e for e in events if getattr(e, "tg_channel_id", None) == tg_channel_id]
        if changes.is_about_channel(said):
            _unless_refused(one, feed, partial(feeds.refresh, one.access, feed))
        if said:
            _unless_refused(one, feed, partial(changes.apply, one.access, feed, said))
    if time.monotonic() - one.caught_up_at >= CATCH_UP_EVERY:
        catch_up(one)


def catch_up(one: Listened) -> None:
    """
    Read the news of every channel; after a break, also what was edited or deleted meanwhile.

    So for one that had failed: what was said of it then is not in the archive.
    """
    was_broken, one.was_broken = one.was_broken, False
    failed, one.failed = one.failed, set()
    one.caught_up_at = time.monotonic()
    for tg_channel_id, feed in one.feeds.items():
        recheck = was_broken or tg_channel_id in failed
        _unless_refused(one, feed, partial(_news, one.access, feed, recheck=recheck))


def _news(access: TelegramAccess, feed: ChannelFeed, *, recheck: bool) -> None:
    ingest.read_channel(access, feed, passes.order_of(feed, is_history=False))
    if recheck:
        changes.recheck(access, feed)


def _unless_refused(one: Listened, feed: ChannelFeed, work: Callable[[], object]) -> None:
    """Do the work for one channel; its own refusal, or a store that is away, leaves the others alone."""
    try:
        work()
    except _OF_THE_ACCOUNT:
        raise
    except (TelegramRefused, DomainError, RetryLater) as refusal:
        one.failed.add(feed.channel.tg_channel_id)
        log.warning("a channel of Telegram was not brought up to date: %s", refusal)


def _others_are_ready(listened: list[Listened]) -> bool:
    """Whether an account was added, looked up no more often than channels are."""
    if not any(time.monotonic() - one.feeds_read_at < GATHER_SECONDS for one in listened):
        return False
    known = {one.account.pk for one in listened}
    ready = [a for a in telegram.ready_accounts() if not rests.rests(a)]
    free = [a for a in ready if a.pk not in known]
    return any(not advisory_locks.is_held(f"{passes.LISTENS}{a.pk}") for a in free)
