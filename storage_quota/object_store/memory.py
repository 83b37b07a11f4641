"""The fake of the port: a bucket in the memory of this process."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from io import BytesIO
from typing import BinaryIO

from storage_quota.models import Reservation
from storage_quota.models.receipt import PutReceipt
from storage_quota.object_store.adapters import JsonReader, NoLinks, UploadBody
from storage_quota.object_store.errors import LifecycleUnsupported, ObjectMissing, StoreUnavailable
from storage_quota.object_store.packing import unpacked
from storage_quota.object_store.port import LifecycleRule, ObjectInfo, UnfinishedUpload, check_key


@dataclass(frozen=True, slots=True)
class _Entry:
    content: bytes
    info: ObjectInfo


class MemoryStore(NoLinks, JsonReader):
    """
    A store in memory, for tests.

    `down = True` simulates an outage, `has_lifecycle = False` a server without that API. Its own
    writes are never unfinished; a test puts uploads of killed writers into `unfinished`.
    """

    def __init__(self) -> None:
        self.down = False
        self.has_lifecycle = True
        self.rules: list[LifecycleRule] = []
        self.unfinished: list[UnfinishedUpload] = []
        self.puts = 0
        self._entries: dict[str, _Entry] = {}

    def put(
        self,
        reservation: Reservation,
        body: bytes | BinaryIO,
        *,
        mime: str,
        content_encoding: str = "",
    ) -> PutReceipt:
        self._answer()
        key = check_key(reservation.key)
        source = UploadBody(body, reservation)
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

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        self._answer()
        for key in sorted(self._entries):
            if key.startswith(prefix) and key > after:
                info = self._entries[key].info
                yield ObjectInfo(key, info.size_bytes, info.modified_at, etag=info.etag)

    def delete(self, key: str) -> None:
        self._answer()
        self._entries.pop(check_key(key), None)

    def uploads(self, key: str = "") -> Iterator[UnfinishedUpload]:
        self._answer()
        yield from [upload for upload in self.unfinished if key in {"", upload.key}]

    def abort(self, upload: UnfinishedUpload) -> None:
        self._answer()
        self.unfinished = [other for other in self.unfinished if other != upload]

    def lifecycle(self) -> Sequence[LifecycleRule]:
        self._answer()
        if not self.has_lifecycle:
            raise LifecycleUnsupported("The store in memory plays one without lifecycle rules")
        return list(self.rules)

    def sync_lifecycle(self, rules: Sequence[LifecycleRule]) -> None:
        self.lifecycle()
        self.rules = list(rules)

    def _answer(self) -> None:
        if self.down:
            raise StoreUnavailable("The store in memory is switched off")
