"""
`python -m bench.near`: duplicates are found among a million pictures as fast as among 10 000.

Hashes are made as the real ones are distributed. A tenth are bursts of one template (a set of
memes, screens of one program) 6 to 40 bits apart, their sizes after Zipf; a tenth have plain
margins, so that half of their bits are those of thousands of others; the rest are of their own.
Of the pictures seven in eight have an analysis, the others wait for one.

Two figures, both of the product's own functions. *Look-up*: `reuse.is_in_progress`, which a worker
calls in the tenant's turn; half of the pictures are copies 0 to 10 bits away, half are new ones of
the same distribution. *Detection*: `reuse.find_duplicates` of JPEG pictures of 800 × 600, with fetching,
decoding and comparing the pixels of those proposed; half are copies, half are captions on pictures
of which five others are known. Each archive has tables of its own; the exit code is 1 where a p95 of
the large one is more than 3 times that of the small one, or where a copy is missed.
"""

import argparse
import hashlib
import io
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.support import database

database.setup()

from django.db import connection  # noqa: E402 - after django.setup()
from PIL import Image, ImageDraw, ImageFont  # noqa: E402

from accounts.models import Tenant  # noqa: E402
from bench.support import report  # noqa: E402
from storage_quota.object_store import use  # noqa: E402
from storage_quota.object_store.files import FileStore  # noqa: E402
from tests import factories as make  # noqa: E402
from vision.duplicates import hash_index, reuse  # noqa: E402
from vision.duplicates.detection import MAX_COMPARED, Duplicates  # noqa: E402
from vision.duplicates.phash import PHash, phash  # noqa: E402
from vision.models import AnalysisState, PaidAnalysis  # noqa: E402
from vision.providers.fake import FakeVision  # noqa: E402
from vision.providers.port import SCHEMA_VERSION  # noqa: E402

CEILING = 3.0
SMALL, LARGE = 10_000, 1_000_000
LOOKUPS = 400
SCENES = 4
LOOKUP_ROUNDS, DETECTION_ROUNDS = 3, 2
BITS = 256
TABLES = ("picture_hashes", "vision_picture_look")
WAITING = {0, 15}
"""Last hexadecimal digits of the pictures that wait for an analysis."""
PROVIDER = FakeVision()
DOCUMENT: dict[str, str] = {}
"""Thin rows: the smaller the table of analyses, the sooner a planner prefers reading it whole."""


@dataclass(frozen=True, slots=True)
class Figures:
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Report:
    small: int
    large: int
    load_seconds: float
    lookup_small: Figures
    lookup_large: Figures
    detection_small: Figures
    detection_large: Figures
    ratio_lookup: float
    ratio_detection: float
    found: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=LARGE)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    with (
        database.fresh(),
        tempfile.TemporaryDirectory() as folder,
        use(FileStore(Path(folder))),
    ):
        found = _measure(options.large)
    if options.json:
        print(json.dumps(asdict(found)))
    return report.close(_shown(found))


def _measure(large: int) -> Report:
    """
    Both archives are there from the beginning, and each call on the one follows on the same call
    on the other: whatever else the machine does slows both.
    """
    started = time.monotonic()
    archives = [_archive("few", SMALL), _archive("many", large)]
    loaded = time.monotonic() - started
    for seed in range(LOOKUP_ROUNDS):
        for calls in zip(*(archive.lookups(seed) for archive in archives), strict=True):
            for archive, call in zip(archives, calls, strict=True):
                archive.look_up(call)
    for seed in range(DETECTION_ROUNDS):
        for calls in zip(*(archive.detections(seed) for archive in archives), strict=True):
            for archive, call in zip(archives, calls, strict=True):
                archive.detect(call)
    few, many = archives
    return Report(
        small=SMALL,
        large=large,
        load_seconds=round(loaded, 1),
        lookup_small=_figures(few.lookup_times),
        lookup_large=_figures(many.lookup_times),
        detection_small=_figures(few.detection_times),
        detection_large=_figures(many.detection_times),
        ratio_lookup=_ratio(few.lookup_times, many.lookup_times),
        ratio_detection=_ratio(few.detection_times, many.detection_times),
        found=1 - (few.missed + many.missed) / (few.copies + many.copies),
    )


def _figures(times: list[float]) -> Figures:
    return Figures(round(1000 * median(times), 2), _p95(times))


def _p95(times: list[float]) -> float:
    return round(1000 * quantiles(times, n=20)[-1], 2)


def _ratio(small: list[float], large: list[float]) -> float:
    return round(_p95(large) / _p95(small), 2)


@dataclass(frozen=True, slots=True)
class Lookup:
    bits: int
    is_copy: bool


@dataclass(frozen=True, slots=True)
class Detection:
    body: bytes
    is_copy: bool


@dataclass
class Archive:
    """A tenant whose hashes and analyses have tables of their own, in a schema of this name."""

    name: str
    tenant: Tenant
    count: int
    kept: list[int] = field(default_factory=list)
    scenes: list[Image.Image] = field(default_factory=list)
    lookup_times: list[float] = field(default_factory=list)
    detection_times: list[float] = field(default_factory=list)
    copies: int = 0
    missed: int = 0

    def lookups(self, seed: int) -> list[Lookup]:
        dice = random.Random(seed)
        chosen = dice.sample(self.kept, LOOKUPS // 2)
        copies = [Lookup(_turn(bits, dice.randrange(11), dice), is_copy=True) for bits in chosen]
        new = Pictures(self.count, seed=100 + seed).take(LOOKUPS // 2)
        asked = [*copies, *(Lookup(bits, is_copy=False) for bits in new)]
        dice.shuffle(asked)
        return asked

    def look_up(self, call: Lookup) -> None:
        """The question of a worker in the tenant's turn: is there one that nobody compared?"""
        self._use_tables()
        row = _new_row(
            self.tenant, hashlib.sha256(f"{self.count}:{call.bits}".encode()).hexdigest()
        )
        hash_index.remember(tenant=self.tenant, sha256=row.sha256, phash=PHash(call.bits, 16))
        found, spent = _timed(lambda: reuse.is_in_progress(row, Duplicates()))
        self.lookup_times.append(spent)
        self._count(is_copy=call.is_copy, found=found)

    def detections(self, seed: int) -> list[Detection]:
        asked = []
        for scene in self.scenes:
            asked += [
                Detection(_jpeg(_captioned(scene, "3"), quality=60 + seed), is_copy=True),
                Detection(_jpeg(_captioned(scene, f"{seed + 7}"), quality=90), is_copy=False),
            ]
        return asked

    def detect(self, call: Detection) -> None:
        self._use_tables()
        found, spent = _timed(
            lambda: reuse.find_duplicates(
                tenant=self.tenant,
                sha256=hashlib.sha256(call.body).hexdigest(),
                image=call.body,
                provider=PROVIDER,
            )
        )
        self.detection_times.append(spent)
        self._count(is_copy=call.is_copy, found=bool(found.same))
        assert call.is_copy or len(found.considered) >= MAX_COMPARED

    def load(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {self.name}")
            for table in TABLES:
                cursor.execute(
                    f"CREATE TABLE {self.name}.{table} (LIKE public.{table} INCLUDING ALL)"
                )
        self._use_tables()
        self.kept = _load(self.tenant, self.count)
        self.scenes = [_scene(seed) for seed in range(SCENES)]
        for scene in self.scenes:
            for caption in range(MAX_COMPARED):
                _store_analyzed(self.tenant, _captioned(scene, str(caption)))

    def _use_tables(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path = {self.name}, public")

    def _count(self, *, is_copy: bool, found: bool) -> None:
        self.copies += is_copy
        self.missed += is_copy and not found


def _archive(name: str, count: int) -> Archive:
    archive = Archive(name, Tenant.objects.create(name=name), count)
    archive.load()
    return archive


class Pictures:
    """Endless hashes of the distribution above; the same seed gives the same."""

    def __init__(self, count: int, seed: int = 1) -> None:
        self._dice = random.Random(seed)
        self._dice_of_templates = random.Random(0)
        templates = max(10, count // 200)
        self._templates = [self._dice_of_templates.getrandbits(BITS) for _ in range(templates)]
        self._weights = [1 / (rank + 1) for rank in range(templates)]
        margins = (1 << (BITS // 2)) - 1
        self._margins = [self._dice_of_templates.getrandbits(BITS) & margins for _ in range(20)]
        self._free = ~margins & ((1 << BITS) - 1)

    def take(self, count: int) -> Iterator[int]:
        chosen = self._dice.choices(self._templates, self._weights, k=count)
        for template in chosen:
            kind = self._dice.random()
            if kind < 0.1:
                yield _turn(template, self._dice.randrange(6, 41), self._dice)
            elif kind < 0.2:
                yield self._dice.choice(self._margins) | (self._dice.getrandbits(BITS) & self._free)
            else:
                yield self._dice.getrandbits(BITS)


def _turn(bits: int, places: int, dice: random.Random) -> int:
    for place in dice.sample(range(BITS), places):
        bits ^= 1 << place
    return bits


def _load(tenant: Tenant, count: int) -> list[int]:
    """COPY, then index, as a restore does; returns some of the hashes, to be searched for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = current_schema() AND tablename = 'picture_hashes'"
            " AND indexdef LIKE '%USING gin%'"
        )
        indexes = dict(cursor.fetchall())
        cursor.execute(f"DROP INDEX {', '.join(indexes)}")
        kept = _copy(cursor, tenant, count)
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for definition in indexes.values():
            cursor.execute(definition)
        _analyze_most(cursor, tenant)
        # As in an archive whose pictures are all different: the planner knows nothing about the
        # numbers of a hash and expects thousands of matches, its worst guess.
        cursor.execute("ALTER TABLE picture_hashes ALTER COLUMN bands SET STATISTICS 0")
        cursor.execute(f"VACUUM ANALYZE {', '.join(TABLES)}")
    return kept


def _analyze_most(cursor: Any, tenant: Tenant) -> None:
    """Seven of eight pictures have an analysis; every eighth waits for one."""
    template = PaidAnalysis(
        tenant=tenant,
        provider=PROVIDER.name,
        model=PROVIDER.model,
        schema_version=SCHEMA_VERSION,
        total_tokens=900,
        analysis=DOCUMENT,
    )
    fields = [f for f in PaidAnalysis._meta.concrete_fields if not f.primary_key]
    values = [f.get_db_prep_save(f.pre_save(template, add=True), connection) for f in fields]
    own = {
        "sha256": "sha256",
        "state": "CASE WHEN right(sha256, 1) IN ('0', 'f') THEN 'requested' ELSE 'done' END",
    }
    columns = [f.column for f in fields]
    chosen = [
        own.get(column, f"%s::{f.db_type(connection)}")
        for column, f in zip(columns, fields, strict=True)
    ]
    cursor.execute(
        f"INSERT INTO vision_picture_look ({', '.join(columns)})"
        f" SELECT {', '.join(chosen)} FROM picture_hashes WHERE tenant_id = %s",
        [*(v for v, column in zip(values, columns, strict=True) if column not in own), tenant.pk],
    )


def _copy(cursor: Any, tenant: Tenant, count: int) -> list[int]:
    kept, owner = [], str(tenant.pk)
    statement = (
        "COPY picture_hashes"
        " (tenant_id, sha256, hash_size, phash, bands, same_as, remembered_at) FROM STDIN"
    )
    with cursor.copy(statement) as copy:
        for number, bits in enumerate(Pictures(count).take(count)):
            found = PHash(bits, 16)
            keys = hash_index.band_keys(tenant.pk, found)
            numbers = ",".join(map(str, keys))
            copy.write(f"{owner}\t{number:064x}\t16\t{found}\t{{{numbers}}}\t\t2025-01-28\n")
            if number % max(1, count // 5000) == 0 and number % 16 not in WAITING:
                kept.append(bits)
    return kept


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def _new_row(tenant: Tenant, sha256: str) -> PaidAnalysis:
    return PaidAnalysis(
        tenant=tenant,
        sha256=sha256,
        provider=PROVIDER.name,
        model=PROVIDER.model,
        schema_version=SCHEMA_VERSION,
    )


def _scene(seed: int) -> Image.Image:
    """A picture of 800 × 600 with large shapes, as a photo has."""
    dice = random.Random(seed)
    small = Image.frombytes("RGB", (12, 9), dice.randbytes(12 * 9 * 3))
    return small.resize((800, 600), Image.Resampling.BICUBIC)


def _captioned(scene: Image.Image, text: str) -> Image.Image:
    picture = scene.copy()
    ImageDraw.Draw(picture).text((40, 40), text, "white", ImageFont.load_default(32))
    return picture


def _jpeg(picture: Image.Image, *, quality: int = 85) -> bytes:
    body = io.BytesIO()
    picture.save(body, "JPEG", quality=quality)
    return body.getvalue()


def _store_analyzed(tenant: Tenant, picture: Image.Image) -> None:
    body = _jpeg(picture)
    media = make.media_object(owner=tenant, body=body, stored=True)
    found = phash(body)
    assert found
    hash_index.remember(tenant=tenant, sha256=media.file_sha256, phash=found)
    row = _new_row(tenant, media.file_sha256)
    row.state, row.analysis = AnalysisState.DONE, DOCUMENT
    row.save()


def _shown(found: Report) -> list[report.Figure]:
    many = f"among {found.large:,}"
    return [
        report.Figure(f"near: look-up {many}, p95", found.lookup_large.p95_ms, unit="ms"),
        report.Figure(
            f"near: look-up, p95 to {found.small:,}",
            found.ratio_lookup,
            at_most=CEILING,
            unit="times",
        ),
        report.Figure(f"near: detection {many}, p95", found.detection_large.p95_ms, unit="ms"),
        report.Figure(
            f"near: detection, p95 to {found.small:,}",
            found.ratio_detection,
            at_most=CEILING,
            unit="times",
        ),
        report.Figure("near: copies found", found.found, at_least=1, unit="times"),
    ]


if __name__ == "__main__":
    sys.exit(main())
