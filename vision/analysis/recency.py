"""Recent posts and backfill: the one rule that tells them apart."""

from datetime import datetime

from django.conf import settings


def is_recent_post(posted_at: datetime | None, *, at: datetime) -> bool:
    """
    Whether the post was at most VISION_LIVE_HOURS old when it came in, or of unknown age.

    Older posts (backfill, as from an import) are analyzed beside recent ones, never before them.
    """
    if posted_at is None:
        return True
    hours: float = settings.VISION.vision_live_hours
    return (at - posted_at).total_seconds() <= hours * 3600
