"""
`python -m bench.indexing`: how fast posts get into the index, and how much the index costs of that.

The posts are those of ../shared/data/search. *With vectors*: batches of posts go through what events
call, words and vectors, in turn with the same encoder encoding the passages of the same posts
alone; the ratio is that of the texts a second. What a rebuild gains is `bench.rebuild`'s to say.
"""

import gzip
import json
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.support import database

database.setup()

from django.utils import timezone  # noqa: E402 - after django.setup()

from bench.support import report  # noqa: E402
from bench.support.turns import in_turn, timed  # noqa: E402
from media.models import Post, post_id  # noqa: E402
from search import sources  # noqa: E402
from search.embeddings import chosen  # noqa: E402
from search.services.indexing.index_meaning import index_meaning  # noqa: E402
from search.services.indexing.index_words import index_words  # noqa: E402
from tests import factories as make  # noqa: E402

DATA = Path(os.environ.get("SHARED_DATA_DIR", "../shared/data")) / "search"
BATCH, ROUNDS = 50, 6
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)


def main() -> int:
    if not (DATA / "corpus.jsonl.gz").exists():
        sys.exit(f"no posts in {DATA}: set SHARED_DATA_DIR")
    with database.fresh():
        return report.close([_with_vectors()])


def _with_vectors() -> report.Figure:
    ids = _archive(BATCH * ROUNDS)
    of_rounds = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
    passages = iter([_passages(batch) for batch in of_rounds])
    batches = iter(of_rounds)
    chosen.encoder().encode_passages(["warm"])

    def indexed() -> float:
        batch = next(batches)
        return timed(lambda: (index_words(batch, now=timezone.now()), index_meaning(batch)))

    def alone() -> float:
        texts = next(passages)
        return timed(lambda: chosen.encoder().encode_passages(texts))

    turns = in_turn(indexed, alone, rounds=ROUNDS)
    ours, encoder = turns.seconds
    print(
        f"   {BATCH / ours:.1f} posts/s with vectors, the encoder alone {BATCH / encoder:.1f} texts/s"
    )
    return report.Figure(
        "indexing: posts/s with vectors against the encoder alone", 1 / turns.ratio, at_least=0.8
    )


def _passages(post_ids: Sequence[UUID]) -> list[str]:
    return [one.document.passage or "-" for one in sources.read(post_ids)]


def _archive(number: int) -> list[UUID]:
    """So many posts, all different, a minute between two; in the order of time."""
    channel = make.channel()
    made = (
        Post(
            pk=post_id(channel.pk, place),
            tenant=channel.tenant,
            channel=channel,
            telegram_message_id=place,
            content=f"{text} слово{place}",
            posted_at=BEGIN + timedelta(minutes=place),
        )
        for place, text in enumerate(islice(cycle(_texts()), number))
    )
    ids: list[UUID] = []
    while batch := list(islice(made, 1000)):
        Post.objects.bulk_create(batch)
        ids += [post.pk for post in batch]
    database.analyze()
    return ids


def _texts() -> list[str]:
    return [given["text"] for given in _given() if given["text"]]


def _given() -> Iterator[dict[str, Any]]:
    with gzip.open(DATA / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


if __name__ == "__main__":
    sys.exit(main())
