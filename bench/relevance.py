"""
`python -m bench.relevance`: judged queries find what they should, through the product's own path.

The posts of ../shared/data/search become posts of a tenant, are indexed by the services that events
call, and are searched by `search.services.find`. Printed per kind of query: nDCG@10 (gain 2^grade - 1)
and recall@50 of four stages, that is PostgreSQL's plain full text, the product by words, by meaning,
and both; and for all queries the mean with its 95 % interval (bootstrap over queries) and MRR of the
first post of grade 2 or 3. Then what made-up queries find, of which the archive has nothing, and how much of a
small archive a word finds that one of its posts has. Vectors take some minutes of one thread; `--vectors FOLDER` keeps them.
"""

import argparse
import gzip
import json
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any
from uuid import UUID

from bench.support import database

database.setup()

from django.db import connection  # noqa: E402 - after django.setup()
from django.utils import timezone  # noqa: E402

from accounts.models import Tenant  # noqa: E402
from bench.support import kept_vectors, report  # noqa: E402
from media.models import Post, post_id  # noqa: E402
from media.posts.searched_text import other_words  # noqa: E402
from search.embeddings import chosen  # noqa: E402
from search.fusion import WINDOW  # noqa: E402
from search.index.port import Scope  # noqa: E402
from search.index.postgresql.index import PostgresIndex  # noqa: E402
from search.query_terms import Query  # noqa: E402
from search.services import asked, find  # noqa: E402
from search.services.indexing import index_meaning, index_words  # noqa: E402
from tests import factories as make  # noqa: E402

DATA = Path(os.environ.get("SHARED_DATA_DIR", "../shared/data")) / "search"
BATCH = 200
RESAMPLES = 2000
MADE_UP = (
    "йцукен фывапр", "asdfgh qwerty zxcvb", "фывапролджэ", "ячсмитьбю йцукенгш", "qwpoeiru zmxncb",
    "бррмкнот шувирка", "лпаоыв длоатвы ждлыва", "xkcdqq blorft", "гпрщш", "тшщз гхъ", "крокозямба",
    "шмурдяк", "fhtagn", "glorp snazzle", "абырвалг", "кверкус",
)  # fmt: skip
ARCHIVES = 3
"""Archives of the same posts under other ids, in which made-up queries are asked for."""
SMALL = 68
"""Posts of a small archive: as many as a channel of some weeks has."""
WORDS = (
    "ипотека", "птерозавры", "антибиотики", "горутины", "htmx", "Роскосмос", "Росатом", "шпаргалки", "подкасты",
    "вакансии", "инфографика", "тёмная материя", "мамонты", "вулкан", "метро",
)  # fmt: skip
STAGES = ("plain", "words", "meaning", "hybrid")
Run = dict[str, list[str]]
Judged = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    kept_vectors.add_option(parser)
    parser.add_argument("--queries", type=Path, default=DATA / "queries_open.json")
    options = parser.parse_args()
    if not (DATA / "corpus.jsonl.gz").exists():
        sys.exit(f"no relevance set in {DATA}: set SHARED_DATA_DIR")
    kept_vectors.use(options.vectors)
    queries = json.loads(options.queries.read_text(encoding="utf-8"))["queries"]
    with database.fresh():
        names, scope = load()
        database.analyze()
        runs = {stage: _run(stage, queries, names, scope) for stage in STAGES}
        # What is far from an archive is told by a sample of it: another one for other ids.
        scopes = [scope, *(load()[1] for _ in range(ARCHIVES - 1))]
        found = [_found(text, of) for of in scopes for text in MADE_UP]
        small = [_found(text, _small(names)) for text in WORDS]
    _print_kinds(runs, queries)
    return report.close([*_figures(runs, queries), *_figures_of_near(found, small)])


def load() -> tuple[dict[UUID, str], Scope]:
    """Fill and index an archive; names of the set by post, and where to search."""
    owner, names = make.tenant(), {}
    channels: dict[str, Any] = {}
    posts = []
    for given in _given_posts():
        title = given["channel"]
        if title not in channels:
            channels[title] = make.channel(owner=owner, title=title)
        number = int(given["id"].rpartition("-")[2])
        post = Post(
            pk=post_id(channels[title].pk, number),
            tenant=owner,
            channel=channels[title],
            telegram_message_id=number,
            content=given["text"],
            posted_at=datetime.fromisoformat(given["date"]),
        )
        post.other_words = other_words(post)
        names[post.pk] = given["id"]
        posts.append(post)
    Post.objects.bulk_create(posts, batch_size=500)
    started = time.monotonic()
    in_batches(list(names), lambda ids: index_words.index_words(ids, now=timezone.now()))
    words = time.monotonic()
    in_batches(list(names), index_meaning.index_meaning)
    rates = [len(names) / s for s in (words - started, time.monotonic() - words)]
    print(f"   indexed {rates[0]:.0f} posts/s by words, {rates[1]:.0f} posts/s by meaning")
    return names, Scope((owner.pk,))


def _given_posts() -> Iterator[Judged]:
    with gzip.open(DATA / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def in_batches(ids: list[UUID], index: Callable[[list[UUID]], object]) -> None:
    for start in range(0, len(ids), BATCH):
        index(ids[start : start + BATCH])


def _run(stage: str, queries: Sequence[Judged], names: dict[UUID, str], scope: Scope) -> Run:
    started = time.monotonic()
    runs = {q["id"]: [names[pk] for pk in found_by(stage, q["query"], scope)] for q in queries}
    each = (time.monotonic() - started) / len(queries) * 1000
    print(f"   {stage}: {each:.0f} ms a query", flush=True)
    return runs


def found_by(stage: str, text: str, scope: Scope) -> Iterator[UUID]:
    read = asked.read(text, scope.tenants, now=timezone.now(), zone=UTC)
    query, scope, index = read.query, read.scope, PostgresIndex()
    if stage == "plain":
        yield from _plain(text)
    elif stage == "words":
        yield from (hit.post_id for hit in index.by_words(query, scope, limit=WINDOW).hits)
    elif stage == "meaning":
        yield from (hit.post_id for hit in _nearest(index, query, scope))
    else:
        found = find.find(query, scope, limit=WINDOW)
        assert not found.degraded, found.degraded
        yield from (hit.post_id for hit in found.hits)


def _found(text: str, scope: Scope) -> int:
    read = asked.read(text, scope.tenants, now=timezone.now(), zone=UTC)
    return find.find(read.query, read.scope, limit=1).found


def _small(names: dict[UUID, str]) -> Scope:
    """Where posts of a small archive are found: copies of some, the same ones each time."""
    known = Tenant.objects.filter(name="small").first()
    if known is None:
        channel = make.channel(owner=make.tenant("small"))
        known = channel.tenant
        chosen_ids = random.Random(1).sample(sorted(names), SMALL)
        posts = [
            make.post(of=channel, content=post.content)
            for post in Post.objects.filter(pk__in=chosen_ids).order_by("pk")
        ]
        in_batches(
            [post.pk for post in posts],
            lambda ids: index_words.index_words(ids, now=timezone.now()),
        )
        in_batches([post.pk for post in posts], index_meaning.index_meaning)
    return Scope((known.pk,))


def _nearest(index: PostgresIndex, query: Query, scope: Scope) -> Sequence[Any]:
    [vector] = chosen.encoder().encode_queries([query.text])
    return index.by_meaning(query, vector, chosen.encoder().name, scope, limit=WINDOW)


def _plain(text: str) -> Iterator[UUID]:
    """PostgreSQL's full text as one finds it in tutorials: all words, `ts_rank_cd`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM posts, websearch_to_tsquery('russian', %s) AS q"
            " WHERE to_tsvector('russian', content) @@ q"
            " ORDER BY ts_rank_cd(to_tsvector('russian', content), q) DESC, id LIMIT %s",
            [text, WINDOW],
        )
        yield from (row[0] for row in cursor.fetchall())


# --- Measures ------------------------------------------------------------------------------


def ndcg(run: Sequence[str], relevant: dict[str, int]) -> float:
    found = _gain([relevant.get(name, 0) for name in run[:10]])
    return found / _gain(sorted(relevant.values(), reverse=True)[:10])


def _gain(grades: Sequence[int]) -> float:
    return sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades))


def recall(run: Sequence[str], relevant: dict[str, int]) -> float:
    return sum(name in relevant for name in run[:50]) / min(50, len(relevant))


def reciprocal_rank(run: Sequence[str], relevant: dict[str, int]) -> float:
    useful = (place for place, name in enumerate(run, start=1) if relevant.get(name, 0) > 1)
    return 1 / next(useful, math.inf)


def _each(measure: Callable[..., float], run: Run, queries: Sequence[Judged]) -> list[float]:
    return [measure(run[query["id"]], query["relevant"]) for query in queries]


def interval(values: Sequence[float]) -> str:
    drawn = random.Random(0)
    means = sorted(fmean(drawn.choices(values, k=len(values))) for _ in range(RESAMPLES))
    low, high = means[RESAMPLES // 40], means[-RESAMPLES // 40]
    return f"{fmean(values):.3f} [{low:.2f}-{high:.2f}]"


def _print_kinds(runs: dict[str, Run], queries: Sequence[Judged]) -> None:
    print(f"   {'nDCG@10 / recall@50':<22}" + "".join(f"{stage:>22}" for stage in STAGES))
    for kind in dict.fromkeys(query["kind"] for query in queries):
        some = [query for query in queries if query["kind"] == kind]
        cells = [
            f"{fmean(_each(ndcg, runs[s], some)):.2f} / {fmean(_each(recall, runs[s], some)):.2f}"
            for s in STAGES
        ]
        print(f"   {kind:<22}" + "".join(f"{cell:>22}" for cell in cells))
    for name, measure in (("nDCG@10", ndcg), ("recall@50", recall), ("MRR", reciprocal_rank)):
        cells = [interval(_each(measure, runs[stage], queries)) for stage in STAGES]
        print(f"   {name:<22}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def _figures(runs: dict[str, Run], queries: Sequence[Judged]) -> list[report.Figure]:
    def mean(measure: Callable[..., float], stage: str) -> float:
        return fmean(_each(measure, runs[stage], queries))

    return [
        report.Figure("relevance: by words, nDCG@10", mean(ndcg, "words"), at_least=0.63),
        report.Figure("relevance: hybrid, nDCG@10", mean(ndcg, "hybrid"), at_least=0.77),
        report.Figure("relevance: hybrid, recall@50", mean(recall, "hybrid"), at_least=0.88),
    ]


def _figures_of_near(made_up: Sequence[int], small: Sequence[int]) -> list[report.Figure]:
    nothing = sum(found == 0 for found in made_up) / len(made_up)
    name = f"relevance: hits of a word among {SMALL} posts, mean"
    return [
        report.Figure("relevance: made-up queries that find nothing", nothing, at_least=0.7),
        report.Figure("relevance: hits of a made-up query, mean", fmean(made_up), at_most=20),
        report.Figure(name, fmean(small), at_most=SMALL / 4),
    ]


if __name__ == "__main__":
    sys.exit(main())
