"""How far channels are read, in figures for the command and the console."""

from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from media.models import (
    AccountState,
    ChannelFeed,
    ChannelGap,
    FeedState,
    GapReason,
    TelegramAccount,
)
from media.services.telegram.accounts import rests
from media.services.telegram.channels import unheard


def of_feed(feed: ChannelFeed) -> dict[str, Any]:
    """One line of `channels status`."""
    left = ChannelGap.objects.filter(channel=feed.pk)
    resting = next((one for one in (feed, feed.account) if rests.rests(one)), None)
    return {
        "channel": feed.channel.title,
        "username": feed.channel.username,
        "account": feed.account.name,
        "state": _state(feed),
        "cursor": feed.cursor,
        "newest": feed.top_id,
        "history_left": messages_in(left.filter(reason=GapReason.HISTORY)),
        "not_wanted": messages_in(left.filter(reason=GapReason.NOT_WANTED)),
        "failed": messages_in(left.filter(reason=GapReason.FAILED)),
        "rests_until": resting.rests_until if resting else None,
        "reason": _reason(feed, resting),
        "put_off": put_off(feed.account),
        "unheard": unheard.said(feed.account),
        "read_at": feed.read_at,
    }


def of_gap(gap: ChannelGap) -> dict[str, Any]:
    """One line of `channels gaps`."""
    return {
        "channel": gap.channel.title,
        "first": gap.first_id,
        "last": gap.last_id,
        "reason": gap.reason,
        "runs": gap.runs,
        "code": gap.code,
        "detail": gap.detail,
    }


def put_off(account: TelegramAccount) -> str:
    """What the account may not ask for until when, although it does not rest itself."""
    found = sorted(rests.methods_at_rest(account).items())
    return ", ".join(f"{name} until {timezone.localtime(until):%Y-%m-%d %H:%M:%S %Z}"
                     for name, until in found)  # fmt: skip


_IDS = Sum(F("last_id") - F("first_id") + 1)


def messages_in(gaps: Any) -> int:
    """How many ids the gaps have: an upper limit of the messages in them."""
    return int(gaps.aggregate(n=_IDS)["n"] or 0)


def with_unread(feeds: QuerySet[ChannelFeed]) -> QuerySet[ChannelFeed]:
    """The feeds with `unread`, the same number of all their gaps, by one query for a whole list."""
    gaps = ChannelGap.objects.filter(channel=OuterRef("pk")).order_by().values("channel")
    return feeds.annotate(unread=Coalesce(Subquery(gaps.annotate(n=_IDS).values("n")), 0))


def _reason(feed: ChannelFeed, resting: ChannelFeed | TelegramAccount | None) -> str:
    """Why it rests, or why it cannot be read any more."""
    if feed.state == FeedState.CLOSED:
        return feed.rest_reason
    return resting.rest_reason if resting else ""


def _state(feed: ChannelFeed) -> str:
    if feed.account.state != AccountState.READY:
        return "not_signed_in"
    if feed.state != FeedState.FOLLOWED:
        return feed.state
    return "followed" if feed.channel.is_active else "paused"
