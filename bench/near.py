"""
`python -m bench.near`: near-duplicates are found among a million hashes as fast as among 10 000.

Hashes are made as the real ones are distributed. A tenth are bursts of one template (a set of
memes, screens of one program) 6 to 40 bits apart, their sizes after Zipf; a tenth have plain
margins, so that half of their bits are those of thousands of others; the rest are of their own.
Look-ups: half find a copy 0 to 10 bits away, half are new pictures of the same distribution. The
table has 10 000 rows first and a million more later, all in one run; the exit code is 1 where the
p95 of the large tenant is more than 3 times what the small one's was with the table to itself.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any

from bench import database

database.setup()

from django.db import connection  # noqa: E402 - after django.setup()

from accounts.models import Tenant  # noqa: E402
from vision.duplicates import hash_index  # noqa: E402
from vision.duplicates.phash import PHash  # noqa: E402

CEILING = 3.0
SMALL, LARGE = 10_000, 1_000_000
LOOKUPS = 400
ROUNDS = 3
BITS = 256
INDEX = "idx_picture_hash_bands"


@dataclass(frozen=True, slots=True)
class Report:
    small: int
    large: int
    load_seconds: float
    small_p50_ms: float
    large_p50_ms: float
    small_p95_ms: float
    large_p95_ms: float
    ratio_p95: float
    found: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=LARGE)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    with database.fresh():
        report = _measure(options.large)
    print(json.dumps(asdict(report)) if options.json else _text(report))
    return 0 if report.ratio_p95 <= CEILING and report.found == 1.0 else 1


def _measure(large: int) -> Report:
    few, many = (Tenant.objects.create(name=name) for name in ("few", "many"))
    kept = _load(few, SMALL)
    small = [_lap(few, kept, SMALL, seed) for seed in range(ROUNDS)]
    started = time.monotonic()
    kept = _load(many, large)
    loaded = time.monotonic() - started
    many_laps = [_lap(many, kept, large, seed) for seed in range(ROUNDS)]
    few_p95, many_p95 = _p95(small), _p95(many_laps)
    return Report(
        small=SMALL,
        large=large,
        load_seconds=round(loaded, 1),
        small_p50_ms=_p50(small),
        large_p50_ms=_p50(many_laps),
        small_p95_ms=few_p95,
        large_p95_ms=many_p95,
        ratio_p95=round(many_p95 / few_p95, 2),
        found=min(lap.found for lap in small + many_laps),
    )


@dataclass(frozen=True, slots=True)
class Lap:
    """Seconds of each look-up, and the share of the copies that were found."""

    times: list[float]
    found: float


def _p50(laps: list[Lap]) -> float:
    return round(1000 * median(median(lap.times) for lap in laps), 2)


def _p95(laps: list[Lap]) -> float:
    return round(1000 * median(quantiles(lap.times, n=20)[-1] for lap in laps), 2)


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
    """COPY, then index, as a restore does. Some of the hashes, to be looked up again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [INDEX])
        (definition,) = cursor.fetchone()
        cursor.execute(f"DROP INDEX {INDEX}")
        kept = _copy(cursor, tenant, count)
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE picture_hashes")
    return kept


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
            if number % max(1, count // 5000) == 0:
                kept.append(bits)
    return kept


def _lap(tenant: Tenant, kept: list[int], count: int, seed: int) -> Lap:
    dice = random.Random(seed)
    copies = [_turn(bits, dice.randrange(11), dice) for bits in dice.sample(kept, LOOKUPS // 2)]
    strangers = list(Pictures(count, seed=100 + seed).take(LOOKUPS // 2))
    asked = [(bits, True) for bits in copies] + [(bits, False) for bits in strangers]
    dice.shuffle(asked)
    times, hits = [], 0
    for bits, is_copy in asked:
        started = time.perf_counter()
        found = hash_index.nearest(tenant=tenant, phash=PHash(bits, 16))
        times.append(time.perf_counter() - started)
        hits += is_copy and bool(found)
    return Lap(times, hits / len(copies))


def _text(report: Report) -> str:
    return (
        f"loaded {report.large:,} hashes in {report.load_seconds:.0f} s\n"
        f"{report.small:>9,}: p50 {report.small_p50_ms:6.2f} ms, p95 {report.small_p95_ms:6.2f} ms\n"
        f"{report.large:>9,}: p50 {report.large_p50_ms:6.2f} ms, p95 {report.large_p95_ms:6.2f} ms\n"
        f"copies found {report.found:.1%}\n"
        f"ratio of p95 {report.ratio_p95:.2f} (median of {ROUNDS} rounds; at most {CEILING:.0f})"
    )


if __name__ == "__main__":
    sys.exit(main())
