"""
Import of a generated export against the least that any import must do.

20 000 messages, 2 000 pictures of 100 KB. The floor parses the JSON as a whole, reads every
picture, makes its SHA-256, writes it to its new place and flushes it to the disk (as many at once
as ours: a committed row may not name half a file), and COPYs the same rows into the same tables in
one transaction. It checks nothing, knows no quota, and could not be repeated or interrupted.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bench.support import database

database.setup()

from django.conf import settings  # noqa: E402 - after django.setup()
from django.db import connection, transaction  # noqa: E402

from accounts import tenants  # noqa: E402
from bench.support import exports, report, turns  # noqa: E402
from media.services import imports  # noqa: E402
from media.services.pipeline.upload import PARALLEL_PUTS  # noqa: E402
from media.sources.export import ExportSource  # noqa: E402

MESSAGES, PICTURES, ROUNDS, MOST = 20_000, 2_000, 7, 1.8
TABLES = (
    "channels", "media_objects", "posts", "post_media_map", "storage_quota_storedobject",
    "tenant_storage_usage", "events_outboxevent", "events_delivery", "import_runs",
    "channel_sources", "channel_history", "post_sources",
)  # fmt: skip


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench_") as scratch, database.fresh():
        found = _measure(Path(scratch))
    ours, floor = found.seconds
    return report.close(
        [
            report.Figure("imports: messages a second", MESSAGES / ours, unit="msg/s"),
            report.Figure(
                "imports: messages a second of the floor", MESSAGES / floor, unit="msg/s"
            ),
            report.Figure("imports: import to the floor", found.ratio, at_most=MOST, unit="times"),
        ]
    )


def _measure(scratch: Path) -> turns.Turns:
    folder = scratch / "export"
    exports.write(folder, exports.messages(MESSAGES, photos=exports.pictures(folder, PICTURES)))
    _import(folder, scratch)
    rows = {table: _copied_out(table) for table in TABLES}
    return turns.in_turn(
        lambda: _import(folder, scratch),
        lambda: _copied(folder, scratch, rows),
        rounds=ROUNDS,
    )


def _import(folder: Path, scratch: Path) -> float:
    settings.OBJECTS_DIR = scratch / "objects"
    _clear(scratch)
    tenant = tenants.default_tenant()
    return turns.timed(
        lambda: imports.import_export(
            source=ExportSource(folder, zone=None), path=folder, tenant=tenant
        )
    )


def _copied(folder: Path, scratch: Path, rows: dict[str, bytes]) -> float:
    _clear(scratch)
    tenants.default_tenant()
    return turns.timed(lambda: _floor(folder, scratch / "floor", rows))


def _clear(scratch: Path) -> None:
    for name in ("objects", "floor"):
        shutil.rmtree(scratch / name, ignore_errors=True)
    (scratch / "objects").mkdir()
    database.empty(*TABLES)


def _floor(folder: Path, target: Path, rows: dict[str, bytes]) -> None:
    with (folder / "result.json").open(encoding="utf-8") as file:
        assert len(json.load(file)["messages"]) == MESSAGES
    with ThreadPoolExecutor(PARALLEL_PUTS) as pool:
        list(pool.map(partial(_put, target), sorted((folder / "photos").iterdir())))
    with transaction.atomic(), connection.cursor() as cursor:
        for table, content in rows.items():
            columns = ", ".join(_columns(table))
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                copy.write(content)


def _put(target: Path, path: Path) -> None:
    content = path.read_bytes()
    name = hashlib.sha256(content).hexdigest()
    shard = target / name[:2]
    shard.mkdir(parents=True, exist_ok=True)
    with (shard / name).open("wb") as file:
        file.write(content)
        file.flush()
        os.fdatasync(file.fileno())


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
