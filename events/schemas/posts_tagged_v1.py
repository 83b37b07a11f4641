from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from events.schemas.event import Event, Sha256


class TaggingMetadata(BaseModel):
    """How the tags came about: by which model, in which language, why, and whether anew."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str = ""
    language: str | None = None
    reason: str = ""
    retagged: bool = False


class PostTaggedEventV1(Event):
    """
    The tags of a post are these now (CONTRACT §1.7); published when they changed.

    `trigger` says what led to it; nothing that makes tags may listen to `vision_retag`.
    """

    topic: ClassVar[str] = "posts.tagged"
    producer: ClassVar[str] = "vision"

    post_id: str
    user_id: str = ""
    channel_id: str = ""
    trigger: Literal["initial", "vision_retag", "manual"]
    vision_version: str | None = None
    tags: list[str] = Field(default_factory=list)
    tags_hash: Sha256
    topics: list[str] = Field(default_factory=list)
    provider: str = ""
    latency_ms: int | None = None
    metadata: TaggingMetadata = Field(default_factory=TaggingMetadata)
