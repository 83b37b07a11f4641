"""A message of Telethon as a message of an export, and what only Telegram says beside it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from telethon.tl import types

from media.sources.export.messages.convert import PIN
from media.sources.telegram.live_message import Beside
from media.sources.telegram.port import RemoteFile
from media.sources.telegram.shape.buttons import buttons_of
from media.sources.telegram.shape.extras import extras_of
from media.sources.telegram.shape.files import Files, files_of
from media.sources.telegram.shape.peers import Names, peer_id
from media.sources.telegram.shape.rich import Rich
from media.sources.telegram.shape.text import left_out, text_parts

_MARKS: Final = ("pinned", "silent", "noforwards", "legacy", "invert_media")


@dataclass(frozen=True, slots=True)
class Shaped:
    """`value` is the message as an export has it."""

    value: dict[str, Any]
    beside: Beside
    files: tuple[RemoteFile, ...] = ()


def shape(message: Any, names: Names) -> Shaped | None:
    """Convert a message; None for an id that has none (any more)."""
    match message:
        case types.Message():
            return _post(message, names)
        case types.MessageService():
            value = {"id": message.id, "type": "service", **_action(message)}
            return Shaped(value | _dated("date", message.date), Beside())
    return None


def _action(message: types.MessageService) -> dict[str, Any]:
    """What happened, as an export says it of a pin; anything else is only counted."""
    reply = message.reply_to
    if isinstance(message.action, types.MessageActionPinMessage):
        pinned = reply.reply_to_msg_id if isinstance(reply, types.MessageReplyHeader) else None
        return {"action": PIN, "message_id": pinned}
    return {"action": type(message.action).__name__.removeprefix("MessageAction")}


def _post(message: types.Message, names: Names) -> Shaped:
    files = files_of(message.id, message.media)
    value = {
        "id": message.id,
        "type": "message",
        **_dated("date", message.date),
        **_edit(message),
        **_origin(message, names),
        **files.keys,
        **extras_of(message.media),
        **_text(message, files),
    }
    if rows := buttons_of(message.reply_markup):
        value["inline_bot_buttons"] = rows
    if reactions := _reactions(message.reactions):
        value["reactions"] = reactions
    return Shaped(value, _beside(message), tuple(files.remote))


def _dated(key: str, moment: datetime) -> dict[str, Any]:
    return {f"{key}_unixtime": str(int(moment.timestamp()))}


def _edit(message: types.Message) -> dict[str, Any]:
    # A reaction or a view moves `edit_date`, too: what Telegram does not show as an edit is none.
    if message.edit_date is None or message.edit_hide:
        return {}
    return _dated("edited", message.edit_date)


def _text(message: types.Message, files: Files) -> dict[str, Any]:
    if (rich := message.rich_message) is not None:
        found = Rich(message.id, rich)
        value = found.value()
        files.remote += found.files.remote
        return {"rich_message": value}
    parts = text_parts(message.message, message.entities)
    text: dict[str, Any] = {"text": message.message or "", "text_entities": parts}
    if more := left_out(message.entities):
        # A key that no export has: so it is said with the post, and counted with what is unknown.
        text["entities_left_out"] = more
    return text


def _origin(message: types.Message, names: Names) -> dict[str, Any]:
    found: dict[str, Any] = {"from_id": peer_id(message.from_id or message.peer_id)}
    if message.post_author:
        found["author"] = message.post_author
    if message.via_bot_id and (name := names.username(types.PeerUser(message.via_bot_id))):
        found["via_bot"] = f"@{name}"
    if (origin := message.fwd_from) is not None:
        found["forwarded_from"] = origin.from_name or names.title(origin.from_id)
        if known := peer_id(origin.from_id):
            found["forwarded_from_id"] = known
    reply = message.reply_to
    if isinstance(reply, types.MessageReplyHeader) and reply.reply_to_msg_id:
        found["reply_to_message_id"] = reply.reply_to_msg_id
        if known := peer_id(reply.reply_to_peer_id):
            found["reply_to_peer_id"] = known
    return found


def _reactions(reactions: Any) -> list[dict[str, Any]]:
    """None of a `min` snapshot: it leaves out one's own, and must not erase what is known."""
    if reactions is None or reactions.min:
        return []
    return [_reaction(one.reaction, one.count) for one in reactions.results]


def _reaction(reaction: Any, count: int) -> dict[str, Any]:
    match reaction:
        case types.ReactionEmoji():
            return {"type": "emoji", "count": count, "emoji": reaction.emoticon}
        case types.ReactionCustomEmoji():
            return {
                "type": "custom_emoji",
                "count": count,
                "document_id": str(reaction.document_id),
            }
        case types.ReactionPaid():
            return {"type": "paid", "count": count}
    return {"type": "empty", "count": count}


def _beside(message: types.Message) -> Beside:
    origin, reply = message.fwd_from, message.reply_to
    header = reply if isinstance(reply, types.MessageReplyHeader) else None
    return Beside(
        grouped_id=message.grouped_id,
        views=message.views,
        forwards=message.forwards,
        replies=message.replies.replies if isinstance(message.replies, types.MessageReplies) else None,
        forwarded_message_id=origin.channel_post if origin else None,
        forwarded_at=origin.date if origin else None,
        forwarded_author=(origin.post_author or "") if origin else "",
        topic_id=_topic(header),
        quote=(header.quote_text or "") if header else "",
        marks=tuple(mark for mark in _MARKS if getattr(message, mark)),
    )  # fmt: skip


def _topic(reply: types.MessageReplyHeader | None) -> int | None:
    if reply is None or not reply.forum_topic:
        return None
    return int(reply.reply_to_top_id or reply.reply_to_msg_id)
