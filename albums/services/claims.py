"""Who assembles an album now: a lease in its row, taken by conditional updates."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from albums.models import AlbumStatus, MediaGroup
from events.postgresql.prepared import Prepared
from events.workers import liveness

CLAIM = timedelta(minutes=9)
"""
How long an assembly may take, a store that hangs included, before another worker may try. The claim of a worker that is gone
ends at once (`release_claims_of_gone_workers`).
"""


def claim(group: MediaGroup, *, now: datetime) -> bool:
    """Claim the album by a conditional update: of several workers one changes the row."""
    claimed = MediaGroup.objects.filter(_free(now), pk=group.pk, content_hash=group.content_hash)
    group.claimed_until, group.claimed_by = now + CLAIM, liveness.worker_id()
    return claimed.update(claimed_until=group.claimed_until, claimed_by=group.claimed_by) == 1


def release(group: MediaGroup) -> None:
    # Only the claim with our own time: one that ran out may be another worker's by now.
    ours = MediaGroup.objects.filter(pk=group.pk, claimed_until=group.claimed_until)
    ours.update(claimed_until=None, claimed_by=None)


def reopen(group: MediaGroup, *, now: datetime) -> bool:
    """Let an assembled album wait again, from now on; False where it is claimed or has changed."""
    same = MediaGroup.objects.filter(_free(now), pk=group.pk, version=group.version)
    return same.update(status=AlbumStatus.WAITING, updated_at=now) == 1


def release_claims_of_gone_workers(**_: object) -> int:
    """Free the albums that workers which are gone were assembling; every worker calls it often."""
    gone = [worker for (worker,) in _HOLDERS.rows() if liveness.is_gone(worker)]
    claimed = MediaGroup.objects.filter(claimed_by__in=gone)
    return claimed.update(claimed_until=None, claimed_by=None) if gone else 0


def _holders() -> QuerySet[MediaGroup, Any]:
    claimed = MediaGroup.objects.filter(claimed_by__isnull=False)
    return claimed.order_by().values_list("claimed_by").distinct()


_HOLDERS = Prepared(_holders)


def _free(now: datetime) -> Q:
    return Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
