"""The scheduled pass over all channels: the news of all of them, then history while time is left."""

import logging
import math
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from threading import Event
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from events.errors import DomainError, RetryLater
from events.postgresql import advisory_locks
from events.sentences import Sentence, gettext_noop
from media.models import AccountState, ChannelFeed, FeedState, TelegramAccount
from media.services.telegram.accounts import access as telegram
from media.services.telegram.accounts import encryption, rests
from media.services.telegram.reading import gaps, ingest, live_source
from media.services.telegram.reading.ingest import Order
from media.sources.telegram.failures import FloodWait, SignedOut, Unreachable
from media.sources.telegram.port import TelegramAccess

log = logging.getLogger(__name__)
LONGEST = timedelta(minutes=10)
"""A pass ends by itself before django-q2 ends it (`Q_CLUSTER["timeout"]`)."""
LISTENS = "media.telegram.listen."
"""The lock of whoever listens to an account: then the news are its business."""

_READ = Sentence(
    gettext_noop("%(read)s channels read, %(failed)s failed, %(resting)s accounts rest")
)


@dataclass(slots=True)
class PassOutcome:
    """What a pass did: channels read, channels that failed, accounts that were left alone."""

    read: int = 0
    failed: int = 0
    resting: int = 0

    def __str__(self) -> str:
        return _READ % asdict(self)


def read_all(*, seconds: float = LONGEST.total_seconds()) -> PassOutcome:
    """Read all channels that are followed. Does nothing where no account is signed in."""
    outcome, ends = PassOutcome(), time.monotonic() + seconds
    if not settings.TELEGRAM.configured:
        return outcome
    for account in telegram.ready_accounts():
        if rests.rests(account):
            outcome.resting += 1
        elif time.monotonic() < ends:
            _read_account(account, outcome, ends)
    live_source.delete_left_parts(now=timezone.now())
    return outcome


def due_feeds(account: TelegramAccount) -> list[ChannelFeed]:
    """The channels of an account that are read now: not paused, not resting, or closed until now."""
    now = timezone.now()
    is_read = Q(state=FeedState.FOLLOWED) | Q(state=FeedState.CLOSED, rests_until__lte=now)
    found = ChannelFeed.objects.select_related("channel__tenant", "account").filter(
        is_read, account=account, channel__is_active=True
    )
    return [f for f in found.order_by("read_at", "pk") if not rests.rests(f, now=now)]


def read_next(channels: Collection[UUID]) -> set[UUID]:
    """Those of these channels that the next pass reads: not paused, nor at rest, nor signed out."""
    if not settings.TELEGRAM.configured:
        return set()
    awake = [account for account in telegram.ready_accounts() if not rests.rests(account)]
    return {feed.pk for account in awake for feed in due_feeds(account)} & set(channels)


def _read_account(account: TelegramAccount, outcome: PassOutcome, ends: float) -> None:
    listened_to = advisory_locks.is_held(f"{LISTENS}{account.pk}")
    try:
        with telegram.connected(account) as access:
            for order, feed in _work(due_feeds(account), news=not listened_to, ends=ends):
                _read_feed(access, feed, order, outcome)
    except (FloodWait, rests.AccountRests):
        outcome.resting += 1
    except (SignedOut, Unreachable, encryption.SessionKeyMissing, encryption.SessionUnreadable,
            telegram.NotConfigured) as refusal:  # fmt: skip
        outcome.failed += 1
        log.warning("an account of Telegram cannot be used: %s", refusal)


def _work(
    feeds: Iterable[ChannelFeed], *, news: bool, ends: float
) -> Iterator[tuple[Order, ChannelFeed]]:
    """What is to be read: the news of every channel before the history of any."""
    feeds = list(feeds)
    for is_history in (False, True):
        for feed in feeds:
            wanted = gaps.is_anything_wanted(feed) if is_history else news
            if wanted and time.monotonic() < ends and _is_read(feed):
                yield order_of(feed, is_history=is_history, ends=ends), feed


def order_of(feed: ChannelFeed, *, is_history: bool, ends: float = math.inf) -> Order:
    """Ends at `ends`, or with the batch after which the channel is to be read no more."""
    unwanted = Event()

    def note_whether_it_is_read(_: object) -> None:
        if not _is_read(feed):
            unwanted.set()

    return Order(
        news=not is_history,
        history=is_history,
        observe=note_whether_it_is_read,
        is_unwanted=unwanted.is_set,
        stop=lambda: unwanted.is_set() or time.monotonic() >= ends,
    )


def _is_read(feed: ChannelFeed) -> bool:
    """Whether nobody has paused the channel or signed its account out since `feed` was read."""
    return ChannelFeed.objects.filter(
        pk=feed.pk,
        channel__is_active=True,
        account__state=AccountState.READY,
        account__session=feed.account.session,
    ).exists()


def _read_feed(
    access: TelegramAccess, feed: ChannelFeed, order: Order, outcome: PassOutcome
) -> None:
    try:
        ingest.read_channel(access, feed, order)
        if order.history:
            gaps.retry_wanted(access, feed, order)
        outcome.read += 1
    except (FloodWait, SignedOut, Unreachable):
        raise  # of the whole account
    except (DomainError, RetryLater) as refusal:  # a store that is away, too: the others go on
        outcome.failed += 1
        log.warning("a channel of Telegram was not read: %s", refusal)
