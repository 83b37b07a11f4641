"""Building Qdrant's collection again while the one before serves."""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db.models import QuerySet

from media.models import Post
from search.index import chosen
from search.index.qdrant.index import Building, QdrantIndex
from search.services.indexing.index_qdrant import current_space, index_qdrant
from search.services.indexing.rebuild import BATCH, Rebuilt, batches


def rebuild_qdrant(
    posts: QuerySet[Post], *, whole: bool, clock: Callable[[], datetime]
) -> Iterator[Rebuilt]:
    """
    Write the points of `posts` in batches, newest posts first.

    `whole` fills a new collection, or the one that an interrupted run has left, and lets it serve
    at last; whatever `posts` left out is filled in before. Otherwise the collections that there are
    are brought up to date. What is right already costs a comparison.
    """
    index = QdrantIndex()
    building = index.rebuild(current_space()) if whole else None
    for batch, reached in batches(posts):
        changed = index_qdrant(batch, now=clock(), into=building or index)
        yield Rebuilt(len(batch), changed, 0, reached)
    if building:
        _complete(building, clock)
        building.finish()
        chosen.outage.end()


def _complete(building: Building, clock: Callable[[], datetime]) -> None:
    """Write what is missing, and forget what is of no post: an interrupted run may have left both."""
    for batch, _ in batches(Post.objects.all()):
        if missing := building.missing(batch):
            index_qdrant(missing, now=clock(), into=building)
    after = None
    while ids := building.ids(after=after, limit=BATCH):
        posts = set(Post.objects.filter(pk__in=ids).values_list("pk", flat=True))
        if extra := set(ids) - posts:
            index_qdrant(sorted(extra), now=clock(), into=building)
        after = ids[-1]
