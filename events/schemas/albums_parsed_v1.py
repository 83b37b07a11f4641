from typing import ClassVar, Literal

from pydantic import Field

from events.schemas.event import Event, UtcDatetime


class AlbumParsedEventV1(Event):
    """An album is known with its items, or its items have changed (CONTRACT §1.9)."""

    topic: ClassVar[str] = "albums.parsed"
    producer: ClassVar[str] = "albums"

    user_id: str = ""
    channel_id: str
    album_id: int
    grouped_id: int
    album_kind: Literal["photo", "video", "mixed"]
    items_count: int = Field(ge=1)
    caption_text: str | None = None
    posted_at: UtcDatetime | None = None
    cover_media_id: str | None = None
    post_ids: list[str]
    content_hash: str
