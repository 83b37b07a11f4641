"""Links, mentions and hashtags of a message, each once, in the order of the text."""

import re
from dataclasses import dataclass, field
from typing import Any

MAX_LINK_CHARS = 2048
_KINDS = ("link", "mention", "hashtag")
_SCHEME = re.compile(r"https?://|(?:mailto|tel|tg|ton):", re.IGNORECASE)
"""The schemes of what a reader may follow; `javascript:` and the like are none."""
_HOST = re.compile(r"/*(?:localhost|[\w\-]+(?:\.[\w\-]+)+)\.?(?::\d+)?(?:[/?#]|$)", re.IGNORECASE)


@dataclass(slots=True)
class Entities:
    """Dictionaries are used as ordered sets."""

    links: dict[str, None] = field(default_factory=dict)
    mentions: dict[str, None] = field(default_factory=dict)
    hashtags: dict[str, None] = field(default_factory=dict)
    no_links: dict[str, None] = field(default_factory=dict)
    """What stands in place of an address and is none."""

    def add(self, kind: Any, text: Any) -> None:
        """Add the text of a part of the given type, if it is one of these three."""
        if not isinstance(text, str) or not text:
            return
        if kind == "link":
            if link := full_link(text):  # what is none is read in the text
                self.links[link] = None
        elif kind == "mention":
            self.mentions[text] = None
        elif kind == "hashtag":
            self.hashtags[text] = None

    def add_link(self, value: Any) -> None:
        if link := full_link(value):
            self.links[link] = None
        elif isinstance(value, str) and is_no_link(value.strip()):
            self.no_links[value.strip()] = None

    def add_parts(self, parts: list[Any]) -> None:
        """Add those of a text that is an array of strings and objects."""
        for part in parts:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "text_link":
                self.add_link(part.get("href"))
            elif kind in _KINDS:
                self.add(kind, part.get("text"))


def full_link(value: Any) -> str:
    """The link with a scheme; empty where it is no address, or one that is too long to be kept."""
    if not isinstance(value, str) or not (link := value.strip()) or link.startswith("#"):
        return ""  # "#part" leads to another place of the same message
    if not has_scheme(link):
        if not _HOST.match(link):
            return ""
        link = "https://" + link.lstrip("/")
    return link if len(link) <= MAX_LINK_CHARS else ""  # not cut: half a link leads nowhere


def is_no_link(link: str) -> bool:
    """Whether an address that leads to another place is of no kind that a reader may follow."""
    return bool(link) and not (link.startswith("#") or has_scheme(link) or _HOST.match(link))


def has_scheme(link: str) -> bool:
    return _SCHEME.match(link) is not None
