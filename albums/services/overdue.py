"""Assemble the albums whose missing items have been awaited for too long."""

import logging
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from albums.models import AlbumStatus, MediaGroup, MediaGroupItem
from albums.services.assemble import assemble_album
from events.errors import RetryLater
from events.logs import trace
from vision.models import EnrichmentKind

logger = logging.getLogger(__name__)

BATCH = 100


def assemble_overdue(*, timeout: timedelta, now: datetime) -> int:
    """Assemble albums without progress for `timeout` as they are; return how many were."""
    stuck = without_progress(timeout=timeout, now=now).order_by("updated_at")
    return sum(_assemble_late(pk, now=now) for pk in stuck.values_list("pk", flat=True)[:BATCH])


def without_progress(*, timeout: timedelta, now: datetime) -> QuerySet[MediaGroup]:
    """Select the albums that wait and to which nothing has come for `timeout`."""
    recent = MediaGroupItem.objects.filter(
        group=OuterRef("pk"),
        post__enrichments__kind=EnrichmentKind.VISION,
        post__enrichments__updated_at__gt=now - timeout,
    )
    return MediaGroup.objects.filter(
        ~Exists(recent), status=AlbumStatus.WAITING, updated_at__lte=now - timeout
    )


def _assemble_late(group_id: int, *, now: datetime) -> bool:
    """Assemble one album; False where that is not possible now, so that the others go on."""
    try:
        with trace.use(f"overdue-album:{group_id}"):
            assemble_album(group_id=group_id, now=now, overdue=True)
    except RetryLater as wait:
        logger.info("overdue album %s: %s", group_id, wait)
        return False
    return True
