"""The bucket's guarded door: what an object store can do, and how it fails."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, BinaryIO, ClassVar, Protocol

from events.errors import DomainError, RetryLater
from storage_quota.models import Reservation
from storage_quota.models.receipt import Stored

CHUNK_BYTES = 1024 * 1024


class ObjectMissing(DomainError):
    """The store answered, and there is no such object."""

    code: ClassVar[str] = "object_missing"
    http_status: ClassVar[int] = 404

    def __init__(self, key: str) -> None:
        super().__init__(f"No object has the key {key}")
        self.key = key

    def context(self) -> dict[str, Any]:
        return {"key": self.key}


class StoreUnavailable(RetryLater):
    """Nobody can tell what is in the store now. Never to be read as `absent`."""


class StoreFull(DomainError):
    """The place behind the store has no room, whatever the quota says."""

    code: ClassVar[str] = "store_full"
    http_status: ClassVar[int] = 507


class StoreNotWritable(DomainError):
    """The store lets us look, not write."""

    code: ClassVar[str] = "store_not_writable"
    http_status: ClassVar[int] = 500


class StoreForbidden(DomainError):
    """The store refused our credentials or has no such bucket."""

    code: ClassVar[str] = "store_forbidden"
    http_status: ClassVar[int] = 500


class ReservationMismatch(DomainError):
    """More bytes than promised, or a promise too old to write on: nothing was stored."""

    code: ClassVar[str] = "reservation_mismatch"
    http_status: ClassVar[int] = 500


class LifecycleUnsupported(DomainError):
    """The store deletes nothing by itself and cannot be told to: the application sweeps."""

    code: ClassVar[str] = "lifecycle_unsupported"
    http_status: ClassVar[int] = 501


OUT_OF_ORDER = (StoreUnavailable, StoreNotWritable, StoreForbidden)
"""Failures of the store itself: the same call may succeed once it is repaired."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What the store says about an object. A listing leaves `mime` and encoding empty."""

    key: str
    size_bytes: int
    modified_at: datetime
    mime: str = ""
    content_encoding: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """An object that is half written: a multipart upload in S3, a draft among files."""

    key: str
    upload_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    """What the store does by itself with keys that start so; None: nothing of that kind."""

    prefix: str
    expire_days: int | None = None
    abort_uploads_days: int | None = None


class ObjectStore(Protocol):
    """
    Bytes under keys. Writing takes a reservation, so no upload can forget the quota.

    Any method raises StoreUnavailable or StoreForbidden; `put` and `delete` also raise
    StoreNotWritable, `put` StoreFull. An object becomes visible whole or not at all.
    """

    def put(
        self,
        reservation: Reservation,
        body: bytes | BinaryIO,
        *,
        mime: str,
        content_encoding: str = "",
    ) -> Stored:
        """
        Write the object the reservation names, replacing an older one.

        Reads `body` from where it stands. The receipt is also noted on the reservation,
        for settling. Raises ReservationMismatch.
        """
        ...

    def open(self, key: str, *, raw: bool = False) -> AbstractContextManager[BinaryIO]:
        """A stream of the content, unpacked unless `raw`; raises ObjectMissing."""
        ...

    def read_json(self, key: str) -> Any:
        """The document `services.put_json` stored; raises ObjectMissing."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """None only if the store answered that there is no such object."""
        ...

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        """
        Every object whose key starts so and comes after `after`, in the order of keys (their
        UTF-8, so also that of Python's strings). Raises rather than ends early.
        """
        ...

    def delete(self, key: str) -> None:
        """Afterwards there is no such object; there may have been none before."""
        ...

    def uploads(self, key: str = "") -> Iterator[Upload]:
        """
        What is half written (of `key`), by a writer at work or a killed one.

        Raises rather than ends.
        """
        ...

    def abort(self, upload: Upload) -> None:
        """Afterwards there is no such upload and its bytes are free; absent already is success."""
        ...

    def lifecycle(self) -> Sequence[LifecycleRule]:
        """The rules in force, also those of others; raises LifecycleUnsupported."""
        ...

    def sync_lifecycle(self, rules: Sequence[LifecycleRule]) -> None:
        """
        Make the rules this product wrote equal to `rules`; those of others stay.

        Raises LifecycleUnsupported.
        """
        ...

    def presign(
        self, key: str, *, expires: timedelta, filename: str, mime: str, attachment: bool
    ) -> str | None:
        """
        A link that whoever has it may read the object with: a secret, never to be logged.

        None if the store has no links of its own and the application streams instead. Does
        not ask whether the object is there, nor whose it is: `links.presigned_url` does.
        """
        ...


class NoLifecycle:
    """For an adapter whose store has no rules."""

    def lifecycle(self) -> Sequence[LifecycleRule]:
        raise LifecycleUnsupported("This store has no lifecycle rules")

    def sync_lifecycle(self, rules: Sequence[LifecycleRule]) -> None:
        raise LifecycleUnsupported("This store has no lifecycle rules")


class NoLinks:
    """For an adapter whose objects are read through the application only."""

    def presign(
        self, key: str, *, expires: timedelta, filename: str, mime: str, attachment: bool
    ) -> str | None:
        return None


class Metered:
    """Reads `body` for an adapter: counts, hashes, and stops at the reservation's size."""

    def __init__(self, body: bytes | BinaryIO, reservation: Reservation) -> None:
        if time.monotonic() > reservation.put_until:
            raise ReservationMismatch(
                f"The reservation of {reservation.key} is too old to write on"
            )
        self._body = BytesIO(body) if isinstance(body, bytes) else body
        self._reservation = reservation
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._body.read(size)
        self.size_bytes += len(chunk)
        if self.size_bytes > self._reservation.size_bytes:
            raise ReservationMismatch(
                f"{self._reservation.key} has more than the "
                f"{self._reservation.size_bytes} B that were reserved"
            )
        self._sha256.update(chunk)
        return chunk

    def chunks(self) -> Iterator[bytes]:
        while chunk := self.read(CHUNK_BYTES):
            yield chunk

    def receipt(self, *, mime: str, content_encoding: str) -> Stored:
        """Once the object is in its place."""
        self._reservation.stored = Stored(
            key=self._reservation.key,
            size_bytes=self.size_bytes,
            sha256=self._sha256.hexdigest(),
            mime=mime,
            content_encoding=content_encoding,
        )
        return self._reservation.stored


class JsonReader:
    """`read_json` for an adapter that has `open`."""

    def open(self, key: str, *, raw: bool = False) -> AbstractContextManager[BinaryIO]:
        raise NotImplementedError

    def read_json(self, key: str) -> Any:
        with self.open(key) as file:
            return json.load(file)


def check_key(key: str) -> str:
    """The key itself, or ValueError: no store is asked about a path that leaves its folder."""
    parts = key.split("/")
    if any(part in {"", ".", ".."} for part in parts) or not key.isprintable() or "\\" in key:
        raise ValueError(f"not a key (a relative path in plain characters): {key!r}")
    return key
