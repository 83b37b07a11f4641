"""Finds channels by what a person types: an id, a username or a title."""

import re
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q

from events.errors import DomainError
from media.models import Channel

MAX_LISTED = 20
"""Number of known channels that the error message lists."""
_TELEGRAM_ID = re.compile(r"-?[0-9]{1,18}")


class ChannelUnknown(DomainError):
    """No channel has this id, username or title; the message lists those that exist."""

    code: ClassVar[str] = "channel_unknown"
    http_status: ClassVar[int] = 404

    def __init__(self, text: str, known: list[str]) -> None:
        super().__init__(
            f"There is no channel {text!r} (there are: {', '.join(known) or 'none yet'})"
        )
        self.text = text

    def context(self) -> dict[str, Any]:
        return {"channel": self.text}


def find_channels(text: str, *, tenant_id: UUID | None) -> list[Channel]:
    """
    Find by id, Telegram's id, username (with or without @) or title; None searches all tenants.

    Several channels can match: tenants may follow the same channel, and titles are not unique.
    Raises ChannelUnknown.
    """
    channels = Channel.objects.filter(tenant=tenant_id) if tenant_id else Channel.objects.all()
    bare = text.strip().replace("\0", "")
    found = list(channels.filter(_named(bare)).order_by("pk")) if bare else []
    if not found:
        titles = channels.order_by("title", "pk").values_list("title", "username", "tg_channel_id")
        raise ChannelUnknown(text, [str(next(filter(None, row))) for row in titles[:MAX_LISTED]])
    return found


def _named(text: str) -> Q:
    named = Q(title__iexact=text) | Q(username__iexact=text.removeprefix("@"))
    try:
        return named | Q(pk=UUID(text))
    except ValueError:
        pass
    return named | Q(tg_channel_id=int(text)) if _TELEGRAM_ID.fullmatch(text) else named
