"""The port: what an object store can do. Its failures are in `errors`, its parts in `adapters`."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Protocol

from storage_quota.models import Reservation
from storage_quota.models.receipt import PutReceipt


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What the store says about an object. In a listing `mime` and `content_encoding` are empty."""

    key: str
    size_bytes: int
    modified_at: datetime
    mime: str = ""
    content_encoding: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """An upload that is not complete: a multipart upload in S3, a draft in the file store."""

    key: str
    upload_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class OldVersion:
    """
    What a bucket with versions keeps of an object that was replaced or deleted, or a delete marker.

    A `marker` has no bytes. `hides` is set on one that stands for the deleted object now: without it
    the version before would be the object again.
    """

    key: str
    version_id: str
    size_bytes: int
    modified_at: datetime
    hides: bool = False
    marker: bool = False
    etag: str = ""


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    """
    What the store does by itself with keys that begin with `prefix`; None stands for nothing.

    `expire_old_days`: days after which a version that was replaced or deleted goes, and delete
    markers behind which there is nothing any more go with it.
    """

    prefix: str
    expire_days: int | None = None
    abort_uploads_days: int | None = None
    expire_old_days: int | None = None


class ObjectStore(Protocol):
    """
    A store of bytes under keys. Writing takes a reservation, so no upload can bypass the quota.

    Any method may raise StoreUnavailable or StoreForbidden; `put` and `delete` also
    StoreNotWritable, `put` StoreFull. An object becomes visible whole or not at all.
    """

    def put(
        self,
        reservation: Reservation,
        body: bytes | BinaryIO,
        *,
        mime: str,
        content_encoding: str = "",
    ) -> PutReceipt:
        """
        Write the object that the reservation names, replacing an older one.

        Reads `body` from its current position. The receipt is also noted on the reservation,
        for settling. Raises ReservationMismatch.
        """
        ...

    def open(self, key: str, *, raw: bool = False) -> AbstractContextManager[BinaryIO]:
        """Open the content, decompressed unless `raw`; raises ObjectMissing."""
        ...

    def read_json(self, key: str) -> Any:
        """Read a document that `services.put_json` stored; raises ObjectMissing."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """Describe the object; None only if the store answered that there is none."""
        ...

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        """
        List objects whose key begins with `prefix` and follows `after`, in the order of keys.

        That is the order of their UTF-8, so also of Python's strings. If the store fails halfway,
        this raises and never just ends.
        """
        ...

    def delete(self, key: str) -> None:
        """Delete the object; it is no error if there is none."""
        ...

    def uploads(self, key: str = "") -> Iterator[UnfinishedUpload]:
        """
        List unfinished uploads (of `key`), whether their writers are alive or were killed.

        If the store fails halfway, this raises and never just ends. A store that cannot list them
        has none to be seen, see `lacks`.
        """
        ...

    def abort(self, upload: UnfinishedUpload) -> None:
        """Abort the upload and free its bytes; it is no error if there is none."""
        ...

    def upload_bytes(self, upload: UnfinishedUpload) -> int:
        """Bytes that the upload takes by now; 0 where it ended, or the store cannot tell."""
        ...

    def versioning(self) -> str:
        """
        Whether the bucket keeps what is replaced and deleted: `Enabled`, `Suspended` or never, "".

        Raises StoreLacks.
        """
        ...

    def old_versions(self, key: str = "") -> Iterator[OldVersion]:
        """
        List old versions (of `key`) and delete markers, of each key the newest first.

        Raises StoreLacks.
        """
        ...

    def delete_version(self, version: OldVersion) -> None:
        """Delete an old version for good; it is no error if there is none."""
        ...

    def restore(self, version: OldVersion) -> None:
        """Copy an old version over the object; what is there becomes an old version itself."""
        ...

    def refuse_if_nothing_may_be_deleted(self) -> None:
        """Raise StoreNotWritable before somebody counts on deleting; nothing is deleted."""
        ...

    def lacks(self) -> frozenset[str]:
        """Names of the operations that this process found the store to be without."""
        ...

    def lifecycle(self) -> Sequence[LifecycleRule]:
        """Read all rules in force, also those of others; raises LifecycleUnsupported."""
        ...

    def sync_lifecycle(self, rules: Sequence[LifecycleRule]) -> None:
        """
        Replace the rules that this product wrote by `rules`; those of others stay.

        Raises LifecycleUnsupported.
        """
        ...

    def presign(
        self, key: str, *, expires: timedelta, filename: str, mime: str, attachment: bool
    ) -> str | None:
        """
        Make a link by which anybody may read the object: a secret that is never logged.

        None if the store has no links, and the application streams the object instead. Checks
        neither that the object exists nor whose it is: `links.presigned_url` does that.
        """
        ...


def check_key(key: str) -> str:
    """Return the key, or raise ValueError: a path must not leave the store's folder."""
    parts = key.split("/")
    if any(part in {"", ".", ".."} for part in parts) or not key.isprintable() or "\\" in key:
        raise ValueError(f"not a key (a relative path in plain characters): {key!r}")
    return key
