"""Upload: put the new files of a batch into the bucket, once per content, in threads."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from accounts.models import Tenant
from events.errors import DomainError
from events.logs.log_context import about, carried
from media.posts.parsed_message import Blob
from media.services.pipeline.blobs import KeptFiles
from media.services.pipeline.plan import StoredContent
from media.sources.port import FileRefused, Source
from storage_quota import keys, services
from storage_quota.models import ContentType, Reservation
from storage_quota.object_store import MoreThanReserved, StoreFull, get_store
from storage_quota.object_store.adapters import HashedBytes
from storage_quota.selectors import in_good_order

PARALLEL_PUTS = 10
"""A store far away answers in a tenth of a second; ten at once fill a line of some 100 Mbit/s."""


class FileChanged(DomainError):
    """A file of the source had other bytes when it was uploaded than when it was hashed."""

    code: ClassVar[str] = "file_changed"


NotStored = services.QuotaExceeded | FileRefused | FileChanged
"""Why a content of a batch is not in the bucket although the store works."""


def upload_pool() -> ThreadPoolExecutor:
    """Threads that put files; they never touch the database."""
    return ThreadPoolExecutor(PARALLEL_PUTS, thread_name_prefix="put")


@dataclass(slots=True)
class UploadResult:
    """
    The contents of a batch by SHA-256: known before, put now, or refused and why.

    `full` is set where the store had no room for some of them, whatever the quota says: those are
    in none of the three.

    The reservations of what was put are settled together with the rows of the batch.
    """

    known: set[str] = field(default_factory=set)
    put: dict[str, Reservation] = field(default_factory=dict)
    refused: dict[str, NotStored] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each put took, by SHA-256."""
    again: frozenset[str] = frozenset()
    """Keys of lost or damaged files: posts that show them say so until these are stored again."""
    full: StoreFull | None = None

    def release(self) -> None:
        services.release_many(list(self.put.values()))


@dataclass(slots=True)
class PendingUploads:
    """The uploads of a batch while they run. End them with `wait` or `abandon`."""

    result: UploadResult
    puts: dict[str, tuple[Reservation, Future[float]]] = field(default_factory=dict)

    @property
    def contents(self) -> frozenset[str]:
        """SHA-256 of the files that are being put: known once this batch is committed."""
        return frozenset(self.puts)

    @property
    def are_running(self) -> bool:
        return not all(future.done() for _, future in self.puts.values())

    def wait(self) -> UploadResult:
        """
        Wait until every put has ended.

        A file that can no longer be read is refused, and the batch goes on without it. A file for
        which the store has no room is left out. Any other error, such as a store that fails,
        releases all reservations of the batch and is raised.
        """
        wait(future for _, future in self.puts.values())
        unused: list[Reservation] = []
        try:
            for sha256, (reservation, future) in self.puts.items():
                try:
                    self.result.seconds[sha256] = future.result()
                    self.result.put[sha256] = reservation
                except (FileRefused, FileChanged) as error:
                    self.result.refused[sha256] = error
                    unused.append(reservation)
                except StoreFull as full:
                    self.result.full = full
                    unused.append(reservation)
        except BaseException:
            self.abandon()
            raise
        services.release_many(unused)
        return self.result

    def abandon(self) -> None:
        """Give all reservations back; first wait, since a running put still needs its own."""
        wait(future for _, future in self.puts.values())
        services.release_many([reservation for reservation, _ in self.puts.values()])


def known_contents(stored: Mapping[str, StoredContent]) -> set[str]:
    """SHA-256 of the contents that need no upload: in good order as far as is known."""
    return _known_and_lost(stored)[0]


def _known_and_lost(stored: Mapping[str, StoredContent]) -> tuple[set[str], frozenset[str]]:
    """SHA-256 of the known contents, and keys of those that were stored and are not any more."""
    if not stored:
        return set(), frozenset()
    keys_stored = frozenset(content.key for content in stored.values())
    sound = in_good_order(keys_stored)
    known = {sha256 for sha256, content in stored.items() if content.key in sound}
    return known, keys_stored - sound


def object_key(tenant: Tenant, blob: Blob) -> str:
    return keys.media(tenant_id=tenant.pk, sha256=blob.sha256, mime=blob.metadata.mime)


def start_uploads(
    source: Source,
    *,
    tenant: Tenant,
    blobs: Sequence[Blob],
    stored: Mapping[str, StoredContent],
    kept: KeptFiles,
    pool: Executor,
    pending: frozenset[str] = frozenset(),
    now: datetime,
) -> PendingUploads:
    """
    Reserve room for the new contents and start to put them.

    `stored` are the contents that the plan found, by SHA-256. `kept` are files that need not be
    opened again; afterwards it holds none. `pending` are
    contents of the batch before, which is committed first: they count as known.
    """
    distinct = {blob.sha256: blob for blob in blobs}
    sound, lost = _known_and_lost(stored)
    known = sound | (pending & distinct.keys())
    uploads = PendingUploads(UploadResult(known=known, again=lost))
    new = [blob for sha256, blob in distinct.items() if sha256 not in known]
    if not new:
        kept.forget()
        return uploads
    requests = [
        services.ReservationRequest(key=object_key(tenant, b), size_bytes=b.size_bytes) for b in new
    ]
    # One call for the whole batch: every reservation waits for the lock of the one bucket.
    answers = services.reserve_many(
        tenant=tenant, content_type=ContentType.MEDIA, requests=requests, now=now
    )
    for blob, answer in zip(new, answers, strict=True):
        if isinstance(answer, Reservation):
            content = kept.take(blob.sha256)
            put = pool.submit(carried(_put), source, blob, answer, content)
            uploads.puts[blob.sha256] = answer, put
        else:
            uploads.result.refused[blob.sha256] = answer
    kept.forget()
    return uploads


def _put(
    source: Source, blob: Blob, reservation: Reservation, content: HashedBytes | None
) -> float:
    """
    Put a file, its `content` where that was kept; return how many seconds it took.

    Raises FileChanged, also where it has grown.
    """
    began = time.monotonic()
    changed = FileChanged(f"{blob.path} was changed while it was being imported; import again")
    try:
        with about(sha256=blob.sha256), content or source.open(blob.path) as file:
            receipt = get_store().put(reservation, file, mime=blob.metadata.mime)
    except MoreThanReserved as grown:
        raise changed from grown
    if receipt.sha256 != blob.sha256:
        raise changed
    return time.monotonic() - began
