"""The fake: a bucket in this process's memory, with the contract of the real ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from io import BytesIO
from typing import BinaryIO

from storage_quota.models import Reservation
from storage_quota.object_store.packing import unpacked
from storage_quota.object_store.port import (
    JsonReader,
    Metered,
    NoDrafts,
    ObjectInfo,
    ObjectMissing,
    StoreUnavailable,
    check_key,
)
from storage_quota.receipt import Stored


@dataclass(frozen=True, slots=True)
class _Entry:
    content: bytes
    info: ObjectInfo


class MemoryStore(NoDrafts, JsonReader):
    """`down = True` plays an outage."""

    def __init__(self) -> None:
        self.down = False
        self.puts = 0
        self._entries: dict[str, _Entry] = {}

    def put(
        self,
        reservation: Reservation,
        body: bytes | BinaryIO,
        *,
        mime: str,
        content_encoding: str = "",
    ) -> Stored:
        self._answer()
        key = check_key(reservation.key)
        source = Metered(body, reservation)
        content = b"".join(source.chunks())
        etag = md5(content, usedforsecurity=False).hexdigest()
        now = datetime.now(UTC)
        info = ObjectInfo(key, len(content), now, mime, content_encoding, etag)
        self._entries[key] = _Entry(content, info)
        self.puts += 1
        return source.receipt(mime=mime, content_encoding=content_encoding)

    @contextmanager
    def open(self, key: str, *, raw: bool = False) -> Iterator[BinaryIO]:
        self._answer()
        entry = self._entries.get(check_key(key))
        if entry is None:
            raise ObjectMissing(key)
        encoding = "" if raw else entry.info.content_encoding
        with unpacked(BytesIO(entry.content), content_encoding=encoding) as file:
            yield file

    def head(self, key: str) -> ObjectInfo | None:
        self._answer()
        entry = self._entries.get(check_key(key))
        return entry.info if entry else None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self._answer()
        for key in sorted(self._entries):
            if key.startswith(prefix):
                info = self._entries[key].info
                yield ObjectInfo(key, info.size_bytes, info.modified_at, etag=info.etag)

    def delete(self, key: str) -> None:
        self._answer()
        self._entries.pop(check_key(key), None)

    def _answer(self) -> None:
        if self.down:
            raise StoreUnavailable("The store in memory is switched off")
