"""The port of everything that can look at a picture."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from events.errors import DomainError

SCHEMA_VERSION = "1.0"
"""Version of `Analysis`; part of the cache key, so that old answers are never misread."""

ClassificationType = Literal["photo", "meme", "document", "screenshot", "infographic", "other"]
Share = Annotated[float, Field(ge=0, le=1)]


class OcrText(BaseModel):
    """Text read from a picture. `confidence` is the mean over its words, 0 to 1."""

    model_config = ConfigDict(frozen=True)

    text: str
    engine: str
    confidence: Share | None = None
    words: int = Field(default=0, ge=0)


class Analysis(BaseModel):
    """What one look at one picture found (CONTRACT §2.1)."""

    model_config = ConfigDict(frozen=True)

    provider: Literal["gigachat", "ocr_fallback"]
    model: str
    schema_version: str = SCHEMA_VERSION
    classification: ClassificationType
    description: str
    is_meme: bool = False
    labels: list[str] = Field(default_factory=list, max_length=20)
    objects: list[str] = Field(default_factory=list, max_length=10)
    scene: str | None = None
    ocr: OcrText | None = None
    nsfw_score: Share | None = None
    aesthetic_score: Share | None = None
    dominant_colors: list[str] = Field(default_factory=list, max_length=5)
    tokens_used: int = Field(default=0, ge=0)
    file_id: str | None = None
    analyzed_at: datetime


class ProviderRefused(DomainError):
    """A definite no about this picture: asking again changes nothing. `reason` is stable."""

    code: ClassVar[str] = "provider_refused"
    http_status: ClassVar[int] = 422

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class VisionProvider(Protocol):
    """
    Look at one picture.

    Adapters translate their SDK's errors: busy or unreachable → `RetryLater`, a definite
    no → `ProviderRefused`. Anything else is a bug and may crash.
    """

    name: str
    model: str

    def analyze(self, image: bytes, *, mime: str, prompt: str, now: datetime) -> Analysis: ...
