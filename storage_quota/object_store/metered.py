"""The store that every caller gets: it counts operations, and passes them to the real one."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, BinaryIO

from events.errors import DomainError, RetryLater
from storage_quota.models import Reservation
from storage_quota.models.receipt import PutReceipt
from storage_quota.object_store import metrics
from storage_quota.object_store.errors import ObjectMissing
from storage_quota.object_store.packing import GZIP, refuse_plain_page
from storage_quota.object_store.port import (
    LifecycleRule,
    ObjectInfo,
    ObjectStore,
    OldVersion,
    UnfinishedUpload,
)


class MeteredStore:
    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    def put(
        self,
        reservation: Reservation,
        body: bytes | BinaryIO,
        *,
        mime: str,
        content_encoding: str = "",
    ) -> PutReceipt:
        refuse_plain_page(reservation.key, body, mime=mime, content_encoding=content_encoding)
        started = time.monotonic()
        with _counted("put", reservation.key):
            receipt = self.store.put(
                reservation, body, mime=mime, content_encoding=content_encoding
            )
        _note_put(receipt, seconds=time.monotonic() - started)
        if content_encoding == GZIP and isinstance(body, bytes):
            _note_ratio(reservation.key, body)
        return receipt

    @contextmanager
    def open(self, key: str, *, raw: bool = False) -> Iterator[BinaryIO]:
        with _counted("get", key), self.store.open(key, raw=raw) as file:
            yield file

    def read_json(self, key: str) -> Any:
        with _counted("get", key):
            return self.store.read_json(key)

    def head(self, key: str) -> ObjectInfo | None:
        with _failures_counted("head", key):
            found = self.store.head(key)
        metrics.count("head", "success" if found else "not_found", key)
        return found

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        return self.store.list(prefix, after=after)

    def delete(self, key: str) -> None:
        with _counted("delete", key):
            self.store.delete(key)

    def uploads(self, key: str = "") -> Iterator[UnfinishedUpload]:
        return self.store.uploads(key)

    def abort(self, upload: UnfinishedUpload) -> None:
        self.store.abort(upload)

    def upload_bytes(self, upload: UnfinishedUpload) -> int:
        return self.store.upload_bytes(upload)

    def versioning(self) -> str:
        return self.store.versioning()

    def old_versions(self, key: str = "") -> Iterator[OldVersion]:
        return self.store.old_versions(key)

    def delete_version(self, version: OldVersion) -> None:
        self.store.delete_version(version)

    def restore(self, version: OldVersion) -> None:
        self.store.restore(version)

    def refuse_if_nothing_may_be_deleted(self) -> None:
        self.store.refuse_if_nothing_may_be_deleted()

    def lacks(self) -> frozenset[str]:
        return self.store.lacks()

    def lifecycle(self) -> Sequence[LifecycleRule]:
        return self.store.lifecycle()

    def sync_lifecycle(self, rules: Sequence[LifecycleRule]) -> None:
        self.store.sync_lifecycle(rules)

    def presign(
        self, key: str, *, expires: timedelta, filename: str, mime: str, attachment: bool
    ) -> str | None:
        link = self.store.presign(
            key, expires=expires, filename=filename, mime=mime, attachment=attachment
        )
        if link is not None:
            metrics.OPERATIONS.labels("presigned", "success", "url").inc()
        return link


@contextmanager
def _counted(operation: str, key: str) -> Iterator[None]:
    with _failures_counted(operation, key):
        yield
    metrics.count(operation, "success", key)


@contextmanager
def _failures_counted(operation: str, key: str) -> Iterator[None]:
    """Count failures of the store, not other errors of the code that reads an open object."""
    try:
        yield
    except ObjectMissing:
        metrics.count(operation, "not_found", key)
        raise
    except (DomainError, RetryLater):
        metrics.count(operation, "error", key)
        raise


def _note_put(receipt: PutReceipt, *, seconds: float) -> None:
    kind = metrics.content_type(receipt.key)
    size = metrics.size_bucket(receipt.size_bytes)
    metrics.UPLOAD_SECONDS.labels(kind, size).observe(seconds)
    metrics.FILE_BYTES.labels(kind).observe(receipt.size_bytes)


def _note_ratio(key: str, packed: bytes) -> None:
    """Observe the ratio; a gzip file ends with the plain size mod 2**32 (RFC 1952, 2.3.1)."""
    plain_bytes = int.from_bytes(packed[-4:], "little")
    if plain_bytes:
        ratio = len(packed) / plain_bytes
        metrics.COMPRESSION_RATIO.labels(metrics.content_type(key)).observe(ratio)
