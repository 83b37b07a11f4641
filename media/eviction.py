"""Media that cleanup may evict: what no post shows, the least recently used first."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime

from events.postgresql import keyset
from media.models import MediaObject
from storage_quota import cleanup
from storage_quota.cleanup import Candidate, Step
from storage_quota.models import ContentType, Reservation, StoredObject
from storage_quota.services import forget

PAGE = 1000


class UnusedMedia:
    """
    Media objects with `refs_count = 0`, a figure that a trigger keeps; one that a post shows is
    never offered, however old. An object is used when it is imported again or read.
    """

    def candidates(self, *, before: datetime) -> Iterator[Candidate]:
        for candidate in _by_last_use(_by_last_sight(before)):
            if candidate.used_at > before:
                return
            yield candidate

    def evict(self, candidates: Sequence[Candidate], *, now: datetime) -> list[Reservation]:
        """
        Delete the rows first, then the ledger's, in the order in which an import locks them.

        An import that knows a content locks its row until the post that shows it is written:
        such a row is skipped. An import that comes later finds no row and stores the file anew.
        """
        rows = MediaObject.objects.filter(pk__in=[v.ref for v in candidates], refs_count=0)
        mine = {
            row.pk: row.s3_key for row in rows.order_by("id").select_for_update(skip_locked=True)
        }
        MediaObject.objects.filter(pk__in=mine).delete()
        return forget(mine.values(), now=now)


def _by_last_use(seen: Iterator[tuple[datetime, Candidate]]) -> Iterator[Candidate]:
    """Blobs come in the order they were seen; those that were read later wait for their turn."""
    waiting: list[tuple[datetime, str, Candidate]] = []
    for seen_at, candidate in seen:
        while waiting and waiting[0][0] <= seen_at:
            yield heapq.heappop(waiting)[-1]
        heapq.heappush(waiting, (candidate.used_at, candidate.ref, candidate))
    while waiting:
        yield heapq.heappop(waiting)[-1]


def _by_last_sight(before: datetime) -> Iterator[tuple[datetime, Candidate]]:
    rows = MediaObject.objects.filter(refs_count=0, last_seen_at__lte=before)
    slim = rows.only("tenant_id", "s3_key", "last_seen_at")
    for page in keyset.pages(slim, "last_seen_at", "id", size=PAGE):
        yield from _candidates(page)


def _candidates(page: Sequence[MediaObject]) -> Iterator[tuple[datetime, Candidate]]:
    ledger = StoredObject.objects.only("size_bytes", "last_read_at")
    stored = ledger.in_bulk([row.s3_key for row in page])
    for row in page:
        entry = stored.get(row.s3_key)
        read_at = entry.last_read_at if entry else None
        yield (
            row.last_seen_at,
            Candidate(
                step=Step.MEDIA,
                key=row.s3_key,
                tenant_id=row.tenant_id,
                content_type=ContentType.MEDIA,
                size_bytes=entry.size_bytes if entry else 0,
                used_at=max(row.last_seen_at, read_at or row.last_seen_at),
                ref=str(row.pk),
            ),
        )


cleanup.register(ContentType.MEDIA, UnusedMedia())
