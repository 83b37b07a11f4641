"""The row of a post, made from a message of a source. Pure: no queries."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from media.models import Channel, post_id
from media.posts import content, searched_text
from media.posts.parsed_message import ParsedMessage
from media.sources.port import Formatting, Forward, Message

_as_json = json.JSONEncoder(ensure_ascii=False).encode
_NOT_FORWARDED = Forward()
_MARK = 10**12
"""Telegram's programs add it to the id of a channel, and a minus."""


@dataclass(slots=True)
class PostRow:
    """
    The columns of `posts` that a message decides; the database fills the others.

    Not a model instance: making those was a tenth of the time of an import.
    """

    id: UUID
    tenant_id: UUID
    channel_id: UUID
    telegram_message_id: int
    grouped_id: int | None
    source: str
    content: str
    content_hash: str
    posted_at: datetime
    is_edited: bool
    edited_at: datetime | None
    telegram_post_url: str
    urls: list[str]
    mentions: list[str]
    hashtags: list[str]
    has_media: bool
    media_kind: str
    media_state: str
    media_name: str
    post_author: str
    via_bot: str
    views_count: int | None
    forwards_count: int | None
    replies_count: int | None
    reactions_count: int
    reactions: list[dict[str, Any]]
    reply_to_message_id: int | None
    reply_to_chat_id: int | None
    is_forward: bool
    forward_from_name: str
    forward_from_chat_id: int | None
    forward_from_message_id: int | None
    forward_date: datetime | None
    extra: dict[str, Any]
    source_fingerprint: str
    as_of: str
    run_id: int | None
    older_fields: dict[str, str]
    fingerprint: str = ""
    revision: int = 0
    said_as: str = ""

    @property
    def other_words(self) -> str:
        """A column that follows from others: computed when the row, merged or not, is written."""
        return searched_text.other_words(self)


COLUMNS = tuple(column.name for column in fields(PostRow))
IDENTITY = ("id", "tenant_id", "channel_id", "telegram_message_id")
FROM_MESSAGE = tuple(name for name in COLUMNS if name not in IDENTITY)
DERIVED = ("other_words",)
"""Written, but not read into a row."""


def build(channel: Channel, parsed: ParsedMessage) -> PostRow:
    """Make the row of a message as if nothing were stored of it yet."""
    message, attachment = parsed.message, parsed.message.attachment
    return PostRow(
        id=post_id(channel.pk, message.message_id),
        tenant_id=channel.tenant_id,
        channel_id=channel.pk,
        telegram_message_id=message.message_id,
        grouped_id=message.grouped_id,
        source="channel" if channel.kind.endswith("channel") else "group",
        content=message.text,
        content_hash=_content_hash(message.text),
        posted_at=message.posted_at,
        is_edited=message.edited_at is not None,
        edited_at=message.edited_at,
        telegram_post_url=post_url(channel, message.message_id),
        urls=list(message.links),
        mentions=list(message.mentions),
        hashtags=list(message.hashtags),
        has_media=attachment is not None,
        media_kind=attachment.kind.value if attachment else "",
        media_state=parsed.state,
        media_name=attachment.file_name[:255] if attachment else "",
        post_author=message.author[:255],
        via_bot=message.via_bot[:64],
        views_count=message.views,
        forwards_count=message.forwards,
        replies_count=message.replies,
        reactions_count=sum(r.count for r in message.reactions),
        reactions=[{"kind": r.kind, "value": r.value, "count": r.count} for r in message.reactions],
        reply_to_message_id=message.reply_to_message_id,
        reply_to_chat_id=message.reply_to_chat_id,
        **_forward(message.forward),
        extra=_extra(message),
        source_fingerprint=message.fingerprint,
        as_of=parsed.as_of,
        run_id=message.run_id,
        older_fields={},
        said_as=content.said_as(gaps_of(parsed)),
    )


def gaps_of(parsed: ParsedMessage) -> int:
    """What the source does not say of the content, as bits."""
    gaps = 0 if parsed.message.attachment is None or parsed.blobs else content.FILES_GAP
    return gaps if parsed.message.formatting is not None else gaps | content.FORMATTING_GAP


def _forward(forward: Forward | None) -> dict[str, Any]:
    origin = forward or _NOT_FORWARDED
    return {
        "is_forward": forward is not None,
        "forward_from_name": origin.from_name[:255],
        "forward_from_chat_id": origin.from_chat_id,
        "forward_from_message_id": origin.from_message_id,
        "forward_date": origin.forwarded_at,
    }


def fingerprint(post: PostRow, contents: Sequence[str]) -> str:
    """Hash what subscribers of `posts.parsed` use of a post; see also `is_told_otherwise`."""
    parts = [
        post.content,
        post.urls,
        post.grouped_id,
        post.has_media,
        post.is_edited,
        post.forward_from_chat_id,
        post.reply_to_message_id,
        list(contents),
    ]
    return hashlib.sha256(_as_json(parts).encode()).hexdigest()


def is_told_otherwise(post: PostRow, before: PostRow) -> bool:
    """
    Whether something changed that `fingerprint` does not say and subscribers use.

    Not in the hash: it is stored with each post, and another one would tell all of them anew.
    """
    return _beside_the_text(post) != _beside_the_text(before)


def _beside_the_text(post: PostRow) -> tuple[Any, ...]:
    """What is searched of a post and stands in its graph, but for its text, links and files."""
    return (
        post.other_words,
        post.posted_at,
        post.hashtags,
        post.media_kind,
        post.post_author,
        post.is_forward,
        post.forward_from_message_id,
        post.forward_from_name,
        post.forward_date,
        post.reply_to_chat_id,
        {key for key, value in post.extra.items() if value},
    )


def post_url(channel: Channel, message_id: int) -> str:
    """Link to the message: https://t.me/name/1, or the members-only form without a public name."""
    if message_id < 0:
        return ""
    if channel.username:
        return f"https://t.me/{channel.username}/{message_id}"
    bare = -channel.tg_channel_id - _MARK
    return f"https://t.me/c/{bare}/{message_id}" if bare > 0 else ""


def _content_hash(text: str) -> str:
    """SHA-256 of the lower-cased, trimmed text (CONTRACT §1.3)."""
    return hashlib.sha256(text.strip().lower().encode()).hexdigest() if text.strip() else ""


def _extra(message: Message) -> dict[str, Any]:
    extra = _with_media(message)
    if message.formatting:
        extra = {**extra, content.FORMATTING: [_span(span) for span in message.formatting]}
    return extra


def _span(span: Formatting) -> list[int | str]:
    value = [span.value] if span.value else []
    return [span.start, span.length, span.kind, *value]


def _with_media(message: Message) -> dict[str, Any]:
    attachment = message.attachment
    if attachment is None:
        return message.extra
    declared = {
        "declared_mime": attachment.declared_mime,
        "declared_size_bytes": attachment.declared_size_bytes,
        "width": attachment.width,
        "height": attachment.height,
        "duration_seconds": attachment.duration_seconds,
        "spoiler": attachment.spoiler,
        "file_id": attachment.file_id,
    }
    media = {k: v for k, v in declared.items() if v}
    extra = message.extra | ({"media": media} if media else {})
    if message.more_attachments:
        extra["files"] = [file.file_name for file in message.more_attachments]
    return extra
