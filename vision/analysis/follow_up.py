"""
What follows from a saved answer: whoever waited for the picture goes on.

It is a step of its own, since saving an answer does nothing else. `follow_up_due` says that it is
still to be done.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction

from vision.analysis import backlog
from vision.duplicates import hash_index
from vision.models import PaidAnalysis

FOLLOW_UP_TIMEOUT = timedelta(minutes=2)
"""After this, a saved answer that was not followed up counts as that of a killed worker."""


def follow_up(paid_analysis_id: int, *, now: datetime) -> None:
    """Do what follows from a saved answer: other posts that waited for it are analyzed anew."""
    if _stands_alone(paid_analysis_id, now=now):
        return
    with transaction.atomic():
        row = PaidAnalysis.objects.select_for_update().get(pk=paid_analysis_id)
        if not row.follow_up_due:
            return
        hash_index.stand_alone(tenant_id=row.tenant_id, sha256=row.sha256)
        if row.wait_reason:
            backlog.request_for_other_posts(row, besides=row.paid_by_id, now=now)
        row.wait_reason, row.follow_up_due = "", False
        row.save(update_fields=["wait_reason", "follow_up_due", "updated_at"])


def _stands_alone(paid_analysis_id: int, *, now: datetime) -> bool:
    """Follow up an answer that nothing else waited for, by one statement; False for any other."""
    with connection.cursor() as cursor:
        cursor.execute(_STAND_ALONE, {"id": paid_analysis_id, "now": now})
        return bool(cursor.fetchone()[0])


# What follow_up() does with `hash_index.stand_alone`, in the same order of locks.
_STAND_ALONE = """
    WITH done AS (
        UPDATE vision_picture_look SET follow_up_due = false, updated_at = %(now)s
        WHERE id = %(id)s AND follow_up_due AND wait_reason = ''
        RETURNING tenant_id, sha256
    ), alone AS (
        UPDATE picture_hashes AS hash SET same_as = '', distance = NULL
        FROM done
        WHERE hash.tenant_id = done.tenant_id AND hash.sha256 = done.sha256 AND hash.same_as <> ''
    )
    SELECT count(*) FROM done
"""


def finish_interrupted(*, now: datetime) -> int:
    """Follow up answers whose worker was killed right after it had saved them."""
    due = PaidAnalysis.objects.filter(follow_up_due=True, updated_at__lt=now - FOLLOW_UP_TIMEOUT)
    interrupted = list(due.values_list("pk", flat=True))
    for pk in interrupted:
        follow_up(pk, now=now)
    return len(interrupted)
