"""
Import of a generated export against the least that any import must do.

20 000 messages, 2 000 pictures of about 100 KB. The floor: read every picture, SHA-256 it,
write it to its new place, and COPY the same rows into the same tables. Bound: at most 3 times
the floor, median of paired rounds.
"""

import hashlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from django.db import connection, transaction  # noqa: E402

from accounts import tenants  # noqa: E402
from bench import exports  # noqa: E402
from media.services import imports  # noqa: E402
from media.sources.export import ExportSource  # noqa: E402

MESSAGES, PICTURES, ROUNDS, MOST = 20_000, 2_000, 5, 3.0
TABLES = (
    "channels", "media_objects", "posts", "post_media_map", "storage_quota_storedobject",
    "tenant_storage_usage", "events_outboxevent", "events_delivery", "import_runs",
)  # fmt: skip


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench_") as scratch, database.fresh():
        folder = Path(scratch, "export")
        exports.write(folder, exports.messages(MESSAGES, photos=exports.pictures(folder, PICTURES)))
        rounds = [_round(folder, Path(scratch)) for _ in range(ROUNDS)]
    ratio = median(ours / floor for ours, floor in rounds)
    ours, floor = (median(column) for column in zip(*rounds, strict=True))
    print(f"   import  {ours:>6.2f} s   ({MESSAGES / ours:.0f} messages/s)")
    print(f"   floor   {floor:>6.2f} s")
    print(f"   ratio   {ratio:>6.2f}     (must be ≤ {MOST})")
    return 0 if ratio <= MOST else 1


def _round(folder: Path, scratch: Path) -> tuple[float, float]:
    settings.OBJECTS_DIR = scratch / "objects"
    _clear(scratch)
    tenant = tenants.default_tenant()
    ours = _timed(
        lambda: imports.import_export(
            source=ExportSource(folder, zone=None), path=folder, tenant=tenant
        )
    )
    rows = {table: _copied_out(table) for table in TABLES}
    _clear(scratch)
    tenants.default_tenant()
    floor = _timed(lambda: _floor(folder, scratch / "floor", rows))
    return ours, floor


def _clear(scratch: Path) -> None:
    for name in ("objects", "floor"):
        shutil.rmtree(scratch / name, ignore_errors=True)
    (scratch / "objects").mkdir()
    database.empty(*TABLES)


def _timed(work: object) -> float:
    started = time.monotonic()
    work()  # type: ignore[operator]
    return time.monotonic() - started


def _floor(folder: Path, target: Path, rows: dict[str, bytes]) -> None:
    for path in sorted((folder / "photos").iterdir()):
        content = path.read_bytes()
        name = hashlib.sha256(content).hexdigest()
        shard = target / name[:2]
        shard.mkdir(parents=True, exist_ok=True)
        (shard / name).write_bytes(content)
    with transaction.atomic(), connection.cursor() as cursor:
        for table, content in rows.items():
            columns = ", ".join(_columns(table))
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                copy.write(content)


def _copied_out(table: str) -> bytes:
    statement = f"COPY (SELECT {', '.join(_columns(table))} FROM {table}) TO STDOUT"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        return b"".join(bytes(part) for part in copy)


def _columns(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(column_name) FROM information_schema.columns"
            " WHERE table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
            [table],
        )
        return [name for (name,) in cursor.fetchall()]


if __name__ == "__main__":
    sys.exit(main())
