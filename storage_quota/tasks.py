"""Queue entry points."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from storage_quota import cleanup, lifecycle, services
from storage_quota.object_store.port import OUT_OF_ORDER
from storage_quota.quota import RESERVATION_TTL

TIME_BOX = timedelta(minutes=5)
"""After which a cleanup goes on in another task: django-q2 ends one after ten minutes."""


def release_expired(**_: Any) -> str:
    """Clear promises whose workers never came back; scheduled every few minutes."""
    now = timezone.now()
    swept = services.release_expired(now=now)
    try:
        aborted = services.abort_uploads(before=now - 2 * RESERVATION_TTL)
    except OUT_OF_ORDER as exc:  # the next run looks again
        return f"cleared {swept.cleared}, left {swept.left}; {exc}"
    return f"cleared {swept.cleared}, left {swept.left}, {aborted} uploads aborted"


def emergency_cleanup(*, going_on: bool = False, **_: Any) -> str:
    """Rung for when the emergency threshold is crossed; also looks by itself every few hours."""
    return cleanup.clean_up_in_background(now=timezone.now(), time_box=TIME_BOX, going_on=going_on)


def sweep_lifecycle(**_: Any) -> str:
    """Delete what is over its time; scheduled daily."""
    return lifecycle.sweep_in_background(now=timezone.now(), time_box=TIME_BOX)
