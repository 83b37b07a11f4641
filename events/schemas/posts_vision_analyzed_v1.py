from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from events.schemas.event import Event, UtcDatetime
from events.schemas.posts_vision_uploaded_v1 import MediaFile


class Classification(BaseModel):
    """The external form of a classification (CONTRACT §2.1): `tags` are the labels."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str
    confidence: float = Field(default=1.0, ge=0, le=1)
    tags: list[str] = Field(default_factory=list)


class VisionResult(BaseModel):
    """The results of analysis, merged over all media of the post."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    provider: str
    model: str
    schema_version: str = "1.0"
    classification: Classification
    description: str | None = None
    ocr_text: str | None = None
    is_meme: bool = False
    tokens_used: int = Field(default=0, ge=0)
    file_id: str | None = None
    analyzed_at: UtcDatetime


class SkipReason(BaseModel):
    """The reason why one medium of the post was not analyzed (CONTRACT §1.6)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    media_id: str
    reason: str
    details: str = ""


class VisionAnalyzedEventV1(Event):
    """
    The media of a post have an outcome (CONTRACT §1.5, §1.6).

    `skipped` is true and `vision` is absent if none of them was analyzed. The key contains
    `vision_version` and `features_hash`, so that a second analysis is not lost as a repetition.
    """

    topic: ClassVar[str] = "posts.vision.analyzed"
    producer: ClassVar[str] = "vision"

    post_id: str
    channel_id: str = ""
    vision_version: str
    features_hash: str
    media: list[MediaFile] = Field(default_factory=list)
    vision: VisionResult | None = None
    skipped: bool = False
    reasons: list[SkipReason] = Field(default_factory=list)
    analysis_duration_ms: int = Field(default=0, ge=0)
    schema_ref: str = "posts_vision_analyzed_v1.json"
