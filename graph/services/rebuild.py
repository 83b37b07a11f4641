"""Building the graph from the archive, or bringing all of it in line, in batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from albums.models import MediaGroup
from graph.services.index import index
from graph.sources.read import Changed
from graph.store.write import Written
from media.models import Post

BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A batch of `posts` or `albums` that is done: rows compared, changes made, where to go on."""

    what: str
    rows: int
    written: Written
    reached: datetime


def rebuild(
    posts: QuerySet[Post], albums: QuerySet[MediaGroup], *, repair: bool = False
) -> Iterator[Rebuilt]:
    """
    Write the posts, newest first, then the albums, newest first.

    What is right already costs a comparison; with `repair` each edge is compared, too. Raises
    GraphOff and GraphUnavailable.
    """
    for ids, reached in _batches(posts):
        yield Rebuilt("posts", len(ids), index(Changed(posts=ids), repair=repair), reached)
    for numbers, reached in _batches(albums):
        yield Rebuilt(
            "albums", len(numbers), index(Changed(albums=numbers), repair=repair), reached
        )


def _batches(rows: QuerySet[Any]) -> Iterator[tuple[list[Any], datetime]]:
    """Keys, newest rows first, in batches, each with the time of its last row."""
    ordered = rows.order_by("-posted_at", "-pk").values_list("pk", "posted_at")
    after: tuple[UUID | int, datetime] | None = None
    while page := list((ordered.filter(_below(after)) if after else ordered)[:BATCH]):
        yield [pk for pk, _ in page], page[-1][1]
        after = page[-1]


def _below(row: tuple[UUID | int, datetime]) -> Q:
    pk, moment = row
    return Q(posted_at__lte=moment) & (Q(posted_at__lt=moment) | Q(pk__lt=pk))
