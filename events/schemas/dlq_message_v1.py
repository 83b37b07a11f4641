from typing import Any, ClassVar

from pydantic import Field

from events.schemas.event import Event, UtcDatetime


class DeadLetterEventV1(Event):
    """A delivery was given up (CONTRACT §1.10); it stays listed and can be replayed."""

    topic: ClassVar[str] = "dlq.message"
    producer: ClassVar[str] = "events"

    base_event_type: str
    subscriber: str
    delivery_id: int
    base_event_id: int
    post_id: str | None = None
    payload_snippet: str = Field(default="", max_length=1024)
    error_code: str
    error_details: str = Field(default="", max_length=500)
    error_stack_trace: str = Field(default="", max_length=1000)
    retry_count: int = Field(ge=0)
    first_seen_at: UtcDatetime
    last_seen_at: UtcDatetime
    next_retry_at: UtcDatetime | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
