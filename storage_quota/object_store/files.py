"""The store of an unconfigured installation: files under `OBJECTS_DIR`, same keys as in S3."""

import errno
import mimetypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import BinaryIO, TypeVar

from django.core.files.storage import FileSystemStorage

from events.sentences import Sentence
from events.sentences import gettext_noop as _
from storage_quota.models import Reservation
from storage_quota.models.receipt import PutReceipt
from storage_quota.object_store.adapters import (
    JsonReader,
    NoLifecycle,
    NoLinks,
    NoVersions,
    UploadBody,
)
from storage_quota.object_store.errors import (
    ObjectMissing,
    StoreFull,
    StoreNotWritable,
    StoreUnavailable,
)
from storage_quota.object_store.packing import encoding_of, unpacked
from storage_quota.object_store.port import ObjectInfo, UnfinishedUpload, check_key

UPLOADS = ".uploads"
"""
Folder of unfinished files, never part of a listing. The path below it is the key, followed by
`~` and the id of the reservation.
"""

Made = TypeVar("Made")

_GONE = Sentence(_("%(folder)s is gone: mount or create it"))
_NO_SPACE = Sentence(_("No space left for %(folder)s: free some, or set VAR_DIR elsewhere"))
_CLOSED = Sentence(
    _(
        "%(folder)s is not accessible (%(why)s): give this user read and write rights there, or set"
        " VAR_DIR elsewhere"
    )
)
_ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


class FileStore(NoLifecycle, NoVersions, NoLinks, JsonReader):
    """
    Files in a folder. Each is written as a draft, flushed to the disk and renamed into place.

    It is flushed because the ledger's row is durable: after a power cut no row may point to half a
    file under the right name (measured: 0.5 to 3 ms a file). The folder is not flushed (5 ms
    more): if a power cut undoes the rename, the object is absent, and `verify_storage` finds that.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._storage = FileSystemStorage(location=root, allow_overwrite=True)

    def put(
        self,
        reservation: Reservation,
        body: bytes | BinaryIO,
        *,
        mime: str,
        content_encoding: str = "",
    ) -> PutReceipt:
        target = self._name(reservation.key)
        source = UploadBody(body, reservation)
        # Names as text: those of pathlib are a quarter of the time that a small file takes.
        draft = f"{self.root}/{UPLOADS}/{reservation.key}~{reservation.pk}"
        with self._errors(), _removed_on_failure(draft):
            _write(draft, source)
            _finish(draft, target, key=reservation.key)
        return source.receipt(mime=mime, content_encoding=content_encoding)

    @contextmanager
    def open(self, key: str, *, raw: bool = False) -> Iterator[BinaryIO]:
        with self._errors():
            try:
                file = self._path(key).open("rb")
            except _ABSENT as exc:
                self._check_root()
                raise ObjectMissing(key) from exc
        with file:
            encoding = "" if raw else encoding_of(key, file.peek(2))
            with unpacked(file, content_encoding=encoding) as content:
                yield content

    def head(self, key: str) -> ObjectInfo | None:
        path = self._path(key)
        with self._errors():
            try:
                with path.open("rb") as file:
                    stat, head = os.fstat(file.fileno()), file.read(2)
            except _ABSENT:
                self._check_root()
                return None
        mime = mimetypes.guess_type(key)[0] or "application/octet-stream"
        return replace(_info(key, stat), mime=mime, content_encoding=encoding_of(key, head))

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        with self._errors():
            self._check_root()
            yield from self._walk("", prefix, after)

    def delete(self, key: str) -> None:
        self._path(key)
        with self._errors():
            self._check_root()
            self._storage.delete(key)

    def uploads(self, key: str = "") -> Iterator[UnfinishedUpload]:
        drafts = self.root / UPLOADS
        folder = (drafts / check_key(key)).parent if key else drafts
        with self._errors():
            self._check_root()
            for path in sorted(folder.glob("*") if key else folder.rglob("*")):
                with suppress(FileNotFoundError):  # finished since its folder was read
                    if path.is_file() and key in {"", (upload := _upload(path, drafts)).key}:
                        yield upload

    def abort(self, upload: UnfinishedUpload) -> None:
        check_key(upload.upload_id)
        with self._errors():
            self._check_root()
            (self.root / UPLOADS / upload.upload_id).unlink(missing_ok=True)

    def upload_bytes(self, upload: UnfinishedUpload) -> int:
        check_key(upload.upload_id)
        with self._errors():
            try:
                return (self.root / UPLOADS / upload.upload_id).stat().st_size
            except FileNotFoundError:
                return 0

    def _walk(self, folder: str, prefix: str, after: str) -> Iterator[ObjectInfo]:
        """Walk in the order of whole keys, as S3 lists: a folder sorts with its `/`."""
        with os.scandir(self.root / folder) as entries:
            found = sorted(
                (folder + entry.name + ("/" if entry.is_dir() else ""), entry)
                for entry in entries
                if folder or entry.name != UPLOADS
            )
        for name, entry in found:
            # `after` may lie inside this folder, which then has to be entered.
            if name <= after and not after.startswith(name):
                continue
            if name.endswith("/") and (name.startswith(prefix) or prefix.startswith(name)):
                yield from self._walk(name, prefix, after)
            elif not name.endswith("/") and name.startswith(prefix) and name > after:
                with suppress(FileNotFoundError):  # deleted since its folder was read
                    yield _info(name, entry.stat())

    def _path(self, key: str) -> Path:
        return Path(self._name(key))

    def _name(self, key: str) -> str:
        check_key(key)
        if key.split("/", 1)[0] == UPLOADS:
            raise ValueError(f"not a key: {key!r}")
        return self._storage.path(key)

    def _check_root(self) -> None:
        """Raise if the folder is gone: an unmounted volume must not look like an empty bucket."""
        if not self.root.is_dir():
            raise StoreUnavailable(_GONE % {"folder": self.root})

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise self._translated(exc) from exc

    def _translated(self, exc: OSError) -> Exception:
        if exc.errno in _FULL:
            return StoreFull(_NO_SPACE % {"folder": self.root})
        if exc.errno in _NOT_WRITABLE:
            return StoreNotWritable(_CLOSED % {"folder": self.root, "why": exc.strerror})
        return StoreUnavailable(f"{self.root}: {exc.strerror or exc}")


def _finish(draft: str, target: str, *, key: str) -> None:
    """Move a whole draft to its place. Raises StoreUnavailable where it was aborted, as S3 does."""
    try:
        _in_folder(target, lambda: os.replace(draft, target))  # noqa: PTH105 - see `put`
    except FileNotFoundError as error:
        if Path(draft).exists() or not Path(target).parent.is_dir():
            raise
        raise StoreUnavailable(
            f"The upload of {key} was aborted: it has to be put again"
        ) from error


def _write(draft: str, source: UploadBody) -> None:
    # Unbuffered: the chunks are large, or the whole of a small file.
    with _in_folder(draft, lambda: open(draft, "wb", buffering=0)) as file:  # noqa: PTH123
        for chunk in source.chunks():
            _write_all(file, chunk)
        os.fdatasync(file.fileno())


def _write_all(file: FileIO, chunk: bytes) -> None:
    """Write the chunk; an unbuffered file may take only a part of it at once."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def _in_folder(path: str, create: Callable[[], Made]) -> Made:
    """Create `path`, and its folder only where that fails: nearly always it is there."""
    try:
        return create()
    except FileNotFoundError:
        _make_folder(os.path.dirname(path))  # noqa: PTH120 - see `put`
        return create()


def _make_folder(path: str) -> None:
    with suppress(FileExistsError):
        try:
            os.mkdir(path)  # noqa: PTH102 - see `put`
        except FileNotFoundError:
            os.makedirs(path, exist_ok=True)  # noqa: PTH103


@contextmanager
def _removed_on_failure(draft: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _upload(path: Path, drafts: Path) -> UnfinishedUpload:
    name = path.relative_to(drafts).as_posix()
    started_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return UnfinishedUpload(
        key=name.rpartition("~")[0] or name, upload_id=name, started_at=started_at
    )


def _info(key: str, stat: os.stat_result) -> ObjectInfo:
    return ObjectInfo(
        key=key,
        size_bytes=stat.st_size,
        modified_at=datetime.fromtimestamp(stat.st_mtime, UTC),
        etag=f"{stat.st_mtime_ns:x}-{stat.st_size:x}",
    )
