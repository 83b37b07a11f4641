from typing import Any, ClassVar

from pydantic import Field

from events.schemas.event import Event, Sha256, UtcDatetime


class PostParsedEventV1(Event):
    """A post is new or has changed (CONTRACT §1.3); published with the rows that are written."""

    topic: ClassVar[str] = "posts.parsed"
    producer: ClassVar[str] = "ingest"

    user_id: str = ""
    channel_id: str
    post_id: str
    text: str = ""
    urls: list[str] = Field(default_factory=list)
    posted_at: UtcDatetime
    media_sha256_list: list[Sha256] = Field(default_factory=list)
    grouped_id: int | None = None
    content_hash: str | None = None
    link_count: int = Field(default=0, ge=0)
    tg_message_id: int
    telegram_message_id: int
    tg_channel_id: int
    telegram_post_url: str | None = None
    has_media: bool = False
    is_edited: bool = False
    views_count: int | None = Field(default=None, ge=0)
    forwards_count: int | None = Field(default=None, ge=0)
    reactions_count: int = Field(default=0, ge=0)
    forward_from_peer_id: dict[str, Any] | None = None
    forward_from_chat_id: int | None = None
    forward_from_message_id: int | None = None
    forward_date: UtcDatetime | None = None
    forward_from_name: str | None = None
    reply_to_message_id: int | None = None
    reply_to_chat_id: int | None = None
    thread_id: int | None = None
    author_peer_id: dict[str, Any] | None = None
    author_name: str | None = None
    author_type: str | None = None
    trigger: str | None = None
