"""The records that every source of posts yields, be it an export folder or Telegram itself."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final, Protocol

from events.errors import DomainError
from events.sentences import retold


class MediaKind(StrEnum):
    """How Telegram sent the file; says nothing about its bytes."""

    PHOTO = "photo"
    VIDEO = "video"
    ANIMATION = "animation"
    STICKER = "sticker"
    VOICE = "voice"
    VIDEO_MESSAGE = "video_message"
    AUDIO = "audio"
    DOCUMENT = "document"


class Absence(StrEnum):
    """Why the source has no bytes for a file that its message names."""

    NOT_INCLUDED = "not_included"
    EXCEEDS_LIMIT = "exceeds_limit"
    UNAVAILABLE = "unavailable"
    PAID = "paid"


@dataclass(frozen=True, slots=True)
class Attachment:
    """
    A file of a message. `path` is what `Source.open` takes; empty when `absence` is set.

    `file_id` is Telegram's, where the source says it. `is_stored`: the archive has this very file
    for this post, so it is not read again.
    """

    kind: MediaKind
    path: str = ""
    absence: Absence | None = None
    thumbnail_path: str = ""
    file_name: str = ""
    declared_mime: str = ""
    declared_size_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    spoiler: bool = False
    file_id: str = ""
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class Formatting:
    """
    How a piece of the text is shown, from `start`, in characters (code points, not UTF-16).

    `kind` is one of bold, italic, underline, strikethrough, code, spoiler, blockquote, text_link
    (`value`: the address), pre (the language), custom_emoji (the id of its file).
    """

    start: int
    length: int
    kind: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Forward:
    """Where a forwarded post came from. Both are empty when Telegram hides or lost the source."""

    from_name: str = ""
    from_chat_id: int | None = None
    from_message_id: int | None = None
    forwarded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """`kind` is emoji, custom_emoji or paid; who reacted is never kept."""

    kind: str
    value: str
    count: int


MANY_PEOPLE = 10


@dataclass(frozen=True, slots=True)
class Chat:
    """
    A channel or group. `tg_channel_id` is the marked id: negative, `-100…` for channels.

    `as_of` says how old the source is: the time of its latest date or edit in this chat, then its
    highest message id, then how it is read; it is text that sorts by these. `authors` and
    `people` are how many write in the chat, and how many of them are persons: only numbers are
    kept.
    """

    tg_channel_id: int
    kind: str
    title: str
    username: str = ""
    as_of: str = field(default="", compare=False)
    authors: int = field(default=0, compare=False)
    people: int = field(default=0, compare=False)

    @property
    def resembles_conversation(self) -> bool:
        """
        Whether people write here to each other, or to the channel, rather than the channel to all.

        In a channel the admins may show themselves as authors, so there it takes more of them.
        """
        if self.kind.endswith("channel"):
            return self.people >= MANY_PEOPLE
        return self.people >= 1 and self.authors > 1


@dataclass(frozen=True, slots=True)
class SkippedChat:
    """A chat of the source that is not imported, and why. Carries no personal data but its type."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Message:
    """One post as its source has it. Times are aware UTC; counters are None where unknown."""

    message_id: int
    posted_at: datetime
    text: str = ""
    edited_at: datetime | None = None
    sender_id: str = ""
    author: str = ""
    links: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    formatting: tuple[Formatting, ...] | None = None
    """None where the source may lack some of it."""
    forward: Forward | None = None
    reply_to_message_id: int | None = None
    reply_to_chat_id: int | None = None
    via_bot: str = ""
    views: int | None = None
    forwards: int | None = None
    replies: int | None = None
    reactions: tuple[Reaction, ...] = ()
    attachment: Attachment | None = None
    more_attachments: tuple[Attachment, ...] = ()
    """The other files of a message that has several; an album is several messages instead."""
    grouped_id: int | None = None
    run_id: int | None = None
    """
    Negative, the same for neighbors that may be of one album, where the source does not mark them.
    A run may be several albums, and other sources may know more of its messages.
    """
    extra: dict[str, Any] = field(default_factory=dict)
    """
    Poll, place, buttons and the like, as plain JSON; contacts are left out. What no version knew
    so far is under "unknown", by its place in the message.
    """
    unknown: tuple[str, ...] = ()
    """The kinds of places where something unknown stood, such as `poll.answers[].photo`."""
    fingerprint: str = ""
    """SHA-256 (hex) of the message in the source: an equal one needs no second import."""

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """All files, in the order of the message."""
        return (self.attachment, *self.more_attachments) if self.attachment else ()


@dataclass(frozen=True, slots=True)
class ServiceMessage:
    """
    Something happened in the channel (a pin, a new title): counted, not stored.

    `pinned_id` is the message that was pinned, where that is what happened.

    `action` is UNSUPPORTED for a message whose content the source itself could not write.
    """

    message_id: int
    action: str
    pinned_id: int | None = None


UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """A part of the source, outside of its messages, that no version knew so far; not read."""

    place: str


STORABLE_IDS = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Problem:
    """
    A part of the source that could not be imported; the import goes on.

    An id that no column holds (2**70 is valid JSON) moves into the detail: so a problem can always
    be recorded.
    """

    code: str
    detail: str
    message_id: int | None = None
    fatal: bool = False
    """True when nothing after it could be read (a truncated or malformed file)."""

    def __post_init__(self) -> None:
        if self.message_id is not None and self.message_id not in STORABLE_IDS:
            object.__setattr__(
                self, "detail", f"message {_shortened(self.message_id)}: {self.detail}"
            )
            object.__setattr__(self, "message_id", None)


def _shortened(number: int) -> str:
    digits = str(number)
    return digits if len(digits) <= 40 else f"{digits[:40]}… ({len(digits)} digits)"  # noqa: PLR2004


Record = Chat | SkippedChat | Message | ServiceMessage | UnknownKey | Problem


class SourceRefused(DomainError):
    """
    The source as a whole cannot be read: wrong path, not an export, not permitted.

    `reason` continues a sentence that begins with the path: no refusal leaves the file unnamed.
    It is English, also in the log; `told` says it to people in their language.
    """

    code: ClassVar[str] = "source_refused"

    def __init__(self, path: Path, template: str, words: Mapping[str, str] | None = None) -> None:
        super().__init__(path, template)
        self.path = path
        self.template = template
        self.words = dict(words or {})

    @property
    def reason(self) -> str:
        return self._reason(str)

    def told(self, translate: Callable[[str], str]) -> str:
        """The refusal in another language: `translate` knows the texts that are marked for it."""
        return f"{self.path} {self._reason(translate)}"

    def _reason(self, translate: Callable[[str], str]) -> str:
        words = {
            name: retold(word, translate) if name in _SENTENCES else word
            for name, word in self.words.items()
        }
        return translate(self.template) % words if words else translate(self.template)

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.template, self.words)


_SENTENCES: Final = frozenset({"advice", "error", "kind", "objection", "why"})
"""Words of a refusal that are texts of ours."""


class FileRefused(DomainError):
    """A file of the source must not or cannot be opened; `reason` is stable (unsafe_path, …)."""

    code: ClassVar[str] = "file_refused"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Source(Protocol):
    """
    A stream of records: a `Chat`, then its messages in ascending order, then the next chat.

    Constant memory whatever the size. A bad message becomes a `Problem`, never an exception;
    `SourceRefused` is raised only where not even a first record can be read.
    """

    def records(self) -> Iterator[Record]: ...

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """The bytes behind `Attachment.path`, or FileRefused."""
        ...
