from typing import ClassVar

from events.schemas.event import Event, Sha256, UtcDatetime


class PostIndexedEventV1(Event):
    """
    A post can be found as it is now (CONTRACT §1.8); once per post and version of its document.

    `vector_id` is the id of its vector in the index, absent where there is nothing to understand; the
    vector itself comes soon after. The key ends with 24 digits of a hash of all that the document
    is made of, with the revisions of post, analysis and album.
    """

    topic: ClassVar[str] = "posts.indexed"
    producer: ClassVar[str] = "search"

    post_id: str
    channel_id: str = ""
    vector_id: str | None = None
    document_hash: Sha256
    indexed_at: UtcDatetime
