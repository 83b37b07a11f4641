"""
`python -m bench.rebuild`: an index of many posts is built in batches, against one call per post.

The posts are those of ../shared/data/search again and again, each time with other numbers in them,
so that no text is known already. Vectors are those of an encoder that costs nothing: what is
measured is the index. It is built empty, once, by words and meaning; what the words take of that is
measured beside. Single calls are made in slices, one after each twelfth of the batches, so that
whatever else the machine does weighs on both. While the batches go on, no call has to keep the index
of vectors, which the batches make at the end and are charged with: the ratio is rather too small.
Qdrant's index is built where QDRANT_TEST_URL names a server; there a half of the single calls comes
before the batches, the other after them. Then posts of a sample are built once more, where all is
right already, and compared, post by post.

`--posts 100000` is the figure that is promised; `make bench` measures a quarter of them in a quarter
of the time.
"""

import argparse
import gzip
import itertools
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.support import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from django.db.models import QuerySet  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.support import report  # noqa: E402
from bench.support.report import Figure  # noqa: E402
from events import projections  # noqa: E402
from media.models import Post, post_id  # noqa: E402
from search.embeddings import chosen  # noqa: E402
from search.embeddings.fake import FakeEncoder  # noqa: E402
from search.index.postgresql.vectors import vector_table  # noqa: E402
from search.index.qdrant import collections  # noqa: E402
from search.services.indexing.index_words import index_words  # noqa: E402
from search.services.indexing.rebuild import Rebuilt, rebuild  # noqa: E402
from search.services.indexing.rebuild_qdrant import rebuild_qdrant  # noqa: E402
from telegram_assistant.config import Qdrant  # noqa: E402
from tests import factories as make  # noqa: E402

DATA = Path(os.environ.get("SHARED_DATA_DIR", "../shared/data")) / "search"
POSTS, SINGLE, SLICES, AGAIN, LEAST_RATIO = 25_000, 360, 12, 10_000, 10
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=POSTS)
    count = parser.parse_args().posts
    if not (DATA / "corpus.jsonl.gz").exists():
        sys.exit(f"no relevance set in {DATA}: set SHARED_DATA_DIR")
    chosen.use(FakeEncoder())
    with database.fresh():
        figures = _of_postgresql(count)
        url = os.environ.get("QDRANT_TEST_URL")
        figures += _of_qdrant(url) if url else [_skipped("qdrant: batches against single")]
    return report.close(figures)


@dataclass(slots=True)
class Side:
    """Posts that one side has done, and its seconds: in all, and of these by words."""

    posts: int = 0
    seconds: float = 0.0
    by_words: float = 0.0

    def do(self, work: Iterator[Rebuilt]) -> bool:
        """Do the next batch; False where there is none, which ends the work."""
        started = time.perf_counter()
        batch = next(work, None)
        self.seconds += time.perf_counter() - started
        self.posts += batch.posts if batch else 0
        return batch is not None

    def write_words(self, post_ids: Sequence[UUID], *, now: datetime) -> int:
        started = time.perf_counter()
        changed = index_words(post_ids, now=now)
        self.by_words += time.perf_counter() - started
        return changed

    def rebuild(self, posts: QuerySet[Post]) -> Iterator[Rebuilt]:
        return rebuild(posts, with_meaning=True, clock=timezone.now, write_words=self.write_words)


def _of_postgresql(count: int) -> list[Figure]:
    tenant = _fill(count)
    vector_table.create()
    batches, single = Side(), Side()
    work = batches.rebuild(Post.objects.filter(telegram_message_id__gt=SINGLE))
    while batches.do(work):
        while single.posts < SINGLE and single.posts * count < batches.posts * SINGLE:
            _slice(single)
    found = _ratio(
        "postgresql, words", single.posts / single.by_words, batches.posts / batches.by_words
    )
    found += _ratio(
        "postgresql, words and meaning",
        single.posts / single.seconds,
        batches.posts / batches.seconds,
    )
    some = Post.objects.filter(telegram_message_id__lte=AGAIN)
    again = _rate(some.count(), rebuild(some, with_meaning=True, clock=timezone.now))
    return [*found, *_afterwards("postgresql", again, tenant.pk)]


def _slice(single: Side) -> None:
    """Some calls of one post each."""
    for number in range(single.posts + 1, single.posts + SINGLE // SLICES + 1):
        one = single.rebuild(Post.objects.filter(telegram_message_id=number))
        while single.do(one):
            pass


def _of_qdrant(url: str) -> list[Figure]:
    settings.QDRANT = Qdrant(url=url, collection=f"bench_{os.getpid()}")
    tenant = Post.objects.values_list("tenant", flat=True)[0]
    count = Post.objects.count()
    half, rest = SINGLE // 2, Post.objects.filter(telegram_message_id__gt=SINGLE)
    try:
        list(rebuild_qdrant(Post.objects.none(), whole=True, clock=timezone.now))
        before = _rate(half, _in_qdrant_one_by_one(1, half))
        batches = _rate(count - SINGLE, rebuild_qdrant(rest, whole=True, clock=timezone.now))
        after = _rate(half, _in_qdrant_one_by_one(half + 1, SINGLE))
        some = Post.objects.filter(telegram_message_id__lte=AGAIN)
        again = _rate(some.count(), rebuild_qdrant(some, whole=False, clock=timezone.now))
        single = 2 / (1 / before + 1 / after)
        return [*_ratio("qdrant", single, batches), *_afterwards("qdrant", again, tenant)]
    finally:
        for name in collections.every():
            collections.drop(name)


def _ratio(name: str, single: float, batches: float) -> list[Figure]:
    return [
        Figure(f"{name}: batches against single", batches / single, at_least=LEAST_RATIO),
        Figure(f"{name}: in batches", batches, unit="/s"),
        Figure(f"{name}: one call per post", single, unit="/s"),
    ]


def _afterwards(name: str, again: float, tenant: Any) -> list[Figure]:
    [projection] = [one for one in projections.registered() if one.name == f"search.{name}"]
    started = time.monotonic()
    found = projection.compare(tenant, most=AGAIN)
    compared = found.compared / (time.monotonic() - started)
    return [
        Figure(f"{name}: once more, nothing to write", again, unit="/s"),
        Figure(f"{name}: compared", compared, unit="/s"),
        Figure(f"{name}: posts that differ", found.unresolved, at_most=0, at_least=0),
    ]


def _skipped(name: str) -> Figure:
    return Figure(name, skipped="QDRANT_TEST_URL names no server of Qdrant")


def _fill(count: int) -> Any:
    """A tenant with so many posts, each with a text of its own; the newest first."""
    channel = make.channel()
    with gzip.open(DATA / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    posts = (
        Post(
            pk=post_id(channel.pk, number),
            tenant=channel.tenant,
            channel=channel,
            telegram_message_id=number,
            content=f"{text} {number}",
            posted_at=NEWEST - timedelta(minutes=number),
        )
        for number, text in zip(range(1, count + 1), itertools.cycle(texts), strict=False)
    )
    while batch := list(itertools.islice(posts, 1000)):
        Post.objects.bulk_create(batch)
    database.analyze()
    return channel.tenant


def _in_qdrant_one_by_one(first: int, last: int) -> Iterator[object]:
    for number in range(first, last + 1):
        one = Post.objects.filter(telegram_message_id=number)
        yield from rebuild_qdrant(one, whole=False, clock=timezone.now)


def _rate(posts: int, work: Iterable[object]) -> float:
    started = time.monotonic()
    for _ in work:
        pass
    return posts / (time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
