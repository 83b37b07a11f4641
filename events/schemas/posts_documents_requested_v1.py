from typing import ClassVar

from events.schemas.event import Event


class DocumentsRequestedEventV1(Event):
    """The documents of a post are to be read, because a person asked; `run` names the request."""

    topic: ClassVar[str] = "posts.documents.requested"
    producer: ClassVar[str] = "vision"

    post_id: str
    channel_id: str = ""
    run: str
