"""
`python -m bench.rebuild`: an index of 100 000 posts is built in batches, against one call per post.

The posts are those of ../shared/data/search again and again, each time with other numbers in them,
so that no text is known already. Vectors are those of an encoder that costs nothing: what is
measured is the index. Both indexes are built empty, by words and meaning, in one run: PostgreSQL's
by `rebuild`, and Qdrant's by `rebuild_qdrant` where QDRANT_TEST_URL names a server. Then it is built
once more, where all of it is right already, and compared, post by post.
"""

import argparse
import gzip
import itertools
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.support import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from django.utils import timezone  # noqa: E402

from bench.support import report  # noqa: E402
from bench.support.report import Figure  # noqa: E402
from events import projections  # noqa: E402
from media.models import Post, post_id  # noqa: E402
from search.embeddings import chosen  # noqa: E402
from search.embeddings.fake import FakeEncoder  # noqa: E402
from search.index.postgresql.vectors import vector_table  # noqa: E402
from search.index.qdrant import collections  # noqa: E402
from search.models import SearchDocument  # noqa: E402
from search.services.indexing.rebuild import rebuild  # noqa: E402
from search.services.indexing.rebuild_qdrant import rebuild_qdrant  # noqa: E402
from telegram_assistant.config import Qdrant  # noqa: E402
from tests import factories as make  # noqa: E402

DATA = Path(os.environ.get("SHARED_DATA_DIR", "../shared/data")) / "search"
POSTS, SINGLE, LEAST_RATIO = 100_000, 300, 10
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


def _of_postgresql(count: int) -> list[Figure]:
    tenant = _fill(count)
    vector_table.create()
    found = []
    for meaning, name in ((False, "postgresql, words"), (True, "postgresql, words and meaning")):
        SearchDocument.objects.all().delete()
        single = _rate(SINGLE, _one_by_one(SINGLE, meaning=meaning))
        rest = Post.objects.filter(telegram_message_id__gt=SINGLE)
        batches = _rate(count - SINGLE, rebuild(rest, with_meaning=meaning, clock=timezone.now))
        found += _ratio(name, single, batches)
    again = rebuild(Post.objects.all(), with_meaning=True, clock=timezone.now)
    return [*found, *_afterwards("postgresql", _rate(count, again), tenant.pk)]


def _of_qdrant(url: str) -> list[Figure]:
    settings.QDRANT = Qdrant(url=url, collection=f"bench_{os.getpid()}")
    tenant = Post.objects.values_list("tenant", flat=True)[0]
    count = Post.objects.count()
    try:
        list(rebuild_qdrant(Post.objects.none(), whole=True, clock=timezone.now))
        single = _rate(SINGLE, _in_qdrant_one_by_one(SINGLE))
        batches = _rate(count, rebuild_qdrant(Post.objects.all(), whole=True, clock=timezone.now))
        some = Post.objects.filter(posted_at__lte=NEWEST)
        again = _rate(count, rebuild_qdrant(some, whole=False, clock=timezone.now))
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
    found = projection.compare(tenant)
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


def _one_by_one(count: int, *, meaning: bool) -> Iterator[object]:
    for number in range(1, count + 1):
        one = Post.objects.filter(telegram_message_id=number)
        yield from rebuild(one, with_meaning=meaning, clock=timezone.now)


def _in_qdrant_one_by_one(count: int) -> Iterator[object]:
    for number in range(1, count + 1):
        one = Post.objects.filter(telegram_message_id=number)
        yield from rebuild_qdrant(one, whole=False, clock=timezone.now)


def _rate(posts: int, work: Iterable[object]) -> float:
    started = time.monotonic()
    for _ in work:
        pass
    return posts / (time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
