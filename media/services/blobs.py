"""Files of a source become blobs: read and identified first, stored once per content."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, ClassVar

from accounts.models import Tenant
from events.errors import DomainError
from media.models import MAX_MEDIA_BYTES, MediaObject
from media.probe import probe
from media.rows import Blob
from media.sources.port import FileRefused, Source
from storage_quota import keys
from storage_quota import services as quota
from storage_quota.models import ContentType, Reservation
from storage_quota.object_store import get_store
from storage_quota.selectors import in_good_order

CHUNK_BYTES = 1024**2
PARALLEL_PUTS = 4


class FileTooLarge(DomainError):
    code: ClassVar[str] = "file_too_large"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path}: larger than {MAX_MEDIA_BYTES} bytes, the most one object may have"
        )


class FileChanged(DomainError):
    code: ClassVar[str] = "file_changed"


NotStored = quota.QuotaExceeded | FileRefused | FileChanged
"""Why a content of a batch did not come into the bucket although the store works."""


def putters() -> ThreadPoolExecutor:
    """Threads that put files; they never touch the database."""
    return ThreadPoolExecutor(PARALLEL_PUTS, thread_name_prefix="put")


@dataclass(slots=True)
class Stored:
    """
    What is in the bucket for a batch, by SHA-256: known before, put now, or not there and why.
    What was put waits to be settled together with the rows of the batch.
    """

    known: set[str] = field(default_factory=set)
    put: dict[str, Reservation] = field(default_factory=dict)
    refused: dict[str, NotStored] = field(default_factory=dict)

    def release(self) -> None:
        quota.release_many(list(self.put.values()))


@dataclass(slots=True)
class Storing:
    """A batch whose files are on their way into the bucket; nothing else is waited for."""

    stored: Stored
    puts: dict[str, tuple[Reservation, Future[None]]] = field(default_factory=dict)

    @property
    def coming(self) -> frozenset[str]:
        """Contents that the rows of this batch will make known."""
        return frozenset(self.puts)

    def wait(self) -> Stored:
        """
        Once every put has ended. A file that cannot be read any more is one message's
        fault; a store that fails ends the batch: everything is released, and it raises.
        """
        wait(future for _, future in self.puts.values())
        lost: list[Reservation] = []
        try:
            for sha256, (reservation, future) in self.puts.items():
                try:
                    future.result()
                    self.stored.put[sha256] = reservation
                except (FileRefused, FileChanged) as error:
                    self.stored.refused[sha256] = error
                    lost.append(reservation)
        except BaseException:
            self.abandon()
            raise
        quota.release_many(lost)
        return self.stored

    def abandon(self) -> None:
        wait(future for _, future in self.puts.values())
        quota.release_many([reservation for reservation, _ in self.puts.values()])


def read_blob(source: Source, path: str) -> Blob:
    """Hash and identify a file in constant memory; FileRefused or FileTooLarge."""
    with source.open(path) as file:
        try:
            sha256, size_bytes = _digest(file, path)
            return Blob(path, sha256, size_bytes, probe(file))
        except OSError as error:
            raise FileRefused("unreadable", f"{path}: {error.strerror}") from error


def _digest(file: BinaryIO, path: str) -> tuple[str, int]:
    digest, size_bytes = hashlib.sha256(), 0
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
        if size_bytes > MAX_MEDIA_BYTES:
            raise FileTooLarge(path)
    return digest.hexdigest(), size_bytes


def known_contents(tenant: Tenant, blobs: Iterable[Blob]) -> set[str]:
    """What need not be put again: known, and still in good order in the bucket."""
    wanted = {blob.sha256 for blob in blobs}
    known = dict(
        MediaObject.objects.filter(tenant=tenant, file_sha256__in=wanted).values_list(
            "file_sha256", "s3_key"
        )
    )
    sound = in_good_order(known.values())
    return {sha256 for sha256, key in known.items() if key in sound}


def key_of(tenant: Tenant, blob: Blob) -> str:
    return keys.media(tenant_id=tenant.pk, sha256=blob.sha256, mime=blob.facts.mime)


def begin_storing(
    source: Source,
    *,
    tenant: Tenant,
    blobs: Sequence[Blob],
    pool: Executor,
    coming: frozenset[str] = frozenset(),
    now: datetime,
) -> Storing:
    """
    Reserve room for what is new and start putting it. Settling is the caller's, with its rows.

    `coming` are contents that the caller settles before this batch: they count as known.
    """
    distinct = {blob.sha256: blob for blob in blobs}
    known = known_contents(tenant, distinct.values()) | (coming & distinct.keys())
    storing = Storing(Stored(known=known))
    fresh = [blob for sha256, blob in distinct.items() if sha256 not in known]
    if not fresh:
        return storing
    wants = [
        quota.ReservationRequest(key=key_of(tenant, b), size_bytes=b.size_bytes) for b in fresh
    ]
    answers = quota.reserve_many(
        tenant=tenant, content_type=ContentType.MEDIA, requests=wants, now=now
    )
    for blob, answer in zip(fresh, answers, strict=True):
        if isinstance(answer, Reservation):
            storing.puts[blob.sha256] = answer, pool.submit(_put, source, blob, answer)
        else:
            storing.stored.refused[blob.sha256] = answer
    return storing


def _put(source: Source, blob: Blob, reservation: Reservation) -> None:
    with source.open(blob.path) as file:
        stored = get_store().put(reservation, file, mime=blob.facts.mime)
    if stored.sha256 != blob.sha256:
        raise FileChanged(f"{blob.path} was changed while it was being imported; import again")
