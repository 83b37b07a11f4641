"""
Which links of a post are worth a visit (CONTRACT §13): a pure function of the post and the rules.

A link that can be read in the text is one the author wanted to be followed. One that is hidden
under words needs a reason more: a tag, a text of some length, a picture or a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from crawl.canonicalize import MOST_CHARS, canonicalize

POLICY_VERSION: Final = "v1"
BUILT_IN_TAGS: Final = frozenset(
    {
        "longread", "research", "paper", "release", "law", "deepdive", "analysis", "report",
        "study", "whitepaper",
    }
)  # fmt: skip
DEFAULT_TAGS: Final = (
    "ai", "искусственный интеллект", "нейросети", "machine learning", "машинное обучение",
    "generative ai", "генеративный интеллект", "robotics", "робототехника", "computer vision",
    "автоматизация", "science", "research",
)  # fmt: skip
DEFAULT_DENIED: Final = ("localhost", "127.0.0.1", "t.me", "telegram.me", "telegram.dog")
"""The last three lead to messages, which the archive has or may not have."""


MOST_HOST_CHARS: Final = 253
"""Of the longest name that there can be; the rows of hosts have room for no more."""


class Trigger(StrEnum):
    """Why a post's links are visited, the first that holds."""

    URL = "url_in_text"
    TAG = "trigger_tag"
    WORDS = "word_count"
    LENGTH = "text_length"
    MEDIA = "media"


class Skip(StrEnum):
    """Why they are not."""

    NO_URLS = "no_urls"
    DENIED = "host_denied"
    NO_TAGS = "no_trigger_tags"
    WORDS = "below_word_count"


@dataclass(frozen=True, slots=True)
class Rules:
    """`allowed` hosts: empty is all. A host that is named stands for those below it, too."""

    tags: frozenset[str] = frozenset(DEFAULT_TAGS)
    min_words: int = 50
    min_chars: int = 200
    denied: frozenset[str] = frozenset(DEFAULT_DENIED)
    allowed: frozenset[str] = frozenset()
    most_links: int = 10


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of a post; `tags` is None while nobody has tagged it."""

    text: str
    urls: Sequence[str]
    hashtags: Sequence[str] = ()
    tags: Sequence[str] | None = None
    has_media: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The canonical addresses to visit, in the order of the post; or none, and why."""

    urls: list[str] = field(default_factory=list)
    trigger: Trigger | None = None
    skip: Skip | None = None


def decide(post: Said, rules: Rules) -> Decision:
    """Decide about the links of one post."""
    links = list(dict.fromkeys(filter(None, map(address_of, post.urls))))
    if not links:
        return Decision(skip=Skip.NO_URLS)
    open_links = [link for link in links if host_is_open(link, rules)][: rules.most_links]
    if not open_links:
        return Decision(skip=Skip.DENIED)
    trigger = _trigger(post, rules)
    if trigger is None:
        return Decision(skip=Skip.WORDS if post.tags is None else Skip.NO_TAGS)
    return Decision(urls=open_links, trigger=trigger)


def address_of(link: str) -> str:
    """The canonical address behind a link of a post; empty where it leads to no page of the web."""
    text = link.strip()
    if "://" not in text[:12] and not text.lower().startswith(("mailto:", "tel:", "javascript:")):
        text = f"http://{text}"  # as Telegram opens what has no scheme
    if not text.lower().startswith(("http://", "https://")) or len(text) > MOST_CHARS:
        return ""
    address = canonicalize(text)
    return address if len(address) <= MOST_CHARS and "\x00" not in address else ""


def host_is_open(url: str, rules: Rules) -> bool:
    """Whether the lists of hosts let us visit this address."""
    host = host_of(url)
    if not host or _is_among(host, rules.denied):
        return False
    return not rules.allowed or _is_among(host, rules.allowed)


def host_of(url: str) -> str:
    """The host of an address, without its port; empty where there is none. What no name can have is cut off."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")[:MOST_HOST_CHARS]
    except ValueError:
        return ""


def _is_among(host: str, names: frozenset[str]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in names)


def _trigger(post: Said, rules: Rules) -> Trigger | None:
    if any(url.strip() and url.strip() in post.text for url in post.urls):
        return Trigger.URL
    if _tags(post) & (rules.tags | BUILT_IN_TAGS):
        return Trigger.TAG
    if len(post.text.split()) >= rules.min_words:
        return Trigger.WORDS
    if len(post.text) >= rules.min_chars:
        return Trigger.LENGTH
    return Trigger.MEDIA if post.has_media else None


def _tags(post: Said) -> set[str]:
    """Tags as they are compared: small letters, no #, _ as a blank."""
    named = (*post.hashtags, *(post.tags or ()))
    return {" ".join(tag.lower().lstrip("#").replace("_", " ").split()) for tag in named}
