"""
Import of 500 files of 100 KB into a real S3 server against bare boto3 with ten threads.

The server is Ceph's RADOS Gateway, started by `shared/tools/rgw`; without that tool nothing is
measured, and this says so. Both sides read the same files and put them into the same bucket, in
turn; ours also reads the export, keeps the quota and writes rows and events.
"""

import hashlib
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from bench.support import database

database.setup()

from accounts import tenants  # noqa: E402 - after django.setup()
from bench.imports import TABLES  # noqa: E402
from bench.support import exports, report, rgw, turns  # noqa: E402
from media.services import imports  # noqa: E402
from media.sources.export import ExportSource  # noqa: E402
from storage_quota.object_store import use  # noqa: E402
from storage_quota.object_store.s3 import S3Store  # noqa: E402
from telegram_assistant.config import S3  # noqa: E402

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FILES, SIZE_BYTES, THREADS, ROUNDS, MOST = 500, 100_000, 10, 13, 1.4
BUCKET = "bench"
NAME = "bucket: import of 500 files against bare boto3"


def main() -> int:
    if why := rgw.absence():
        return report.close([report.Figure(NAME, at_most=MOST, skipped=why)])
    with (
        tempfile.TemporaryDirectory(prefix="bench_") as scratch,
        database.fresh(),
        rgw.server(BUCKET) as settings,
        use(S3Store(settings)),
    ):
        found = _measure(Path(scratch, "export"), settings)
    ours, bare = found.seconds
    return report.close(
        [
            report.Figure("bucket: import into RGW", FILES / ours, unit="file/s"),
            report.Figure("bucket: bare boto3, ten threads", FILES / bare, unit="file/s"),
            report.Figure(NAME, found.ratio, at_most=MOST, unit="times"),
        ]
    )


def _measure(folder: Path, settings: S3) -> turns.Turns:
    client = _client(settings)
    client.create_bucket(Bucket=BUCKET)
    _write_export(folder)
    numbers = count()
    _bare(client, folder, prefix="warm")
    return turns.in_turn(
        lambda: _import(client, folder),
        lambda: turns.timed(lambda: _bare(client, folder, prefix=f"bare{next(numbers)}")),
        rounds=ROUNDS,
    )


def _client(settings: S3) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key.get_secret_value(),
        config=Config(max_pool_connections=THREADS, s3={"addressing_style": "path"}),
    )


def _write_export(folder: Path) -> None:
    photos = exports.pictures(folder, FILES, size_bytes=SIZE_BYTES)
    exports.write(folder, exports.messages(FILES, photos=photos))


def _import(client: "S3Client", folder: Path) -> float:
    """An import into an empty archive and an empty folder of the bucket; its seconds."""
    database.empty(*TABLES, "storage_quota_reservation")
    tenant = tenants.default_tenant()
    _delete(client, f"media/{tenant.pk}/")
    seconds = turns.timed(
        lambda: imports.import_export(
            source=ExportSource(folder, zone=None), path=folder, tenant=tenant
        )
    )
    kept = sum(len(p.get("Contents", ())) for p in _pages(client, f"media/{tenant.pk}/"))
    assert kept == FILES, f"{kept} objects of {FILES}"
    return seconds


def _bare(client: "S3Client", folder: Path, *, prefix: str) -> None:
    def put(path: Path) -> None:
        body = path.read_bytes()
        key = f"{prefix}/{hashlib.sha256(body).hexdigest()}.jpg"
        client.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType="image/jpeg")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(put, sorted((folder / "photos").iterdir())))


def _delete(client: "S3Client", prefix: str) -> None:
    for page in _pages(client, prefix):
        keys = [{"Key": entry["Key"]} for entry in page.get("Contents", ())]
        if keys:
            client.delete_objects(Bucket=BUCKET, Delete={"Objects": keys, "Quiet": True})


def _pages(client: "S3Client", prefix: str):  # noqa: ANN202 - boto3's pages
    return client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)


if __name__ == "__main__":
    sys.exit(main())
