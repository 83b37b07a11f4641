"""What a query of the query language asks for: frozen values, equal when they ask for the same."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from media.sources.port import MediaKind
from search.query.message_reference import MessageReference, read_reference
from search.query.problems import Problem


class State(StrEnum):
    """What `is:` asks for."""

    MEME = "meme"
    FORWARD = "forward"
    EDITED = "edited"
    PINNED = "pinned"
    REPLY = "reply"
    ALBUM = "album"
    DELETED = "deleted"


class Part(StrEnum):
    """What `has:` asks for, beside the kinds of files."""

    TEXT = "text"
    LINK = "link"
    MEDIA = "media"
    HASHTAG = "hashtag"
    POLL = "poll"
    LOCATION = "location"
    CONTACT = "contact"
    GAME = "game"
    BUTTON = "button"


class ChannelBy(StrEnum):
    ID = "id"
    USERNAME = "username"
    NAME = "name"


@dataclass(frozen=True, slots=True, order=True)
class ChannelReference:
    """
    A channel as it was named: `value` is Telegram's id as digits, with or without the sign and the
    100 before it; a username without @; or a name, which may be that of a title or a username.
    """

    by: ChannelBy
    value: str


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A day, month or year from `start` to just before `end`, both midnight of the user's zone."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """
    Conditions of the qualifiers; empty and None ask for nothing.

    A post has one channel, album, author, class, language, file and date, so of several values of
    those any may fit: `channels`, `albums`, `authors`, `classes`, `languages`, `files`, `periods`. Of `states`,
    `parts`, `labels` and `categories` of tags all have to. `posted_from` is the first moment that fits, `posted_before`
    the first one after it that does not.

    Among the excluded, a post that fits any single value is no hit; these have no `posted_from`
    and `posted_before`.
    """

    channels: tuple[ChannelReference, ...] = ()
    albums: tuple[int, ...] = ()
    authors: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    files: tuple[MediaKind, ...] = ()
    parts: tuple[Part, ...] = ()
    languages: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    posted_from: datetime | None = None
    posted_before: datetime | None = None
    periods: tuple[Period, ...] = ()


@dataclass(frozen=True, slots=True)
class Excluded:
    """What no hit has: any of it excludes a post. Words as in `ParsedQuery`."""

    terms: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """
    A query that was read.

    `terms` are single words, `phrases` exact ones, `tags` those of #tag without #. Each is NFC, in
    the case and with the ё that were typed, in the order of the text, once. `problems` are remarks
    on the text that was read, so two queries that ask for the same are equal without them.
    """

    terms: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    excluded: Excluded = field(default_factory=Excluded)
    filters: Filters = field(default_factory=Filters)
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    @property
    def is_empty(self) -> bool:
        return self == ParsedQuery()

    @property
    def text(self) -> str:
        """What is looked for, as an encoder takes it: words, phrases and tags."""
        return " ".join((*self.terms, *self.phrases, *self.tags))

    @property
    def messages(self) -> tuple[MessageReference, ...]:
        """
        Messages that are named by a link, or by the number that is the only word of the query.

        Among other words, a number is a number.
        """
        alone = len(self.terms) == 1 and not self.phrases and not self.tags
        return tuple(self._references(with_numbers=alone))

    def _references(self, *, with_numbers: bool) -> Iterator[MessageReference]:
        for term in self.terms:
            reference = read_reference(term)
            if reference and (reference.channel or with_numbers):
                yield reference
