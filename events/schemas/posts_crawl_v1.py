from typing import Any, ClassVar

from pydantic import Field

from events.schemas.event import Event


class PostCrawlEventV1(Event):
    """
    Links of a post are to be followed (CONTRACT §1.8).

    `urls` are canonical. `post_id` is empty where a person asks for a page that no post points to.
    """

    topic: ClassVar[str] = "posts.crawl"
    producer: ClassVar[str] = "crawl"

    post_id: str = ""
    urls: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    trigger_reason: str
    metadata: dict[str, Any] = Field(default_factory=dict)
