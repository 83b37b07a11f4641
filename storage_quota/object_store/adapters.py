"""Parts that the adapters of the port share."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from io import BytesIO
from typing import Any, BinaryIO

from storage_quota.models import Reservation
from storage_quota.models.receipt import PutReceipt
from storage_quota.object_store.errors import (
    LifecycleNeedless,
    MoreThanReserved,
    ReservationMismatch,
    StoreUnavailable,
)
from storage_quota.object_store.port import LifecycleRule, OldVersion

CHUNK_BYTES = 1024 * 1024
FINISH_WITHIN = 20 * 60.0
"""
Seconds after its deadline to begin in which a put may read on: ten minutes before the reservation
expires (see `reserve.PUT_WITHIN`), which its last requests may take with all their attempts.
"""


class HashedBytes(BytesIO):
    """Bytes of this process's memory, and their SHA-256 (hex): nobody can change them meanwhile."""

    def __init__(self, content: bytes, sha256: str) -> None:
        super().__init__(content)
        self.sha256, self.size_bytes = sha256, len(content)


class UploadBody:
    """The body of a put: counts and hashes what is read, and stops at the reservation's size."""

    def __init__(self, body: bytes | BinaryIO, reservation: Reservation) -> None:
        if time.monotonic() > reservation.write_deadline:
            raise ReservationMismatch(
                f"The reservation of {reservation.key} is too old to write on"
            )
        self._body = BytesIO(body) if isinstance(body, bytes) else body
        self._reservation = reservation
        self._known = body if isinstance(body, HashedBytes) else None
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    def read(self, size: int = -1) -> bytes:
        if time.monotonic() > self._reservation.write_deadline + FINISH_WITHIN:
            # Before the reservation expires, and others abort what they take for a lost upload.
            raise StoreUnavailable(
                f"The upload of {self._reservation.key} took too long: it has to be put again"
            )
        chunk = self._body.read(size)
        self.size_bytes += len(chunk)
        if self.size_bytes > self._reservation.size_bytes:
            raise MoreThanReserved(
                f"{self._reservation.key} has more than the "
                f"{self._reservation.size_bytes} B that were reserved"
            )
        if self._known is None:
            self._sha256.update(chunk)
        return chunk

    def chunks(self) -> Iterator[bytes]:
        while chunk := self.read(CHUNK_BYTES):
            yield chunk

    def leaves_bytes(self) -> None:
        """Note that an upload remains in the store, or may: its bytes count until it is aborted."""
        self._reservation.unconfirmed = True

    def receipt(self, *, mime: str, content_encoding: str) -> PutReceipt:
        """Note the receipt on the reservation; called once the object is complete in the store."""
        self._reservation.receipt = PutReceipt(
            key=self._reservation.key,
            size_bytes=self.size_bytes,
            sha256=self._digest(),
            mime=mime,
            content_encoding=content_encoding,
        )
        return self._reservation.receipt

    def _digest(self) -> str:
        """Of the bytes that were read; what was known of a whole holds only if it was read whole."""
        if self._known is None:
            return self._sha256.hexdigest()
        if self.size_bytes == self._known.size_bytes:
            return self._known.sha256
        return hashlib.sha256(self._known.getvalue()[: self.size_bytes]).hexdigest()


class JsonReader:
    """`read_json` for an adapter that has `open`."""

    def open(self, key: str, *, raw: bool = False) -> AbstractContextManager[BinaryIO]:
        raise NotImplementedError

    def read_json(self, key: str) -> Any:
        with self.open(key) as file:
            return json.load(file)


class NoLifecycle:
    """For an adapter whose store has no lifecycle rules."""

    def lifecycle(self) -> Sequence[LifecycleRule]:
        raise LifecycleNeedless("This store has no lifecycle rules")

    def sync_lifecycle(self, rules: Sequence[LifecycleRule]) -> None:
        raise LifecycleNeedless("This store has no lifecycle rules")


class NoVersions:
    """For an adapter whose store keeps nothing of what is replaced or deleted."""

    def versioning(self) -> str:
        return ""

    def old_versions(self, key: str = "") -> Iterator[OldVersion]:
        yield from ()

    def delete_version(self, version: OldVersion) -> None:
        """Do nothing: there is none."""

    def restore(self, version: OldVersion) -> None:
        """Do nothing: there is none."""

    def refuse_if_nothing_may_be_deleted(self) -> None:
        """Do nothing: what may be written may be deleted."""

    def lacks(self) -> frozenset[str]:
        return frozenset()


class NoLinks:
    """For an adapter whose objects can be read through the application only."""

    def presign(
        self, key: str, *, expires: timedelta, filename: str, mime: str, attachment: bool
    ) -> str | None:
        return None
