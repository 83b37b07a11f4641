"""Queue entry points."""

import time
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from storage_quota import cleanup, services
from storage_quota.cleanup import lifecycle
from storage_quota.integrity import health
from storage_quota.integrity.check import Terms
from storage_quota.integrity.errors import CANNOT_CHECK
from storage_quota.integrity.verify import Wishes, purge, verify
from storage_quota.object_store import get_store
from storage_quota.object_store.port import OUT_OF_ORDER
from storage_quota.reserve import RESERVATION_TTL

TIME_BOX = timedelta(minutes=5)
"""After which a cleanup goes on in another task: django-q2 ends one after ten minutes."""
VERIFY_SECONDS: Final = 300.0
"""One run of the check; the next goes on from there."""


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


def verify_storage(**_: Any) -> str:
    """
    A few minutes of the weekly round, if one is due, and of deleting what served quarantine.

    Scheduled every hour: a big bucket takes several runs, and a store that was away is asked
    again. Nothing is repaired without a person who says so.
    """
    now = timezone.now()
    terms = Terms(now=now, until=time.monotonic() + VERIFY_SECONDS)
    try:
        if health.is_due(now=now):
            report = verify(get_store(), wishes=Wishes(), terms=terms)
            found = f"{'complete' if report.complete else 'going on'}, {report.unresolved} problems"
        else:
            found = "not due"
        purged = purge(get_store(), terms=terms)
    except CANNOT_CHECK as failure:
        return f"could not be done: {failure}"[:200]
    return f"{found}, {purged} deleted after quarantine"
