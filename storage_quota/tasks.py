"""Queue entry points."""

import time
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from events.sentences import Sentence, gettext_noop
from storage_quota import cleanup, services
from storage_quota.cleanup import lifecycle
from storage_quota.integrity import health
from storage_quota.integrity.compare_ledger_and_bucket import CheckOptions
from storage_quota.integrity.errors import CANNOT_CHECK
from storage_quota.integrity.verify import VerifyRequest, purge, verify
from storage_quota.object_store import get_store, survey
from storage_quota.object_store.errors import OUT_OF_ORDER
from storage_quota.object_store.factory import where
from storage_quota.reservations.release import ReleaseResult
from storage_quota.reserve import RESERVATION_TTL

TIME_BOX = timedelta(minutes=5)
"""How long a cleanup task runs before another goes on: django-q2 kills one after fifteen minutes."""
VERIFY_SECONDS: Final = 300.0
"""How long one run of the check takes; the next run goes on where it stopped."""

_RELEASED = Sentence(gettext_noop("cleared %(cleared)s, left %(left)s"))
_ABORTED = Sentence(gettext_noop("%(count)s uploads aborted"))
_GOING_ON = Sentence(gettext_noop("going on, %(count)s problems"))
_COMPLETE = Sentence(gettext_noop("complete, %(count)s problems"))
_NOT_DUE = Sentence(gettext_noop("not due"))
_NOT_DONE = Sentence(gettext_noop("the check could not be done"))
_PURGED = Sentence(gettext_noop("%(count)s deleted after quarantine"))


def release_expired(**_: Any) -> str:
    """
    Release reservations whose workers were killed; scheduled every few minutes.

    Also enqueues a cleanup while usage is at the emergency threshold.
    """
    now = timezone.now()
    released = services.release_expired(now=now)
    cleanup.ring_if_due()
    try:
        aborted = services.abort_uploads(before=now - 2 * RESERVATION_TTL)
    except OUT_OF_ORDER as exc:  # the next run looks again
        return f"{_done(released)}; {exc}"
    return f"{_done(released)}; {_ABORTED % {'count': aborted}}"


def _done(released: ReleaseResult) -> str:
    return _RELEASED % {"cleared": released.cleared, "left": released.remaining}


def emergency_cleanup(*, going_on: bool = False, **_: Any) -> str:
    """Free space; enqueued when usage crosses the emergency threshold, and scheduled."""
    return cleanup.clean_up_in_background(now=timezone.now(), time_box=TIME_BOX, going_on=going_on)


def sweep_lifecycle(**_: Any) -> str:
    """Delete objects whose lifetime is over; scheduled daily."""
    return lifecycle.sweep_in_background(now=timezone.now(), time_box=TIME_BOX)


def verify_storage(**_: Any) -> str:
    """
    Go on with the weekly check if it is due, then delete orphans whose quarantine is over.

    Also looks daily at the bucket's server: what it lacks, and whether it keeps old versions.

    Scheduled every hour: a large bucket takes several runs, and a run in which the store did not
    answer is repeated. Repairs are made only when a person asks for them.
    """
    now = timezone.now()
    options = CheckOptions(now=now, until=time.monotonic() + VERIFY_SECONDS)
    try:
        if health.is_due(now=now):
            report = verify(get_store(), request=VerifyRequest(), options=options)
            state = _COMPLETE if report.complete else _GOING_ON
            found = state % {"count": report.unresolved}
        else:
            found = _NOT_DUE % {}
        if survey.is_due(where(), now=now):
            survey.take(get_store(), where(), now=now)
        purged = purge(get_store(), options=options)
    except CANNOT_CHECK as failure:
        return f"{_NOT_DONE % {}}: {failure}"[:200]
    return f"{found}; {_PURGED % {'count': purged}}"
