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
from storage_quota.object_store.errors import (
    LifecycleUnsupported,
    ObjectMissing,
    StoreLacks,
    StoreUnavailable,
)
from storage_quota.object_store.packing import unpacked
from storage_quota.object_store.port import (
    LifecycleRule,
    ObjectInfo,
    OldVersion,
    UnfinishedUpload,
    check_key,
)


@dataclass(frozen=True, slots=True)
class _Entry:
    content: bytes
    info: ObjectInfo


class MemoryStore(NoLinks, JsonReader):
    """
    A store in memory, for tests.

    `down = True` simulates an outage, `has_lifecycle = False` a server without that API,
    `keeps = "Enabled"` a bucket with versions. Its own writes are never unfinished; a test puts
    uploads of killed writers into `unfinished`, 7 bytes each.
    """

    def __init__(self) -> None:
        self.down = False
        self.has_lifecycle = True
        self.keeps = ""
        self.old: list[OldVersion] = []
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
        self._keep(key)
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
        self._keep(check_key(key))
        self._entries.pop(key, None)

    def uploads(self, key: str = "") -> Iterator[UnfinishedUpload]:
        self._answer()
        yield from [upload for upload in self.unfinished if key in {"", upload.key}]

    def abort(self, upload: UnfinishedUpload) -> None:
        self._answer()
        self.unfinished = [other for other in self.unfinished if other != upload]

    def upload_bytes(self, upload: UnfinishedUpload) -> int:
        self._answer()
        return 7 if upload in self.unfinished else 0

    def versioning(self) -> str:
        self._answer()
        return self.keeps

    def old_versions(self, key: str = "") -> Iterator[OldVersion]:
        self._answer()
        yield from [version for version in self.old if key in {"", version.key}]

    def delete_version(self, version: OldVersion) -> None:
        self._answer()
        self.old = [other for other in self.old if other != version]

    def restore(self, version: OldVersion) -> None:
        raise StoreLacks("The store in memory keeps no content of old versions")

    def refuse_if_nothing_may_be_deleted(self) -> None:
        """Do nothing: what may be written may be deleted."""

    def lacks(self) -> frozenset[str]:
        return frozenset()

    def lifecycle(self) -> Sequence[LifecycleRule]:
        self._answer()
        if not self.has_lifecycle:
            raise LifecycleUnsupported("The store in memory plays one without lifecycle rules")
        return list(self.rules)

    def sync_lifecycle(self, rules: Sequence[LifecycleRule]) -> None:
        self.lifecycle()
        self.rules = list(rules)

    def _keep(self, key: str) -> None:
        if self.keeps and (entry := self._entries.get(key)):
            info, version_id = entry.info, str(len(self.old))
            size, at = info.size_bytes, info.modified_at
            self.old.insert(0, OldVersion(key, version_id, size, at, etag=info.etag))

    def _answer(self) -> None:
        if self.down:
            raise StoreUnavailable("The store in memory is switched off")
