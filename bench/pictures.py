"""
`python -m bench.pictures`: people find a picture by what they remember of it.

Each picture of ../shared/data/ocr and of the sample channel becomes a post without text among the
posts of ../shared/data/search. The product's own workers read it with Tesseract, and the services
that events call index it. Then the 40 queries of `picture_queries.json`, which were written before
anything was searched, look for it. Printed is hit@10, the share of queries that have a right
picture among the first ten posts: by words, by meaning and by both, per kind of query, and for all
with its 95 % interval; and the places of those that miss. `--vectors` and `--readings` keep what
takes minutes.
"""

import argparse
import json
import math
import mimetypes
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from unittest.mock import patch
from uuid import UUID

from bench.support import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from django.utils import timezone  # noqa: E402

from accounts.models import Tenant  # noqa: E402
from bench import relevance  # noqa: E402
from bench.support import kept_vectors, report  # noqa: E402
from events.delivery import worker  # noqa: E402
from search.index.port import Scope  # noqa: E402
from search.services.indexing import index_meaning, index_words  # noqa: E402
from storage_quota.object_store import use  # noqa: E402
from storage_quota.object_store.files import FileStore  # noqa: E402
from telegram_assistant.config import GigaChat  # noqa: E402
from tests.factories import Archive  # noqa: E402
from vision import handlers, providers  # noqa: E402
from vision.models import EnrichmentStatus, PostEnrichment  # noqa: E402
from vision.providers.port import Analysis, VisionProvider  # noqa: E402

QUERIES = Path(__file__).with_name("picture_queries.json")
SAMPLE = Path(__file__).parents[1] / "telegram_assistant" / "sample" / "ChatExport_2026-11-01"
SUFFIXES = {".png", ".jpg", ".tif"}
STAGES = ("words", "meaning", "hybrid")
FIRST = 10
Places = dict[str, list[float]]
"""By stage: the place of the first right picture, from 1, of each query; inf where none came."""


class KeptReadings:
    """A provider that keeps what another one read in files; for trying things, not for figures."""

    def __init__(self, of: VisionProvider, folder: Path) -> None:
        self.of, self.folder, self.name, self.model = of, folder, of.name, of.model
        folder.mkdir(parents=True, exist_ok=True)

    def analyze(self, image: bytes, *, mime: str, prompt: str, now: datetime) -> Analysis:
        path = self.folder / sha256(self.model.encode() + b"\0" + image).hexdigest()
        if not path.exists():
            read = self.of.analyze(image, mime=mime, prompt=prompt, now=now)
            path.write_text(read.model_dump_json(), encoding="utf-8")
        return Analysis.model_validate_json(path.read_text(encoding="utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    kept_vectors.add_option(parser)
    parser.add_argument("--readings", type=Path, help="keep what Tesseract reads in this folder")
    options = parser.parse_args()
    pictures = _pictures()
    queries = _queries(pictures)
    kept_vectors.use(options.vectors)
    with ExitStack() as stack:
        stack.enter_context(database.fresh())
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench_"))
        stack.enter_context(use(FileStore(Path(scratch))))
        if options.readings:
            kept = KeptReadings(providers.get_ocr(), options.readings)
            stack.enter_context(patch.object(providers, "get_ocr", lambda: kept))
        names, scope = relevance.load()
        names |= _add(pictures, Tenant.objects.get(pk=scope.tenants[0]))
        database.analyze()
        places = {stage: _places(stage, queries, names, scope) for stage in STAGES}
    _print(places, queries)
    return report.close(_figures(places))


def _pictures() -> dict[str, Path]:
    """The files by the names that the queries use."""
    folders = {"ocr": relevance.DATA.parent / "ocr", "sample": SAMPLE / "photos"}
    found = {
        f"{name}/{path.name}": path
        for name, folder in folders.items()
        for path in sorted(folder.glob("*"))
        if path.suffix in SUFFIXES and "_thumb" not in path.name
    }
    if not any(name.startswith("ocr/") for name in found):
        sys.exit(f"no pictures in {folders['ocr']}: set SHARED_DATA_DIR")
    return found


def _queries(pictures: dict[str, Path]) -> list[relevance.Judged]:
    queries: list[relevance.Judged] = json.loads(QUERIES.read_text(encoding="utf-8"))
    unknown = {name for query in queries for name in query["right"]} - pictures.keys()
    if unknown:
        sys.exit(f"queries name pictures that are not there: {', '.join(sorted(unknown))}")
    return queries


def _add(pictures: dict[str, Path], tenant: Tenant) -> dict[UUID, str]:
    """Publish a post for each picture, let workers read them, and index them; names by post."""
    settings.GIGACHAT = GigaChat(_env_file=None, credentials="")
    handlers.register()
    archive, names = Archive(tenant), {}
    for name, path in pictures.items():
        mime = mimetypes.guess_type(path.name)[0] or ""
        names[archive.post(path.read_bytes(), mime=mime).pk] = name
    for queue in ("vision", "vision_backfill"):
        worker.drain(queue)
    read = PostEnrichment.objects.filter(status=EnrichmentStatus.OK)
    assert read.count() == len(pictures), f"{read.count()} of {len(pictures)} pictures were read"
    texts = read.exclude(vision_ocr_text="").count()
    print(f"   {len(pictures)} pictures, in {texts} of which Tesseract reads something", flush=True)
    index_words.index_words(list(names), now=timezone.now())
    index_meaning.index_meaning(list(names))
    return names


def _places(
    stage: str, queries: Sequence[relevance.Judged], names: dict[UUID, str], scope: Scope
) -> list[float]:
    def place(query: relevance.Judged) -> float:
        found = [names[pk] for pk in relevance.found_by(stage, query["query"], scope)]
        return next((p for p, name in enumerate(found, 1) if name in query["right"]), math.inf)

    return [place(query) for query in queries]


def _hits(places: Sequence[float]) -> list[float]:
    return [float(place <= FIRST) for place in places]


def _print(places: Places, queries: Sequence[relevance.Judged]) -> None:
    print(f"   {'hit@10':<22}" + "".join(f"{stage:>22}" for stage in STAGES))
    for kind in dict.fromkeys(query["kind"] for query in queries):
        some = [n for n, query in enumerate(queries) if query["kind"] == kind]
        cells = [f"{sum(_hits([places[s][n] for n in some])):.0f} of {len(some)}" for s in STAGES]
        print(f"   {kind:<22}" + "".join(f"{cell:>22}" for cell in cells))
    cells = [relevance.interval(_hits(places[stage])) for stage in STAGES]
    print(f"   {'all':<22}" + "".join(f"{cell:>22}" for cell in cells))
    for n, query in enumerate(queries):
        each = [places[stage][n] for stage in STAGES]
        if max(each) > FIRST:
            told = ", ".join(f"{s} {p:g}" for s, p in zip(STAGES, each, strict=True))
            print(f"   missed: {query['query']} ({told})", flush=True)


def _figures(places: Places) -> list[report.Figure]:
    def mean(stage: str) -> float:
        return fmean(_hits(places[stage]))

    return [
        report.Figure("pictures: by words, hit@10", mean("words"), at_least=0.7),
        report.Figure("pictures: by meaning, hit@10", mean("meaning")),
        report.Figure("pictures: hybrid, hit@10", mean("hybrid"), at_least=0.8),
    ]


if __name__ == "__main__":
    sys.exit(main())
