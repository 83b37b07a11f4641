"""Read one channel: its news first, then what is still to be read of its history."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from django.utils import timezone

from events.errors import DomainError
from events.logs import log_context, trace
from events.postgresql import advisory_locks
from events.sentences import gettext_noop
from media import metrics
from media.models import ChannelFeed, ChannelGap, GapReason, TelegramAccount
from media.services import imports
from media.services.imports import ImportSummary
from media.services.telegram.accounts import rests
from media.services.telegram.channels import feeds
from media.services.telegram.reading.ahead import Stop
from media.services.telegram.reading.cursors import Stretch
from media.services.telegram.reading.stretch import Observer, read_stretch
from media.sources.telegram.failures import ChannelClosed
from media.sources.telegram.port import ChannelCard, TelegramAccess
from storage_quota.integrity import marker

LOCK = "media.telegram.read."


class BeingRead(DomainError):
    """Another process reads this channel right now."""

    code: ClassVar[str] = "channel_being_read"
    http_status: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("Another process reads this channel right now: its cursor has one reader")
        )


@dataclass(slots=True)
class Order:
    """What is to be read, and until when."""

    limit: int | None = None
    history: bool = True
    news: bool = True
    observe: Observer = lambda _: None
    stop: Stop = lambda: False
    """Whether no more is to be asked for; what is on its way is written."""
    is_unwanted: Stop = lambda: False
    """Whether nothing more is to be written, either: the channel was paused."""
    summary: ImportSummary = field(default_factory=ImportSummary)

    @property
    def left(self) -> int | None:
        """How many messages may still be read; None is any number."""
        counts = self.summary.counts
        done = counts["messages"] + counts["service"] + counts["unsupported"]
        return None if self.limit is None else max(self.limit - done, 0)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be read of a channel, without anything being stored."""

    card: ChannelCard
    known: bool
    first_id: int
    messages_at_most: int


def preview(
    access: TelegramAccess, account: TelegramAccount, reference: str, since: datetime | None
) -> Preview:
    """Find the channel and say how much there is to read."""
    card = feeds.resolve(access, account, reference)
    feed = _feed_of(account, card)
    if feed is not None:
        left = sum(gap.last_id - gap.first_id + 1 for gap in history_of(feed))
        news = max(card.top_id - feed.cursor, 0)
        return Preview(card, known=True, first_id=feed.cursor + 1, messages_at_most=left + news)
    first = _first_id(access, card, since)
    return Preview(card, known=False, first_id=first, messages_at_most=card.top_id - first + 1)


def add(
    access: TelegramAccess,
    account: TelegramAccount,
    reference: str,
    *,
    since: datetime | None = None,
) -> feeds.Followed:
    """Follow the channel; its history from `since` on is to be read."""
    card = feeds.resolve(access, account, reference)
    known = _feed_of(account, card)
    first = 1 if known else _first_id(access, card, since)
    followed = feeds.follow(account, card, since_id=first)
    if followed.is_joinable:
        feeds.join(access, followed.feed, card)
    return followed


def read_channel(
    access: TelegramAccess, feed: ChannelFeed, order: Order, *, card: ChannelCard | None = None
) -> ImportSummary:
    """
    Read the news of the channel, then its history, as far as the order says.

    `card` is what Telegram has just said of the channel; without it, it is asked.

    Raises BeingRead, Resting, TelegramRefused where Telegram refuses, and WrongBucket or
    MarkerMissing where the bucket is not the ledger's.
    """
    rests.require_awake(feed)
    marker.refuse_other_buckets()
    with _alone(feed), _told(feed):
        card = card or feeds.refresh(access, feed)
        if feed.to_join:
            feeds.join(access, feed, card)
        if order.news:
            feed.refresh_from_db()
            news = Stretch(feed, after=feed.cursor, until=max(card.top_id, feed.cursor))
            _read(access, news, order, mode="news")
        if order.history:
            for gap in history_of(feed):
                if order.left == 0 or order.stop():
                    break
                stretch = Stretch(feed, after=gap.first_id - 1, until=gap.last_id, gap=gap)
                _read(access, stretch, order, mode="history")
        ChannelFeed.objects.filter(pk=feed.pk).update(read_at=timezone.now())
    return order.summary


def read_recorded(
    access: TelegramAccess,
    feed: ChannelFeed,
    order: Order,
    *,
    name: str,
    card: ChannelCard | None = None,
) -> ImportSummary:
    """Read the channel as an import that the console lists; `name` says of what."""
    started = timezone.now()
    run = imports.begun(feed.channel.tenant, name, limit=order.limit, at=started)
    with imports.recorded(run, order.summary, started=started) as save:
        observe = order.observe

        def observed(progress: object) -> None:
            observe(progress)  # type: ignore[arg-type]
            save()

        order.observe = observed
        return read_channel(access, feed, order, card=card)


def history_of(feed: ChannelFeed) -> list[ChannelGap]:
    """What is wanted of the history and not read yet, the newest first."""
    found = ChannelGap.objects.filter(channel=feed.pk, reason=GapReason.HISTORY)
    return list(found.order_by("-first_id"))


def _read(access: TelegramAccess, stretch: Stretch, order: Order, *, mode: str) -> None:
    status = "error"
    try:
        read_stretch(
            access, stretch, limit=order.left, summary=order.summary, observe=order.observe,
            stop=order.stop, is_unwanted=order.is_unwanted,
        )  # fmt: skip
        status = "ok"
    except ChannelClosed as closed:
        feeds.close(stretch.feed, closed)
        raise
    finally:
        metrics.RUNS.labels(mode, status).inc()


@contextmanager
def _alone(feed: ChannelFeed) -> Iterator[None]:
    with advisory_locks.try_held(f"{LOCK}{feed.pk}") as taken:
        if not taken:
            raise BeingRead
        yield


@contextmanager
def _told(feed: ChannelFeed) -> Iterator[None]:
    """Give the lines that are logged what they are about, and the events their trace."""
    with (
        trace.use(trace.current() or f"telegram-{trace.new()[:12]}"),
        log_context.about(tenant_id=feed.channel.tenant_id),
    ):
        yield


def _feed_of(account: TelegramAccount, card: ChannelCard) -> ChannelFeed | None:
    found = ChannelFeed.objects.select_related("channel__tenant", "account").filter(
        channel__tenant=account.tenant_id, channel__tg_channel_id=card.peer.tg_channel_id
    )
    return found.first()


def _first_id(access: TelegramAccess, card: ChannelCard, since: datetime | None) -> int:
    if since is None:
        return 1
    found = access.first_since(card.peer, since)
    return card.top_id + 1 if found is None else found
