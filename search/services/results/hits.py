"""What a search returns: hits with the reasons why, and how the query was read."""

from dataclasses import dataclass, field
from uuid import UUID

from search.query.problems import Problem


@dataclass(frozen=True, slots=True)
class AlbumMatch:
    """The album that a hit stands for: its id, and how many of its items match."""

    album_id: int
    matching: int = 1


@dataclass(frozen=True, slots=True)
class SamePicture:
    """A picture of a hit that is nearly one of another post: SHA-256 of either, and their distance in bits."""

    sha256: str
    of: str
    distance: int


@dataclass(frozen=True, slots=True)
class Hit:
    """
    A post that was found, and why.

    `words` are those of the query that it has, `tags` the #tags of the query that it carries,
    `distance` is the cosine distance of its meaning, None where meaning did not find it; `named`:
    the query has its number or link. `picture` is set where a picture was looked for. Of an album
    only the item that matches best is a hit, and `album` says of which one.
    """

    post_id: UUID
    score: float
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    distance: float | None = None
    named: bool = False
    picture: SamePicture | None = None
    album: AlbumMatch | None = None


def by_meaning_alone(hit: Hit) -> bool:
    """Whether a post has nothing of what was asked for but its meaning."""
    return hit.distance is not None and not (hit.words or hit.tags or hit.named)


@dataclass(frozen=True, slots=True)
class Hits:
    """
    The hits of one page. `found` counts all that pages can reach, at most twice `WINDOW`; `near` are
    those of them that only meaning found. `is_nothing_near`: meaning was compared, and found none.

    `replaced` has words of the query for which others were looked for, too; `lexemes` are all stems
    that were looked for, for highlighting. `degraded` says in words
    what did not work; empty where everything did. `problems` are those of the text that was read,
    `understood` is that text in English names, in one order.
    """

    hits: tuple[Hit, ...] = ()
    found: int = 0
    near: int = 0
    is_nothing_near: bool = False
    replaced: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lexemes: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    understood: str = ""
