"""Media that cleanup may evict: what no post shows, the least recently used first."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from media.models import MediaObject
from storage_quota import cleanup
from storage_quota.cleanup import Step, Victim
from storage_quota.models import ContentType, Reservation, StoredObject
from storage_quota.services import forget

PAGE = 1000


class UnusedMedia:
    """
    Media objects with `refs_count = 0`, a figure that a trigger keeps; one that a post shows is
    never offered, however old. An object is used when it is imported again or read.
    """

    def victims(self, *, before: datetime) -> Iterator[Victim]:
        for victim in _by_last_use(_by_last_sight(before)):
            if victim.used_at > before:
                return
            yield victim

    def let_go(self, victims: Sequence[Victim], *, now: datetime) -> list[Reservation]:
        """
        Delete the rows first, then the ledger's, in the order in which an import locks them.

        An import that knows a content locks its row until the post that shows it is written:
        such a row is skipped. An import that comes later finds no row and stores the file anew.
        """
        rows = MediaObject.objects.filter(pk__in=[v.ref for v in victims], refs_count=0)
        mine = {
            row.pk: row.s3_key for row in rows.order_by("id").select_for_update(skip_locked=True)
        }
        MediaObject.objects.filter(pk__in=mine).delete()
        return forget(mine.values(), now=now)


def _by_last_use(seen: Iterator[tuple[datetime, Victim]]) -> Iterator[Victim]:
    """Blobs come in the order they were seen; those that were read later wait for their turn."""
    waiting: list[tuple[datetime, str, Victim]] = []
    for seen_at, victim in seen:
        while waiting and waiting[0][0] <= seen_at:
            yield heapq.heappop(waiting)[-1]
        heapq.heappush(waiting, (victim.used_at, victim.ref, victim))
    while waiting:
        yield heapq.heappop(waiting)[-1]


def _by_last_sight(before: datetime) -> Iterator[tuple[datetime, Victim]]:
    rows = MediaObject.objects.filter(refs_count=0, last_seen_at__lte=before)
    page = _page(rows)
    while page:
        yield from _victims(page)
        last = page[-1]
        later = Q(last_seen_at__gt=last.last_seen_at) | Q(pk__gt=last.pk)
        page = _page(rows.filter(later, last_seen_at__gte=last.last_seen_at))


def _page(rows: QuerySet[MediaObject]) -> list[MediaObject]:
    columns = ("tenant_id", "s3_key", "last_seen_at")
    return list(rows.order_by("last_seen_at", "id").only(*columns)[:PAGE])


def _victims(page: Sequence[MediaObject]) -> Iterator[tuple[datetime, Victim]]:
    ledger = StoredObject.objects.only("size_bytes", "last_read_at")
    stored = ledger.in_bulk([row.s3_key for row in page])
    for row in page:
        entry = stored.get(row.s3_key)
        read_at = entry.last_read_at if entry else None
        yield (
            row.last_seen_at,
            Victim(
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
