"""
What a cleanup costs: looking does not grow with the archive, deleting goes in batches.

Bounds: a plan of the same objects takes at most 4 times as long in an archive of a million
objects as in one of ten thousand; deleting objects by a cleanup is at least 1.5 times as fast
as deleting them one by one, in the same run.
"""

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median

from bench.support import database

database.setup()

from django.db import connection  # noqa: E402 - after django.setup()
from django.utils import timezone  # noqa: E402

from accounts.models import Tenant  # noqa: E402
from bench.support import report  # noqa: E402
from storage_quota import cleanup, selectors, services  # noqa: E402
from storage_quota.cleanup.evictors import evictor_of  # noqa: E402
from storage_quota.models import Reservation, StoredObject  # noqa: E402
from storage_quota.object_store import get_store, use  # noqa: E402
from storage_quota.object_store.files import FileStore  # noqa: E402
from storage_quota.object_store.packing import GZIP, pack  # noqa: E402

SMALL, LARGE, ROUNDS = 10_000, 1_000_000, 5
WANTED, MEDIA_WANTED = 2_000, 100
OBJECTS = 200
MOST_RATIO, LEAST_RATIO = 4, 1.5
OBJECT_BYTES = 1000

_FILL = """
    INSERT INTO storage_quota_storedobject
        (key, tenant_id, content_type, size_bytes, mime, content_encoding, sha256, created_at,
         updated_at)
    SELECT format('crawl/%%s/%%s', %(tenant)s::text, md5(n::text)), %(tenant)s, 'crawl', %(size)s,
        'text/html', '', '', %(now)s - n * interval '1 minute', %(now)s - n * interval '1 minute'
    FROM generate_series(%(first)s, %(last)s) AS n
"""
_FILL_MEDIA = """
    INSERT INTO media_objects
        (id, tenant_id, file_sha256, mime, size_bytes, s3_key, s3_bucket, defect, refs_count,
         first_seen_at, last_seen_at)
    SELECT gen_random_uuid(), %(tenant)s, lpad(to_hex(n), 64, '0'), 'image/png', 1000,
        format('media/%%s/%%s', %(tenant)s::text, n), '', '', CASE WHEN n %% 100 = 0 THEN 0 ELSE 1 END,
        %(now)s, %(now)s - n * interval '1 minute'
    FROM generate_series(%(first)s, %(last)s) AS n
"""


def main() -> int:
    with database.fresh(), tempfile.TemporaryDirectory() as folder:
        tenant = Tenant.objects.create(name="bench")
        now = timezone.now()
        _fill(tenant, 1, SMALL, now=now)
        small = _plan_seconds(now)
        _fill(tenant, SMALL + 1, LARGE, now=now)
        large, peak = _plan_seconds(now), _peak_bytes(now)
        with use(FileStore(Path(folder))):
            database.empty("storage_quota_storedobject", "tenant_storage_usage", "media_objects")
            rate, ratio = _deleting(tenant, now=now)
    return report.close(
        [
            report.Figure(f"cleanup: plan among {LARGE:,}", large * 1000, unit="ms"),
            report.Figure(
                f"cleanup: plan, to {SMALL:,} objects",
                large / small,
                at_most=MOST_RATIO,
                unit="times",
            ),
            report.Figure("cleanup: fullest plan in memory", peak / 1024**2, unit="MiB"),
            report.Figure("cleanup: deleting in batches", rate, unit="/s"),
            report.Figure(
                "cleanup: deleting, to one by one", ratio, at_least=LEAST_RATIO, unit="times"
            ),
        ]
    )


def _fill(tenant: Tenant, first: int, last: int, *, now: datetime) -> None:
    values = {
        "tenant": tenant.pk,
        "size": OBJECT_BYTES,
        "now": now - timedelta(days=4),
        "first": first,
        "last": last,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FILL, values)
        cursor.execute(_FILL_MEDIA, values)
        cursor.execute("DELETE FROM tenant_storage_usage")
        cursor.execute(
            "INSERT INTO tenant_storage_usage (id, tenant_id, content_type, total_bytes,"
            " objects_count, last_updated, created_at)"
            " SELECT gen_random_uuid(), tenant_id, 'crawl', sum(size_bytes), count(*), now(), now()"
            " FROM storage_quota_storedobject GROUP BY tenant_id"
        )
    database.analyze()


def _plan_seconds(now: datetime) -> float:
    """Plan with the oldest pages, then with media that no post uses."""
    return median(_timed(lambda: _plans(now)) for _ in range(ROUNDS))


def _plans(now: datetime) -> None:
    target_bytes = selectors.taken_in_all() - WANTED * OBJECT_BYTES
    pages = cleanup.plan(target_bytes=target_bytes, now=now)
    assert len(pages.candidates) == WANTED, len(pages.candidates)
    media = islice(evictor_of("media").candidates(before=now), MEDIA_WANTED)
    assert len(list(media)) == MEDIA_WANTED


def _peak_bytes(now: datetime) -> int:
    tracemalloc.start()
    fullest = cleanup.plan(target_bytes=0, now=now)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(fullest.candidates) == cleanup.PLAN_CANDIDATES
    return peak


def _deleting(tenant: Tenant, *, now: datetime) -> tuple[float, float]:
    """Objects a second of a cleanup, and how that is to deleting one by one; in turns."""
    single, batched = [], []
    for _ in range(ROUNDS):
        keys = _put(tenant, OBJECTS, now=now)
        seconds = _timed(lambda keys=keys: [services.remove([key], now=now) for key in keys])
        single.append(OBJECTS / seconds)
        _put(tenant, OBJECTS, now=now)
        seconds = _timed(lambda: cleanup.run(target_bytes=0, trigger="bench", now=now))
        batched.append(OBJECTS / seconds)
        assert not StoredObject.objects.exists()
    ratio = median(many / one for many, one in zip(batched, single, strict=True))
    return median(batched), ratio


def _put(tenant: Tenant, count: int, *, now: datetime) -> list[str]:
    """Store pages as a crawler does, compressed; booked together, which is not what is timed."""
    then, page = now - timedelta(days=9), pack(b"x" * OBJECT_BYTES, level=1)
    keys = [f"crawl/{tenant.pk}/{number}" for number in range(count)]
    requests = [services.ReservationRequest(key, len(page)) for key in keys]
    reservations = [
        answer
        for answer in services.reserve_many(
            tenant=tenant, content_type="crawl", requests=requests, now=then
        )
        if isinstance(answer, Reservation)
    ]
    for reservation in reservations:
        get_store().put(reservation, page, mime="text/html", content_encoding=GZIP)
    services.settle_many(reservations, now=then)
    found = list(StoredObject.objects.values_list("key", flat=True))
    assert len(found) == count, f"{len(found)} of {count} objects"
    return found


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
