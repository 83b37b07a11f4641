"""Find a post by what people call it: its id, its link, or its channel and number."""

import re
from typing import ClassVar
from uuid import UUID

from django.db.models import Q, QuerySet

from events.errors import DomainError
from media.models import Post

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
    found = list(posts.filter(_condition(reference)).select_related("channel", "tenant")[:2])
    if len(found) != 1:
        raise PostUnknown(reference, len(found))
    return found[0]


def _condition(reference: str) -> Q:
    try:
        return Q(pk=UUID(reference))
    except ValueError:
        pass
    match = _LINK.fullmatch(reference) or _NUMBERED.fullmatch(reference)
    if match is None:
        raise PostUnknown(reference)
    return Q(telegram_message_id=int(match["number"])) & _channel(match)


def _channel(match: re.Match[str]) -> Q:
    name = match["channel"].removeprefix("@")
    if match["c"] and name.isdigit():
        return Q(channel__tg_channel_id=-int(f"100{name[:15]}"))
    if re.fullmatch(r"-\d{1,18}|100\d{9,15}", name):  # in a shell a minus begins an option
        return Q(channel__tg_channel_id=-abs(int(name)))
    try:
        return Q(channel=UUID(name))
    except ValueError:
        return Q(channel__username__iexact=name) | Q(channel__title=name)
