"""A message that is named by its number or its link."""

import re
from dataclasses import dataclass

BIGGEST_ID = 2**63 - 1
_NUMBER = re.compile(r"#?([0-9]{1,19})")
_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?t(?:elegram)?\.me/(?:c/|s/)?(\w+)/(?:[0-9]+/)?([0-9]{1,19})/?(?:\?\S*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MessageReference:
    """`channel` is what stands in the link, a username or an id without its -100; else empty."""

    message_id: int
    channel: str = ""


def read_reference(term: str) -> MessageReference | None:
    """Read 123, #123, t.me/name/123, https://t.me/c/1234567890/123; None for anything else."""
    if number := _NUMBER.fullmatch(term):
        found = MessageReference(int(number[1]))
    elif link := _LINK.fullmatch(term):
        found = MessageReference(int(link[2]), link[1])
    else:
        return None
    return found if found.message_id <= BIGGEST_ID else None
