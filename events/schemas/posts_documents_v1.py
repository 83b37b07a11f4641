from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from events.schemas.event import Event, Sha256


class DocumentResult(BaseModel):
    """What came of one document: `outcome` analyzed, partial, skipped or failed, and its reason."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sha256: Sha256
    outcome: str
    reason: str
    format: str = ""
    pages: int | None = None
    chars: int = Field(default=0, ge=0)


class DocumentsReadEventV1(Event):
    """The documents of a post have an outcome; their texts are in the database."""

    topic: ClassVar[str] = "posts.documents.read"
    producer: ClassVar[str] = "vision"

    post_id: str
    channel_id: str = ""
    features_hash: str
    documents: list[DocumentResult] = Field(default_factory=list)


class DocumentsRequestedEventV1(Event):
    """The documents of a post are to be read, because a person asked; `run` names the request."""

    topic: ClassVar[str] = "posts.documents.requested"
    producer: ClassVar[str] = "vision"

    post_id: str
    channel_id: str = ""
    run: str
