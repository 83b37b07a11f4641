from typing import ClassVar, Literal

from pydantic import Field

from events.schemas.event import Event, UtcDatetime


class AlbumAssembledEventV1(Event):
    """
    The merged results of all items of an album (CONTRACT §1.9).

    `s3_key` is set only if the summary is in the bucket. `album_version` grows with each later
    assembly.
    """

    topic: ClassVar[str] = "album.assembled"
    producer: ClassVar[str] = "albums"

    user_id: str = ""
    channel_id: str
    album_id: int
    grouped_id: int
    album_kind: Literal["photo", "video", "mixed"]
    album_version: int = Field(default=1, ge=1)
    status: Literal["complete", "partial"] = "complete"
    items_count: int = Field(ge=1)
    items_analyzed: int = Field(ge=0)
    vision_summary: str | None = None
    vision_labels: list[str] = Field(default_factory=list)
    vision_ocr_text: str | None = None
    has_meme: bool = False
    has_text: bool = False
    s3_key: str | None = None
    posted_at: UtcDatetime | None = None
    first_analyzed_at: UtcDatetime | None = None
    last_analyzed_at: UtcDatetime | None = None
    assembly_completed_at: UtcDatetime
    assembly_lag_seconds: float = Field(ge=0)
