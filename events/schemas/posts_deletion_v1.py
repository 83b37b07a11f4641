from typing import ClassVar, Literal

from events.schemas.event import Event, UtcDatetime


class PostDeletionEventV1(Event):
    """
    A post was deleted in Telegram, or was seen there again: then `deleted_at` is None.

    The archive keeps the post. `deletion` says how that is known, as `Post.deletion` does.
    """

    topic: ClassVar[str] = "posts.deletion"
    producer: ClassVar[str] = "media"

    post_id: str
    channel_id: str
    deleted_at: UtcDatetime | None = None
    deletion: Literal["", "live", "absent"] = ""
