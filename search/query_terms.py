"""What is asked for, after the query language has been read."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Filters:
    """
    Conditions on posts; empty and None ask for nothing.

    Of several values of one field any fits, but of `has` and `tags` all have to. Senders are
    compared without regard to case; `periods` are from a moment to just before another one.
    """

    channels: tuple[UUID, ...] = ()
    albums: tuple[int, ...] = ()
    senders: tuple[str, ...] = ()
    is_meme: bool | None = None
    is_deleted: bool | None = None
    is_pinned: bool | None = None
    has: tuple[str, ...] = ()  # text, link, media, forward, edited, poll, … as `sources` names it
    files: tuple[str, ...] = ()  # photo, video, document, …
    tags: tuple[str, ...] = ()  # without #, as `documents.tags_in` has them
    classes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    posted_from: datetime | None = None
    posted_before: datetime | None = None
    periods: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """
    `words` as typed, any of which makes a hit; `phrases` all of which a hit has; `tags` of #tag
    terms, whose posts come first; `excluded` words and phrases that no hit has.

    `named` are ids of posts that the query names by link or number: they come before all others.
    `unspoken` are those of `words` that mean nothing to an encoder, such as paths of links.
    """

    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    named: tuple[UUID, ...] = ()
    unspoken: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What the query means, for an encoder: its words, phrases and tags."""
        spoken = (word for word in self.words if word not in self.unspoken)
        return " ".join((*spoken, *self.phrases, *self.tags))

    @property
    def has_words(self) -> bool:
        return bool(self.words or self.phrases or self.tags)
