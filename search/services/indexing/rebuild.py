"""Building the index again, newest posts first, while it serves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from events import backfill
from media.models import Post
from search.embeddings import chosen
from search.index.postgresql.vectors import vector_index
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_words import index_words
from search.services.meaning import models_in_use

BATCH = 500


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A batch that is done: its posts, the documents that changed, the texts that were encoded."""

    posts: int
    changed: int
    encoded: int
    reached: datetime


def rebuild(
    posts: QuerySet[Post],
    *,
    with_meaning: bool,
    clock: Callable[[], datetime],
    write_words: Callable[..., int] = index_words,
) -> Iterator[Rebuilt]:
    """
    Bring the index of `posts` up to date in batches; what is right already costs a comparison.

    `write_words` writes the documents of a batch, and may do more by what changes.

    Nothing is emptied, so searches go on. Interrupted, it is continued by calling it again, or
    with the posts before `reached`.
    """
    if not with_meaning:
        yield from _in_batches(posts, write_words, lambda _: 0, clock=clock)
        return
    encoder = chosen.encoder()
    models_in_use.adopt(encoder, now=clock())
    with vector_index.made_afterwards(encoder.name, encoder.dimension, posts=posts.count()):
        yield from _in_batches(posts, write_words, index_meaning, clock=clock)
    models_in_use.change_over()


def _in_batches(
    posts: QuerySet[Post],
    write_words: Callable[..., int],
    write_meaning: Callable[[list[UUID]], int],
    *,
    clock: Callable[[], datetime],
) -> Iterator[Rebuilt]:
    for batch, reached in batches(posts):
        with backfill.use(True):  # noqa: FBT003 - what is published of it comes after what is new
            changed = write_words(batch, now=clock())
        yield Rebuilt(len(batch), changed, write_meaning(batch), reached)


def batches(posts: QuerySet[Post]) -> Iterator[tuple[list[UUID], datetime]]:
    """Ids of the posts, newest first, with the moment that each batch reaches."""
    rows = posts.order_by("-posted_at", "-pk").values_list("pk", "posted_at")
    found = list(rows[:BATCH])
    while found:
        last_id, last_at = found[-1]
        yield [pk for pk, _ in found], last_at
        older = Q(posted_at__lt=last_at) | Q(posted_at=last_at, pk__lt=last_id)
        found = list(rows.filter(older)[:BATCH])
