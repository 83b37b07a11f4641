"""The public name of a channel, as Telegram says it today, and the links to posts that it is part of."""

from collections.abc import Iterator
from typing import Final

from django.db import transaction
from django.db.models import CharField, F, QuerySet, Value
from django.db.models.functions import Cast, Concat

from events.postgresql import one_trip
from media.models import Channel, Post
from media.posts.post_row import post_url

POSTS_AT_ONCE: Final = 5_000
"""Posts that get their new links in one statement: whoever writes them too waits no longer."""


def take_name(channel: Channel, username: str) -> None:
    """
    Keep the public name, or that there is none any more: what Telegram says is true today.

    Links with the former name lead nowhere, or to whoever takes it. They are written first: what
    is interrupted begins anew, since the name is still the old one.
    """
    username = username[:64]
    _take_from_others(channel, username)
    if channel.username == username:
        return
    channel.username = username
    renew_links(channel)
    Channel.objects.filter(pk=channel.pk).update(username=username)


def _take_from_others(channel: Channel, username: str) -> None:
    """
    Let no other channel of the tenant keep the name: it is this one's now, and so is what it links to.

    Of a channel that nobody reads any more, no source says that it has lost its name.
    """
    if username:
        same = Channel.objects.filter(tenant=channel.tenant_id, username__iexact=username)
        for other in same.exclude(pk=channel.pk):
            take_name(other, "")


def renew_links(channel: Channel) -> None:
    """Give the posts their links with the name that the channel has; those that have them are left alone."""
    before_number = post_url(channel, 0)[:-1]
    number = Cast("telegram_message_id", CharField())
    link = Concat(Value(before_number), number) if before_number else Value("")
    for posts in _slices(channel):
        with transaction.atomic():
            # As an import does: who writes the same posts in another order would deadlock with it.
            one_trip.locked(Channel, channel.pk)
            posts.exclude(telegram_post_url=link).update(telegram_post_url=link)


def _slices(channel: Channel) -> Iterator[QuerySet[Post]]:
    """The posts that Telegram numbers, some at a time."""
    posts = Post.objects.filter(channel=channel, telegram_message_id__gt=0).order_by()
    ids = posts.order_by(F("telegram_message_id")).values_list("telegram_message_id", flat=True)
    last = 0
    while chosen := list(ids.filter(telegram_message_id__gt=last)[:POSTS_AT_ONCE]):
        yield posts.filter(telegram_message_id__range=(chosen[0], chosen[-1]))
        last = chosen[-1]
