"""
The cost of a reservation and its settling, and of the quota endpoints, in a full ledger.

Two databases of the same tenants, one with 1 000 objects in its ledger and one with a million,
asked in turns in one run. Bound: the median of the full one is at most 1.3 times the other's.
"""

import random
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from statistics import median

from bench.support import database

database.setup()

from django.db import connection, connections  # noqa: E402
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import Tenant, User  # noqa: E402
from bench.support import report  # noqa: E402
from storage_quota import services  # noqa: E402
from storage_quota.models import ContentType  # noqa: E402
from storage_quota.object_store import get_store, use  # noqa: E402
from storage_quota.object_store.memory import MemoryStore  # noqa: E402

FEW, MANY, TENANTS, ROUNDS, MOST = 1_000, 1_000_000, 20, 400, 1.3
SIZE_BYTES = 1000
TYPES = {ContentType.MEDIA: 6, ContentType.VISION: 2, ContentType.CRAWL: 2}

_SUMS = """
    INSERT INTO tenant_storage_usage
        (id, tenant_id, content_type, total_bytes, objects_count, last_updated, created_at)
    SELECT gen_random_uuid(), tenant_id, content_type, sum(size_bytes), count(*), now(), now()
    FROM storage_quota_storedobject GROUP BY tenant_id, content_type
    ON CONFLICT (tenant_id, content_type) DO UPDATE
    SET total_bytes = excluded.total_bytes, objects_count = excluded.objects_count
"""


def main() -> int:
    with database.fresh() as name, use(MemoryStore()):
        tenants = [Tenant.objects.create(name=f"Tenant {n}") for n in range(TENANTS)]
        client = Client(SERVER_NAME="localhost")
        client.force_login(User.objects.create_superuser("operator"))
        _load(tenants, FEW)
        with database.copy_of(name) as full:
            small = connections["default"]
            with database.on(full):
                started = time.monotonic()
                _load(tenants, MANY - FEW)
                print(f"   loaded {MANY:,} objects in {time.monotonic() - started:.0f} s")
            times = _compare({FEW: small, MANY: full}, _works(client, tenants))
    return _tell(times)


def _works(client: Client, tenants: list[Tenant]) -> dict[str, Callable[[], None]]:
    dice = random.Random(1)
    return {
        "reserve + settle": lambda: _store(dice.choice(tenants)),
        "GET quota": lambda: _get(client, "quota"),
        "GET stats": lambda: _get(client, "stats"),
    }


def _store(tenant: Tenant) -> None:
    now = timezone.now()
    reservation = services.reserve(
        tenant=tenant,
        content_type=ContentType.MEDIA,
        key=f"media/{tenant.pk}/{uuid.uuid4().hex}",
        size_bytes=SIZE_BYTES,
        now=now,
    )
    get_store().put(reservation, bytes(SIZE_BYTES), mime="image/png")
    services.settle(reservation, now=now)


def _get(client: Client, what: str) -> None:
    answer = client.get(f"/api/v1/storage/{what}")
    assert answer.status_code == 200, answer.content


Times = dict[str, dict[int, list[float]]]


def _compare(
    ledgers: dict[int, BaseDatabaseWrapper], works: dict[str, Callable[[], None]]
) -> Times:
    """Run each work on either database in turns; the first tenth only warms up."""
    times: Times = {name: defaultdict(list) for name in works}
    for number in range(ROUNDS + ROUNDS // 10):
        turns = list(ledgers.items())
        for name, work in works.items():
            for rows, wrapper in turns if number % 2 else reversed(turns):
                with database.on(wrapper):
                    started = time.perf_counter()
                    work()
                    seconds = time.perf_counter() - started
                if number >= ROUNDS // 10:
                    times[name][rows].append(seconds)
    return times


def _tell(times: Times) -> int:
    figures = []
    for name, laps in times.items():
        few, many = median(laps[FEW]), median(laps[MANY])
        figures += [
            report.Figure(f"quota: {name} among {MANY:,}", 1000 * many, unit="ms"),
            report.Figure(
                f"quota: {name}, to {FEW:,} objects", many / few, at_most=MOST, unit="times"
            ),
        ]
    return report.close(figures)


def _load(tenants: list[Tenant], count: int) -> None:
    """Add `count` objects, spread over tenants and types, and correct the sums."""
    dice = random.Random(count)
    kinds, weights = list(TYPES), list(TYPES.values())
    stamp = timezone.now().isoformat()
    columns = "key, tenant_id, content_type, size_bytes, mime, content_encoding, sha256"
    statement = f"COPY storage_quota_storedobject ({columns}, created_at, updated_at) FROM STDIN"
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for kind in dice.choices(kinds, weights, k=count):
                owner, digest = dice.choice(tenants).pk, f"{dice.getrandbits(256):064x}"
                key = f"{kind.value}/{owner}/{digest[:2]}/{digest}"
                copy.write(
                    f"{key}\t{owner}\t{kind.value}\t{SIZE_BYTES}\timage/png\t\t{digest}"
                    f"\t{stamp}\t{stamp}\n"
                )
        cursor.execute(_SUMS)
    database.analyze()


if __name__ == "__main__":
    sys.exit(main())
