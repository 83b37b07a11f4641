from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from events.schemas.event import Event, Sha256, UtcDatetime


class MediaFile(BaseModel):
    """A stored blob, as CONTRACT §1.4 describes it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sha256: Sha256
    s3_key: str
    mime_type: str
    size_bytes: int = Field(ge=0)
    telegram_file_id: str | None = None


class VisionUploadedEventV1(Event):
    """
    Media of a post are stored and wait for analysis (CONTRACT §1.4).

    `reanalysis` names the run in which a person requested another analysis. `replaces`: the post
    showed other media before.
    """

    topic: ClassVar[str] = "posts.vision.uploaded"
    producer: ClassVar[str] = "ingest"

    post_id: str
    channel_id: str = ""
    media_files: list[MediaFile] = Field(min_length=1)
    uploaded_at: UtcDatetime
    posted_at: UtcDatetime | None = None
    requires_vision: bool = True
    reanalysis: str = ""
    replaces: bool = False
