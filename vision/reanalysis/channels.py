"""Finding the channels a person means."""

import re
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q

from events.errors import DomainError
from media.models import Channel

NAMED = 20
"""Channels that a refusal lists."""
_TELEGRAM_ID = re.compile(r"-?[0-9]{1,18}")


class ChannelUnknown(DomainError):
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
    By id, Telegram's id, username (with or without @) or title; of all tenants where none is said.

    Raises ChannelUnknown. Several may be meant: tenants that follow the same, equal titles.
    """
    channels = Channel.objects.filter(tenant=tenant_id) if tenant_id else Channel.objects.all()
    bare = text.strip().replace("\0", "")
    found = list(channels.filter(_named(bare)).order_by("pk")) if bare else []
    if not found:
        titles = channels.order_by("title", "pk").values_list("title", "username", "tg_channel_id")
        raise ChannelUnknown(text, [str(next(filter(None, row))) for row in titles[:NAMED]])
    return found


def _named(text: str) -> Q:
    named = Q(title__iexact=text) | Q(username__iexact=text.removeprefix("@"))
    try:
        return named | Q(pk=UUID(text))
    except ValueError:
        pass
    return named | Q(tg_channel_id=int(text)) if _TELEGRAM_ID.fullmatch(text) else named
