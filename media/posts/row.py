"""From a source's message to the row of a post: pure, no queries."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from media.file_metadata import Facts
from media.models import Channel, MediaState, post_id
from media.sources.port import Message

_as_json = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Blob:
    """A file as its bytes show it. `path` is where the source still has it."""

    path: str
    sha256: str
    size_bytes: int
    facts: Facts


@dataclass(slots=True)
class Incoming:
    """A message with what became of its files. `blobs` are primary first, then the thumbnail."""

    message: Message
    state: str = ""
    blobs: list[Blob] = field(default_factory=list)

    @property
    def contents(self) -> list[str]:
        """SHA-256 per position: the same bytes as picture and thumbnail count once."""
        return list(dict.fromkeys([blob.sha256 for blob in self.blobs])) if self.blobs else []


@dataclass(slots=True)
class PostRow:
    """
    What a message decides of a row of `posts`; the other columns are the database's.

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
    views_count: int
    forwards_count: int
    replies_count: int
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
    fingerprint: str = ""
    revision: int = 0


COLUMNS = tuple(column.name for column in fields(PostRow))
IDENTITY = ("id", "tenant_id", "channel_id", "telegram_message_id")
FROM_MESSAGE = tuple(name for name in COLUMNS if name not in IDENTITY)


def build(channel: Channel, incoming: Incoming) -> PostRow:
    message = incoming.message
    forward = message.forward
    attachment = message.attachment
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
        media_state=incoming.state,
        media_name=attachment.file_name[:255] if attachment else "",
        post_author=message.author[:255],
        via_bot=message.via_bot[:64],
        views_count=message.views or 0,
        forwards_count=message.forwards or 0,
        replies_count=message.replies or 0,
        reactions_count=sum(r.count for r in message.reactions),
        reactions=[{"kind": r.kind, "value": r.value, "count": r.count} for r in message.reactions],
        reply_to_message_id=message.reply_to_message_id,
        reply_to_chat_id=message.reply_to_chat_id,
        is_forward=forward is not None,
        forward_from_name=forward.from_name[:255] if forward else "",
        forward_from_chat_id=forward.from_chat_id if forward else None,
        forward_from_message_id=forward.from_message_id if forward else None,
        forward_date=forward.forwarded_at if forward else None,
        extra=_extra(message),
        source_fingerprint=message.fingerprint,
    )


def merge(existing: PostRow, incoming: PostRow, contents: Sequence[str]) -> PostRow | None:
    """
    What the stored post becomes, or None where nothing is to be written.

    An older export never takes away what a newer one brought: neither text of a later
    edit, nor a file that is here already, nor the exact album of a live source.
    """
    if _edited(incoming) < _edited(existing):
        return _complete(existing, incoming) if contents else None
    if existing.media_state == MediaState.STORED and incoming.media_state != MediaState.STORED:
        incoming.media_state = existing.media_state
        incoming.media_kind = incoming.media_kind or existing.media_kind
        incoming.has_media = True
    if _keeps_album(existing.grouped_id, incoming.grouped_id):
        incoming.grouped_id = existing.grouped_id
    for counter in ("views_count", "forwards_count", "replies_count"):
        setattr(incoming, counter, getattr(incoming, counter) or getattr(existing, counter))
    return incoming


def fingerprint(post: PostRow, contents: Sequence[str]) -> str:
    """What listeners care about: when it stays, no event tells them of a change."""
    parts = [
        post.content, post.urls, post.grouped_id, post.has_media, post.is_edited,
        post.forward_from_chat_id, post.reply_to_message_id, list(contents),
    ]  # fmt: skip
    return hashlib.sha256(_as_json(parts).encode()).hexdigest()


def post_url(channel: Channel, message_id: int) -> str:
    """https://t.me/name/1, or the form for members where the channel has no name."""
    if message_id < 0:
        return ""
    if channel.username:
        return f"https://t.me/{channel.username}/{message_id}"
    bare = str(channel.tg_channel_id).removeprefix("-100")
    return f"https://t.me/c/{bare}/{message_id}" if not bare.startswith("-") else ""


def _edited(post: PostRow) -> float:
    return post.edited_at.timestamp() if post.edited_at else 0.0


def _complete(existing: PostRow, incoming: PostRow) -> PostRow | None:
    """The text is older than ours, but it may bring the file that we lack."""
    if existing.media_state == MediaState.STORED:
        return None
    existing.media_state, existing.media_kind = incoming.media_state, incoming.media_kind
    existing.has_media = True
    existing.source_fingerprint = incoming.source_fingerprint
    return existing


def _keeps_album(existing: int | None, incoming: int | None) -> bool:
    """Exact ids (positive, live) win over the import's rule (negative), any id over none."""
    return existing is not None and (incoming is None or (existing > 0 > incoming))


def _content_hash(text: str) -> str:
    """SHA-256 of the lower-cased, trimmed text (CONTRACT §1.3)."""
    return hashlib.sha256(text.strip().lower().encode()).hexdigest() if text.strip() else ""


def _extra(message: Message) -> dict[str, Any]:
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
    }
    return message.extra | {"media": {k: v for k, v in declared.items() if v}}
