from typing import ClassVar

from events.schemas.event import Event, UtcDatetime


class SearchMatchedEventV1(Event):
    """
    A post matches a saved search of `user_id`, told once for each pair of them.

    It has neither the name nor the text of the search: members of the tenant may see events, but
    what a user looks for is the user's own.
    """

    topic: ClassVar[str] = "search.matched"
    producer: ClassVar[str] = "search"

    user_id: str
    saved_search_id: str
    post_id: str
    channel_id: str
    posted_at: UtcDatetime
    matched_at: UtcDatetime
