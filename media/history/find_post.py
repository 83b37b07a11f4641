"""Find a post by what people call it: its id, its link, or its channel and number."""

import re
from collections.abc import Iterator
from typing import ClassVar
from uuid import UUID

from django.db.models import Q, QuerySet

from events.errors import DomainError
from media.models import ChannelState, Post

_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?t(?:elegram)?\.me/(?:s/)?(?P<c>c/)?(?P<channel>\w+)/(?:\d+/)?(?P<number>\d{1,18})"
    r"/?(?:\?\S*)?",
    re.IGNORECASE | re.ASCII,
)
_NUMBERED = re.compile(r"(?P<c>)(?P<channel>.+)/(?P<number>-?\d{1,18})", re.ASCII)


class PostUnknown(DomainError):
    code: ClassVar[str] = "post_unknown"
    http_status: ClassVar[int] = 404

    def __init__(self, reference: str, count: int = 0) -> None:
        what = f"{count} posts are" if count else "There is no post that is"
        super().__init__(
            f"{what} called {reference!r}; name one by its id, by its link (https://t.me/name/12),"
            " or by its channel and number (name/12, 1001234567890/12, or the title/12)"
        )


def find_post(posts: QuerySet[Post], reference: str) -> Post:
    """Find the one of `posts` that is called so. Raises PostUnknown."""
    found: list[Post] = []
    for condition in _conditions(reference):
        found = list(posts.filter(condition).select_related("channel", "tenant")[:2])
        if found:
            break
    if len(found) != 1:
        raise PostUnknown(reference, len(found))
    return found[0]


def _conditions(reference: str) -> Iterator[Q]:
    """What may be meant: a later condition only where there is nothing of those before it."""
    try:
        yield Q(pk=UUID(reference))
    except ValueError:
        pass
    else:
        return
    match = _LINK.fullmatch(reference) or _NUMBERED.fullmatch(reference)
    if match is None:
        raise PostUnknown(reference)
    number = Q(telegram_message_id=int(match["number"]))
    yield number & _channel(match)
    # Whoever kept a link knows the channel by the name it had then; another may have it today.
    yield number & _formerly(match["channel"].removeprefix("@"))


def _formerly(name: str) -> Q:
    named = ChannelState.objects.filter(Q(username__iexact=name) | Q(title=name))
    return Q(channel__in=named.values("channel"))


def _channel(match: re.Match[str]) -> Q:
    name = match["channel"].removeprefix("@")
    if match["c"] and name.isdigit():
        return Q(channel__tg_channel_id=-(10**12) - int(name[:15]))
    if re.fullmatch(r"-\d{1,18}|1\d{12}", name):  # in a shell a minus begins an option
        return Q(channel__tg_channel_id=-abs(int(name)))
    try:
        return Q(channel=UUID(name))
    except ValueError:
        return Q(channel__username__iexact=name) | Q(channel__title=name)
