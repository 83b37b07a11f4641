"""The channels that are read from Telegram: adding one, and what Telegram says of it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import Tenant
from events.errors import DomainError
from media.history.record.live import (
    record_channel,
    record_deletions,
    record_migrated_from,
    record_private,
)
from media.history.record.origins import Origin, live_origin
from media.models import (
    Channel,
    ChannelFeed,
    ChannelGap,
    ChannelState,
    FeedState,
    GapReason,
    TelegramAccount,
)
from media.services.pipeline.channels import save_channel
from media.services.telegram.accounts import rests
from media.services.telegram.channels.public_names import take_name
from media.sources.port import Chat
from media.sources.telegram.failures import (
    JOIN,
    RESOLVE,
    ChannelClosed,
    FloodWait,
    MethodWait,
    ReferenceUnknown,
    SignedOut,
    TelegramRefused,
    Unreachable,
)
from media.sources.telegram.live_message import age, not_before
from media.sources.telegram.port import ChannelCard, Peer, TelegramAccess
from media.sources.telegram.references import parse_reference

CLOSED_RESTS: Final = timedelta(days=1)
"""After this time a channel that could not be read is asked for again."""
log = logging.getLogger(__name__)


class FeedUnknown(DomainError):
    """No channel of this name is read from Telegram."""

    code: ClassVar[str] = "feed_unknown"
    http_status: ClassVar[int] = 404

    def __init__(self) -> None:
        super().__init__("No channel of this name is read from Telegram: see `channels status`")


@dataclass(frozen=True, slots=True)
class Followed:
    """
    A channel that is followed now, as Telegram describes it.

    `is_new`: it was not before. `is_joinable`: this account may not be a member of it yet.
    """

    feed: ChannelFeed
    card: ChannelCard
    is_new: bool
    is_joinable: bool


def chat_of(card: ChannelCard, at: datetime) -> Chat:
    """The channel as a source of posts says it."""
    return Chat(
        tg_channel_id=card.peer.tg_channel_id,
        kind=card.kind,
        title=card.title,
        username=card.username,
        as_of=age(at, card.top_id),
    )


def follow(
    account: TelegramAccount, card: ChannelCard, *, since_id: int = 1, at: datetime | None = None
) -> Followed:
    """
    Read the channel from now on; its messages so far, from `since_id` on, are history to be read.

    Safe to repeat: what is followed stays as it is, and is read through this account.
    """
    at = at or timezone.now()
    with transaction.atomic():
        channel = save_channel(chat_of(card, at), tenant=account.tenant)
        feed, is_new = ChannelFeed.objects.get_or_create(
            channel=channel,
            defaults={
                "account": account,
                "access_hash": card.peer.access_hash,
                "cursor": card.top_id,
                "top_id": card.top_id,
            },
        )
        if is_new:
            _note_history(channel, card.top_id, since_id)
            audit.record("channel.followed", target=channel, tenant=account.tenant)
        is_moved = not is_new and _moved(feed, account, card)
    remember(feed, card, at=at)
    return Followed(feed, card, is_new, is_joinable=is_new or is_moved)


def _moved(feed: ChannelFeed, account: TelegramAccount, card: ChannelCard) -> bool:
    """Read the channel through this account from now on; False where that was so before."""
    # The same account may be another user since: to each one Telegram gives another hash.
    before = (feed.account_id, feed.access_hash, feed.state)
    feed.account, feed.access_hash = account, card.peer.access_hash
    if before == (feed.account_id, feed.access_hash, FeedState.FOLLOWED):
        return False
    feed.save(update_fields=["account", "access_hash"])
    reopen(feed)
    return True


def refresh(access: TelegramAccess, feed: ChannelFeed) -> ChannelCard:
    """Ask what Telegram says of the channel, and keep it. Raises ChannelClosed, and notes that."""
    try:
        card = access.fetch_card(peer_of(feed))
    except ChannelClosed as closed:
        found = _found_anew(access, feed)
        if found is None:
            close(feed, closed)
            raise
        card = found
    reopen(feed)
    remember(feed, card, at=timezone.now())
    return card


def _found_anew(access: TelegramAccess, feed: ChannelFeed) -> ChannelCard | None:
    """
    Look the channel up again where its hash is not accepted; None where it is closed indeed.

    The hash is of a user: somebody else who signs in under the account's name needs another one.
    """
    channel = feed.channel
    for reference in filter(None, (channel.username, str(channel.tg_channel_id))):
        try:
            card = resolve(access, feed.account, reference)
        except (ReferenceUnknown, ChannelClosed):
            continue
        except MethodWait as wait:
            rests.note(feed.account, wait, now=timezone.now())
            rests.put_to_rest(
                feed, seconds=wait.seconds, reason=f"{wait.code} {wait.method}", now=timezone.now()
            )
            raise
        is_it = card.peer.tg_channel_id == channel.tg_channel_id
        if is_it and card.peer.access_hash != feed.access_hash:
            feed.access_hash = card.peer.access_hash
            feed.save(update_fields=["access_hash"])
            join(access, feed, card)
            return card
    return None


def resolve(access: TelegramAccess, account: TelegramAccount, reference: str) -> ChannelCard:
    """Find a channel. Raises Resting, and asks nothing, while names or invites are not looked up."""
    wanted = parse_reference(reference)
    if wanted.name or wanted.invite:
        rests.require_method(account, RESOLVE if wanted.name else JOIN)
    return access.resolve(reference)


def join(access: TelegramAccess, feed: ChannelFeed, card: ChannelCard) -> None:
    """
    Join, so that what happens is heard; until then passes read the channel.

    What Telegram puts off is tried again when it may be; what it refuses is not.
    """
    put_off = False
    try:
        rests.require_method(feed.account, JOIN)
        access.join(card.peer)
    except MethodWait as wait:
        rests.note(feed.account, wait, now=timezone.now())
        put_off = True
    except rests.Resting:
        put_off = True
    except (FloodWait, SignedOut, Unreachable):
        raise
    except TelegramRefused as refused:
        log.warning("a channel of Telegram was not joined, its news come with passes: %s", refused)
    if feed.to_join != put_off:
        feed.to_join = put_off
        feed.save(update_fields=["to_join"])


def remember(feed: ChannelFeed, card: ChannelCard, *, at: datetime) -> None:
    """Keep what Telegram says of the channel: its title and name, and that it had others before."""
    at = not_before(at, feed.channel.as_of)
    chat = chat_of(card, at)
    feed.channel = save_channel(chat, tenant=feed.channel.tenant)
    take_name(feed.channel, card.username)
    record_channel(feed.channel, origin=origin_of(feed, at), chat=chat)
    if card.migrated_from is not None:
        record_migrated_from(feed.channel, card.migrated_from, origin=origin_of(feed, at))
    feed.top_id = max(feed.top_id, card.top_id)
    ChannelFeed.objects.filter(pk=feed.pk, top_id__lt=card.top_id).update(top_id=card.top_id)


def close(feed: ChannelFeed, why: ChannelClosed) -> None:
    """
    Note that the channel cannot be read; what is stored of it stays.

    It rests for a day and is asked for again then: accounts are let in again.
    """
    at = timezone.now()
    feed.state, feed.rest_reason = FeedState.CLOSED, why.why[:64]
    feed.rests_until = at + CLOSED_RESTS
    feed.save(update_fields=["state", "rest_reason", "rests_until"])
    record_private(feed.channel, origin=origin_of(feed, at))


def reopen(feed: ChannelFeed) -> None:
    """Note that a closed channel can be read again; then it need not rest."""
    if feed.state == FeedState.CLOSED:
        feed.state, feed.rest_reason, feed.rests_until = FeedState.FOLLOWED, "", None
        feed.save(update_fields=["state", "rest_reason", "rests_until"])


def peer_of(feed: ChannelFeed) -> Peer:
    return Peer(feed.channel.tg_channel_id, feed.access_hash)


def _note_history(channel: Channel, top_id: int, since_id: int) -> None:
    """Note what is older than today: what is wanted of it, and what is not."""
    if since_id > 1 and top_id >= 1:
        ChannelGap.objects.create(
            channel=channel, first_id=1, last_id=min(since_id - 1, top_id),
            reason=GapReason.NOT_WANTED,
        )  # fmt: skip
    if since_id <= top_id:
        ChannelGap.objects.create(
            channel=channel, first_id=since_id, last_id=top_id, reason=GapReason.HISTORY
        )


def find(tenant: Tenant, text: str = "") -> list[ChannelFeed]:
    """The feeds of a tenant, or the one that is named. Raises FeedUnknown."""
    feeds = ChannelFeed.objects.select_related("channel__tenant", "account")
    feeds = feeds.filter(channel__tenant=tenant).order_by("channel__title", "pk")
    if not text:
        return list(feeds)
    reference = parse_reference(text)
    found = feeds.filter(channel__username__iexact=reference.name or "-")
    if reference.tg_channel_id is not None:
        was = ChannelState.objects.filter(migrated_from=reference.tg_channel_id)
        is_it = Q(channel__tg_channel_id=reference.tg_channel_id)
        found = feeds.filter(is_it | Q(channel__in=was.values("channel")))
    if not found:
        raise FeedUnknown
    return list(found)


def pause(feed: ChannelFeed, *, paused: bool) -> None:
    """Read a channel no more, or again."""
    with transaction.atomic():
        feed.channel.is_active = not paused
        feed.channel.save(update_fields=["is_active"])
        event = "channel.paused" if paused else "channel.resumed"
        audit.record(event, target=feed.channel, tenant=feed.channel.tenant)


def note_deleted(feed: ChannelFeed, message_ids: Sequence[int], *, at: datetime) -> int:
    """Mark these posts as deleted; they stay in the archive. Return how many were not marked."""
    if not message_ids:
        return 0
    at = not_before(at, feed.channel.as_of)
    return record_deletions(feed.channel, message_ids, origin=origin_of(feed, at), at=at)


def origin_of(feed: ChannelFeed, at: datetime) -> Origin:
    """The account as the history of the channel knows it."""
    return live_origin(feed.account.name, now=not_before(at, feed.channel.as_of))
