"""
`python -m bench.search_scale`: a search in a million of posts takes not much longer than in 10 000.

Both sizes in one run, by `bench.support.large_archive`. The queries are the judged ones of
../shared/data/search and others with phrases, mistyped words and conditions, in the tenant that has
most of the posts and in one that has a hundredth. Encoded by the real encoder; vectors of posts
are drawn. Measured is CPU time, of this process and of PostgreSQL's, since a loaded machine doubles
the other one; the fastest of `--rounds` each. Percentiles are over the queries.

A million takes some 15 to 20 minutes of two cores, most of them for the index of vectors, so `make
bench` measures 100 000 in 3; `--posts 1000000` is the figure that is promised. With `--keep` the
archives stay in the server of VAR_DIR, and the next run with it measures at once.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import cycle
from pathlib import Path
from uuid import UUID

from bench.support import database

database.setup()

from django.db import connection  # noqa: E402 - after django.setup()
from django.utils import timezone  # noqa: E402

from bench.support import kept_vectors, large_archive, report  # noqa: E402
from bench.support.large_archive import DATA, Archive  # noqa: E402
from search.embeddings import chosen  # noqa: E402
from search.fusion import WINDOW  # noqa: E402
from search.index.postgresql import facets, ranking  # noqa: E402
from search.index.postgresql.facets import Facet  # noqa: E402
from search.index.postgresql.vectors import nearest  # noqa: E402
from search.services import asked, find  # noqa: E402
from search.services.asked import Asked  # noqa: E402

SMALL = 10_000
FACETS = (Facet.CHANNEL, Facet.TAG, Facet.MONTH)
CONDITIONS = (
    "has:link", "lang:en", "channel:@c0n11", "after:2026-05-01", "is:meme", "before:2021-01-01",
    "channel:@c0n0", "class:screenshot has:photo", "on:2025", "-новость", "has:photo", "tag:новости",
)  # fmt: skip
PHRASES = ('"ключевая ставка"', '"искусственный интеллект"', '"Илон Маск"', '"open source"')
TYPOS = ("ипатека", "крептовалюта", "нейросетт", "прогромирование", "доллпр", "видеокарат")


@dataclass(frozen=True, slots=True)
class Case:
    """A query in the language of queries, and whose posts are searched."""

    text: str
    tenants: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds of CPU time."""

    p50: float
    p95: float
    p99: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000, help="the greater size")
    parser.add_argument("--rounds", type=int, default=2)
    kept_vectors.add_option(parser)
    parser.add_argument("--keep", action="store_true", help="use archives again, keep new ones")
    options = parser.parse_args()
    if not (DATA / "corpus.jsonl.gz").exists():
        sys.exit(f"no relevance set in {DATA}: set SHARED_DATA_DIR")
    found = [_measured(posts, options) for posts in (SMALL, options.posts)]
    return report.close(_figures(*found, posts=options.posts))


def _measured(posts: int, options: argparse.Namespace) -> dict[str, Percentiles]:
    with database.kept(f"bench_scale_{posts}") if options.keep else database.fresh():
        started = time.monotonic()
        encoder = chosen.encoder()  # measured as it is; only what the archive is drawn from is kept
        if options.vectors:
            encoder = kept_vectors.keeping(encoder, options.vectors)
        archive = large_archive.archive_of(posts, encoder)
        print(f"   {posts} posts written in {time.monotonic() - started:.0f} s", flush=True)
        return _measure(archive, posts, options.rounds)


def _cases(archive: Archive) -> list[Case]:
    [big, middle, small] = archive.tenants
    judged = json.loads((DATA / "queries_open.json").read_text(encoding="utf-8"))["queries"]
    texts = [one["query"] for one in judged]
    asked_for = [*texts, *PHRASES, *TYPOS]
    asked_for += [f"{a} {b}" for a, b in zip(texts[::5], cycle(CONDITIONS), strict=False)]
    return [
        *(Case(text, (big,)) for text in asked_for),
        *(Case(text, (small,)) for text in texts[::12]),
        *(Case(text, (big, middle, small)) for text in texts[5::12]),
    ]


# --- Measuring -----------------------------------------------------------------------------


def _measure(archive: Archive, posts: int, rounds: int) -> dict[str, Percentiles]:
    """Percentiles of each stage, printed with the slowest queries."""
    cases, measured = _cases(archive), {}
    for name, stage in _STAGES.items():
        times = [min(_milliseconds(stage, case) for _ in range(rounds + 1)) for case in cases]
        measured[name] = _percentiles(times)
        slowest = sorted(zip(times, cases, strict=True), key=lambda one: -one[0])[:3]
        one = measured[name]
        print(f"   {posts:>8} {name:<16} p50 {one.p50:>4.0f}  p95 {one.p95:>4.0f}  p99 {one.p99:>4.0f} ms"
              f"   {'; '.join(f'{case.text[:40]} {ms:.0f}' for ms, case in slowest)}", flush=True)  # fmt: skip
    return measured


def _percentiles(times: Sequence[float]) -> Percentiles:
    ordered = sorted(times)
    return Percentiles(*(ordered[int(len(ordered) * part)] for part in (0.5, 0.95, 0.99)))


def _milliseconds(stage: Callable[[Asked], object], case: Case) -> float:
    read = asked.read(case.text, case.tenants, now=timezone.now(), zone=UTC)
    backend, started = _of_backend(), time.process_time()
    stage(read)
    return (time.process_time() - started + _of_backend() - backend) * 1000


def _of_backend() -> float:
    """Seconds that PostgreSQL's process of this connection was on a CPU."""
    return int(Path(f"/proc/{_backend()}/schedstat").read_text().split()[0]) / 1e9


def _backend() -> int:
    connection.ensure_connection()
    return connection.connection.info.backend_pid


def _words(read: Asked) -> object:
    return ranking.by_words(read.query, read.scope, limit=WINDOW)


def _meaning(read: Asked) -> object:
    [vector] = chosen.encoder().encode_queries([read.query.text])
    model = chosen.encoder().name
    return nearest.by_meaning(read.query, vector, model, read.scope, limit=WINDOW)


def _hybrid(read: Asked) -> object:
    """As a page of the console asks."""
    counts = facets.count(read.query, read.scope, FACETS, zone=UTC)
    found = find.find(read.query, read.scope, limit=10)
    assert not found.degraded, found.degraded
    return found, counts


_STAGES: dict[str, Callable[[Asked], object]] = {
    "words": _words,
    "meaning": _meaning,
    "hybrid + facets": _hybrid,
}


def _figures(
    small: dict[str, Percentiles], big: dict[str, Percentiles], *, posts: int
) -> list[report.Figure]:
    ratios = {name: big[name].p95 / small[name].p95 for name in _STAGES}
    whole = big["hybrid + facets"]
    at = f"{posts // 1000}k posts"
    return [
        report.Figure(f"search: words, p95 at {at} / at 10k", ratios["words"]),
        report.Figure(f"search: meaning, p95 at {at} / at 10k", ratios["meaning"]),
        report.Figure(
            f"search: hybrid + 3 facets, p95 at {at} / at 10k", ratios["hybrid + facets"], at_most=3
        ),
        report.Figure(f"search: hybrid + 3 facets at {at}, p99 / p95", whole.p99 / whole.p95, at_most=3),
    ]  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    sys.exit(main())
