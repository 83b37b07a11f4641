"""The peers of a message, by the names and ids that an export has."""

from collections.abc import Iterable
from typing import Any

from telethon.tl import types


class Names:
    """What Telegram said, with an answer, of the people and chats that its messages name."""

    def __init__(self, entities: Iterable[Any] = ()) -> None:
        self._entities = {_key(entity): entity for entity in entities}

    def title(self, peer: Any) -> str | None:
        """The title of a chat or the name of a person; None where Telegram did not say it."""
        entity = self._entities.get(_key(peer))
        if entity is None:
            return None
        if (title := getattr(entity, "title", None)) is not None:
            return str(title)
        names = (getattr(entity, "first_name", None), getattr(entity, "last_name", None))
        return " ".join(filter(None, names)) or None

    def username(self, peer: Any) -> str:
        return getattr(self._entities.get(_key(peer)), "username", None) or ""


def peer_id(peer: Any) -> str | None:
    """`channel123`, `chat123` or `user123`; None for no peer."""
    match peer:
        case types.PeerChannel():
            return f"channel{peer.channel_id}"
        case types.PeerChat():
            return f"chat{peer.chat_id}"
        case types.PeerUser():
            return f"user{peer.user_id}"
    return None


def _key(peer: Any) -> str | None:
    """The same for a peer and for the entity that Telegram describes."""
    if known := peer_id(peer):
        return known
    match peer:
        case types.Channel() | types.ChannelForbidden():
            return f"channel{peer.id}"
        case types.Chat() | types.ChatForbidden():
            return f"chat{peer.id}"
        case types.User():
            return f"user{peer.id}"
    return None
