from typing import Any, ClassVar

from pydantic import Field

from events.schemas.event import Event


class PostEnrichedEventV1(Event):
    """
    What is known of the pages that a post points to has changed (CONTRACT §1.8).

    The texts are in the database. `skipped`: none of them could be read, for `skip_reason`.
    `quality_score` is the share of the links that were read.
    """

    topic: ClassVar[str] = "posts.enriched"
    producer: ClassVar[str] = "crawl"

    post_id: str
    channel_id: str = ""
    enrichment_data: dict[str, Any] = Field(default_factory=dict)
    source_urls: list[str] = Field(default_factory=list)
    word_count: int | None = Field(default=None, ge=0)
    original_word_count: int | None = Field(default=None, ge=0)
    skipped: bool = False
    skip_reason: str | None = None
    crawl_duration_ms: int | None = Field(default=None, ge=0)
    crawl_success: bool | None = None
    policy_applied: str | None = None
    quality_score: float = Field(default=0, ge=0, le=1)
