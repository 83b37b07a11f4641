"""The base class of all events (CONTRACT §1.2)."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_utc)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Event(BaseModel):
    """
    Base class of all events. `topic` and `version` name the schema; only one event exists with
    the same topic, version and `idempotency_key`.

    Unknown fields are ignored, so that a worker of the previous release can read what the next
    release writes.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: ClassVar[str]
    version: ClassVar[str] = "v1"
    producer: ClassVar[str] = ""

    schema_version: str = Field(default="v1", pattern=r"^v1$")
    trace_id: str = Field(
        default_factory=lambda: uuid.uuid4().hex, pattern=r"^[A-Za-z0-9_.:-]{1,128}$"
    )
    idempotency_key: str = Field(min_length=1, max_length=400)
    occurred_at: UtcDatetime = Field(default_factory=lambda: datetime.now(UTC))
    tenant_id: str = Field(min_length=1)
