"""
`python -m bench.graph`: the graph of many posts is built in batches, against one call per node.

The posts are made up: 20 channels, tags, links, forwards, replies, shared pictures, and a text of its
own for each. A sample is written with one call for each node and each relation, then all by
`rebuild`, in one run on the embedded ArcadeDB, or on NEO4J_TEST_URL. Then it is built once more,
where all of it is right already, and compared, post by post. Memory is this process's: the batches
after the first fifth must not add to it.

`--posts 100000` is the figure that is promised; `make bench` measures a fifth of them in a fifth of
the time.
"""

import argparse
import itertools
import os
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from bench.support import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()

from albums.models import MediaGroup  # noqa: E402
from bench.support import report  # noqa: E402
from bench.support.report import Figure  # noqa: E402
from events import projections  # noqa: E402
from graph.embedded import server  # noqa: E402
from graph.services.rebuild import Rebuilt, rebuild  # noqa: E402
from graph.sources.read import Changed, read  # noqa: E402
from graph.store import connection  # noqa: E402
from media.models import Post, PostMedia, post_id  # noqa: E402
from telegram_assistant.config import Neo4j  # noqa: E402
from tests import factories as make  # noqa: E402

POSTS, SINGLE, LEAST_RATIO, MOST_GROWTH = 20_000, 200, 5, 40
CHANNELS, PICTURES = 20, 500
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
WORDS = [
    "река",
    "мост",
    "город",
    "вечер",
    "поезд",
    "книга",
    "окно",
    "дорога",
    "камень",
    "письмо",
    "ветер",
    "рынок",
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=POSTS)
    count = parser.parse_args().posts
    with database.fresh(), tempfile.TemporaryDirectory(prefix="bench_graph_") as folder:
        _choose(Path(folder))
        try:
            return report.close(_figures(_fill(count), count))
        finally:
            server.stop(Path(folder))


def _choose(folder: Path) -> None:
    if url := os.environ.get("NEO4J_TEST_URL"):
        password = os.environ.get("NEO4J_TEST_PASSWORD", "")
        settings.NEO4J = Neo4j(url=url, password=password)
    else:
        settings.NEO4J, settings.GRAPH_DIR = Neo4j(url="embedded"), folder


def _figures(tenant: Any, count: int) -> list[Figure]:
    oldest = list(Post.objects.order_by("posted_at", "pk").values_list("pk", flat=True)[:SINGLE])
    connection.install_labels()
    single = _one_by_one(oldest)
    rest = Post.objects.exclude(pk__in=oldest)
    batches, early, late = _in_batches(rest, count - SINGLE)
    again, *_ = _in_batches(Post.objects.all(), count)
    [projection] = [one for one in projections.registered() if one.name == "graph"]
    started = time.monotonic()
    found = projection.compare(tenant.pk, most=min(count, 5000))
    return [
        Figure("graph: batches against one call per node", batches / single, at_least=LEAST_RATIO),
        Figure("graph: in batches", batches, unit="/s"),
        Figure("graph: one call per node and relation", single, unit="/s"),
        Figure(
            "graph: memory added after the first fifth",
            late - early,
            at_most=MOST_GROWTH,
            unit="MB",
        ),
        Figure("graph: once more, nothing to write", again, unit="/s"),
        Figure("graph: compared", found.compared / (time.monotonic() - started), unit="/s"),
        Figure("graph: posts that differ", found.unresolved, at_most=0, at_least=0),
        Figure("graph: posts that are there", found.stored - count, at_most=0, at_least=0),
    ]


def _one_by_one(ids: list[Any]) -> float:
    """Posts a second, with one call for each node and each relation."""
    started = time.monotonic()
    for pk in ids:
        facts = read(Changed(posts=[pk]))
        for ref, told in {**facts.leaves, **facts.owners}.items():
            _call(f"MERGE (n:{ref.label} {{key: $key}}) SET n += $told", key=ref.key, told=told)
        for edge, told in facts.edges.items():
            a, b = edge.start, edge.end
            arrow = f"<-[r:{edge.kind}]-" if edge.kind == "HAS_POST" else f"-[r:{edge.kind}]->"
            a, b = (b, a) if edge.kind == "HAS_POST" else (a, b)
            _call(
                f"MATCH (a:{a.label} {{key: $a}}) MATCH (b:{b.label} {{key: $b}})"
                f" MERGE (a){arrow}(b) SET r = $told",
                a=a.key, b=b.key, told=told,
            )  # fmt: skip
    return len(ids) / (time.monotonic() - started)


def _call(query: str, **parameters: Any) -> None:
    connection.write(lambda run: run.run(query, **parameters).consume())


def _in_batches(posts: Any, count: int) -> tuple[float, float, float]:
    """Posts a second, and this process's memory in MB after a fifth and at the end."""
    started, rows, early = time.monotonic(), 0, 0.0
    done: Rebuilt
    for done in rebuild(posts, MediaGroup.objects.none()):
        rows += done.rows
        if not early and rows >= count / 5:
            early = _memory()
    return rows / (time.monotonic() - started), early, _memory()


def _memory() -> float:
    return float(psutil.Process().memory_info().rss) / 1024**2


def _fill(count: int) -> Any:
    """A tenant with so many posts."""
    rng, tenant = random.Random(1), make.tenant()
    channels = [make.channel(owner=tenant) for _ in range(CHANNELS)]
    pictures = [make.media_object(owner=tenant) for _ in range(PICTURES)]
    posts = _posts(rng, tenant, channels, count)
    while batch := list(itertools.islice(posts, 1000)):
        Post.objects.bulk_create(batch)
        PostMedia.objects.bulk_create(
            PostMedia(post=post, media_object=rng.choice(pictures), position=0, uploaded_at=NEWEST)
            for post in batch
            if rng.random() < 0.2
        )
    database.analyze()
    return tenant


def _posts(rng: random.Random, tenant: Any, channels: list[Any], count: int) -> Iterator[Post]:
    for number in range(1, count + 1):
        channel = channels[number % CHANNELS]
        source = rng.choice(channels)
        is_forward = rng.random() < 0.1
        yield Post(
            pk=post_id(channel.pk, number),
            tenant=tenant,
            channel=channel,
            telegram_message_id=number,
            content=f"{' '.join(rng.choices(WORDS, k=15))} {number}",
            posted_at=NEWEST - timedelta(minutes=number),
            hashtags=[f"тег{rng.randrange(500)}"],
            urls=[f"https://example.com/{rng.randrange(2000)}"] if rng.random() < 0.3 else [],
            reply_to_message_id=number + CHANNELS if rng.random() < 0.1 else None,
            is_forward=is_forward,
            forward_from_chat_id=source.tg_channel_id if is_forward else None,
            forward_from_message_id=rng.randrange(count) if is_forward else None,
        )


if __name__ == "__main__":
    raise SystemExit(main())
