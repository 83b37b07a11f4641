"""A message that is named by its number or its link."""

import re
from dataclasses import dataclass

BIGGEST_ID = 2**63 - 1
_AROUND = "()[]<>{}.,;:!?…"
_NUMBER = re.compile(r"#?([0-9]{1,19})")
_HOST = r"(?:t(?:elegram)?\.me|telegram\.dog)"
_ID = r"([0-9]{1,19})"
_LINKS = (
    # t.me/name/45, t.me/s/name/45, t.me/c/1234567890/45, with the number of a topic in between.
    re.compile(
        rf"(?:https?://)?(?:www\.)?{_HOST}/(?:c/|s/)?(\w+)/(?:[0-9]+/)?{_ID}/?(?:[?#]\S*)?",
        re.IGNORECASE,
    ),
    re.compile(rf"(?:https?://)?(\w+)\.t\.me/(?:[0-9]+/)?{_ID}/?(?:[?#]\S*)?", re.IGNORECASE),
    re.compile(
        rf"tg://(?:resolve|privatepost)\?(?:domain|channel)=(\w+)&post={_ID}(?:&\S*)?",
        re.IGNORECASE,
    ),
)


@dataclass(frozen=True, slots=True)
class MessageReference:
    """`channel` is what stands in the link, a username or an id without its -100; else empty."""

    message_id: int
    channel: str = ""

    @property
    def path(self) -> str:
        """The path of its link as posts that mention it have it; empty without a channel."""
        members_only = "/c" if self.channel.isdecimal() else ""
        return f"{members_only}/{self.channel}/{self.message_id}" if self.channel else ""


def read_reference(term: str) -> MessageReference | None:
    """
    Read 123, #123, t.me/name/123, https://t.me/c/1234567890/123; None for anything else.

    A link may stand in brackets or at the end of a sentence, as it was copied.
    """
    if number := _NUMBER.fullmatch(term):
        found = MessageReference(int(number[1]))
    elif link := _link(term.strip(_AROUND)):
        found = MessageReference(int(link[2]), link[1])
    else:
        return None
    return found if found.message_id <= BIGGEST_ID else None


def _link(text: str) -> re.Match[str] | None:
    return next((found for link in _LINKS if (found := link.fullmatch(text))), None)
