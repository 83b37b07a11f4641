"""What is asked for, after the query language has been read."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from search.documents import tags_in


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions that every hit fulfils; None and empty ask for nothing. Lists: any of them."""

    channels: tuple[UUID, ...] = ()
    album: int | None = None
    senders: tuple[str, ...] = ()
    is_meme: bool | None = None
    has: tuple[str, ...] = ()  # all of them: text, link, media, photo, video, document, …
    tags: tuple[str, ...] = ()  # all of them, without #, lower-case
    classes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    posted_from: datetime | None = None
    posted_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """
    `words` as typed, any of which makes a hit; `phrases` all of which a hit has; `tags` of #tag
    terms, whose posts come first; `excluded` words and phrases that no hit has.
    """

    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)

    @property
    def text(self) -> str:
        """What the query means, for an encoder: its words, phrases and tags."""
        return " ".join((*self.words, *self.phrases, *self.tags))


_TERM = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')


def plain_query(text: str) -> Query:
    """Read words, "phrases", #tags and -excluded; nothing is refused, qualifiers are words here."""
    found: dict[str, list[str]] = {"words": [], "phrases": [], "tags": [], "excluded": []}
    for minus, phrase, word in _TERM.findall(text):
        term = (phrase or word).strip()
        if not any(map(str.isalnum, term)):
            continue
        if minus:
            found["excluded"].append(term)
        elif phrase:
            found["phrases"].append(term)
        elif tags := tags_in(term):
            found["tags"].extend(tags)
        else:
            found["words"].append(term)
    return Query(
        words=tuple(found["words"]),
        phrases=tuple(found["phrases"]),
        tags=tuple(found["tags"]),
        excluded=tuple(found["excluded"]),
    )
