"""The record of a check in the database: begun, continued, finished or failed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F

from events.postgresql import advisory_locks
from storage_quota.integrity.comparison.differences import Difference, PageComparison, is_key
from storage_quota.integrity.comparison.merge_join import Pair
from storage_quota.integrity.comparison.sample import Sample
from storage_quota.integrity.errors import CheckRunning
from storage_quota.integrity.orphans import records
from storage_quota.models import DifferenceKind, IntegrityCheck, IntegrityFinding
from storage_quota.models.integrity import CheckState

DEFAULT_PERCENT: Final = 5.0
KEPT: Final = 26
"""Finished checks that are kept with their differences: half a year of weeks."""

LOCK: Final = "storage_quota.integrity_check"
"""Name of the advisory lock that a running check holds."""


@contextmanager
def only_one() -> Iterator[None]:
    """Run one check at a time, over all hosts, or raise CheckRunning."""
    with advisory_locks.try_held(LOCK) as mine:
        if not mine:
            raise CheckRunning
        yield


def open_check(*, percent: float | None, now: datetime) -> IntegrityCheck:
    """
    Return the unfinished check, or begin one.

    If `percent` differs from that of the unfinished check, a new one replaces it.
    """
    unfinished = IntegrityCheck.objects.filter(finished_at__isnull=True).first()
    if unfinished and percent in {None, unfinished.sample_percent}:
        IntegrityCheck.objects.filter(pk=unfinished.pk).update(worked_at=now)
        return unfinished
    with transaction.atomic():
        if unfinished:
            unfinished.delete()
        return IntegrityCheck.objects.create(
            started_at=now,
            worked_at=now,
            sample_percent=DEFAULT_PERCENT if percent is None else percent,
            sample_from=_next_start(),
        )


def sample_of(check: IntegrityCheck) -> Sample:
    return Sample(check.sample_percent, check.sample_from)


def cursor_at(key: str) -> str:
    """
    Spell any key, also a stranger's, so that the database takes it and `position` finds it again.

    A key of ours has no backslash, so one at the beginning says that the rest is escaped.
    """
    return key if is_key(key) else "\\" + key.encode("unicode_escape").decode("ascii")


def position(check: IntegrityCheck) -> str:
    """The last key that was compared; empty before the first."""
    cursor = check.cursor
    return cursor[1:].encode().decode("unicode_escape") if cursor.startswith("\\") else cursor


def advance(
    check: IntegrityCheck,
    page: Sequence[Pair],
    comparison: PageComparison,
    *,
    reported: list[Difference],
    seconds: float,
    now: datetime,
) -> None:
    """Record a page's differences and that it was compared."""
    # One transaction: after a kill the page is compared again, and none of it is recorded twice.
    with transaction.atomic():
        _record(check, reported, now=now)
        IntegrityCheck.objects.filter(pk=check.pk).update(
            state=CheckState.OPEN,
            reason="",
            cursor=cursor_at(page[-1].key),
            entries=F("entries") + sum(pair.entry is not None for pair in page),
            objects_listed=F("objects_listed") + sum(pair.info is not None for pair in page),
            too_young=F("too_young") + comparison.too_young,
            objects_read=F("objects_read") + comparison.objects_read,
            bytes_read=F("bytes_read") + comparison.bytes_read,
            seconds=F("seconds") + seconds,
        )
    check.refresh_from_db()


def finish(check: IntegrityCheck, found: list[Difference], *, now: datetime) -> None:
    """Record the last differences, and delete the oldest checks."""
    with transaction.atomic():
        _record(check, found, now=now)
        IntegrityCheck.objects.filter(pk=check.pk).update(
            state=CheckState.DONE, reason="", finished_at=now
        )
        done = IntegrityCheck.objects.filter(finished_at__isnull=False)
        kept = done.order_by("-finished_at", "-id").values_list("pk", flat=True)[:KEPT]
        done.exclude(pk__in=list(kept)).delete()
    check.refresh_from_db()


def fail(check: IntegrityCheck, reason: str) -> None:
    """Record why the check could not go on; it stays unfinished, and the console shows why."""
    IntegrityCheck.objects.filter(pk=check.pk).update(state=CheckState.FAILED, reason=reason[:500])
    check.refresh_from_db()


def _next_start() -> int:
    last = IntegrityCheck.objects.order_by("-id").first()
    return sample_of(last).next_start() if last else 0


def _record(check: IntegrityCheck, found: list[Difference], *, now: datetime) -> None:
    IntegrityFinding.objects.bulk_create(
        [
            IntegrityFinding(
                check_run=check,
                kind=DifferenceKind(difference.kind),
                key=records.shown(difference.key),
                expected=difference.expected,
                found=difference.found,
                found_at=now,
            )
            for difference in found
        ]
    )
