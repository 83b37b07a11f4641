"""A round over the bucket and what it found so far: begun, gone on with, finished."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import F

from storage_quota.integrity import orphans
from storage_quota.integrity.compare import Found, Judgment, is_key
from storage_quota.integrity.errors import CheckRunning
from storage_quota.integrity.merge_join import Pair
from storage_quota.integrity.sample import Sample
from storage_quota.models import Finding, IntegrityCheck, IntegrityFinding
from storage_quota.models.integrity import CheckState

DEFAULT_PERCENT: Final = 5.0
KEPT: Final = 26
"""Finished rounds whose findings stay readable: half a year of weeks."""

_LOCK: Final = 0x5B0C4E8
"""Number of the advisory lock; any number that nobody else uses."""


@contextmanager
def only_one() -> Iterator[None]:
    """One check at a time, over all hosts. The lock ends with its process, however that ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            raise CheckRunning
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def open_round(*, percent: float | None, now: datetime) -> IntegrityCheck:
    """
    The unfinished round, or a new one.

    Asking for another sample than the unfinished round has begins a new one instead of it.
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


def advance(
    check: IntegrityCheck, page: Sequence[Pair], judgment: Judgment, *, heard: list[Found],
    seconds: float, now: datetime,
) -> None:  # fmt: skip
    """One transaction: what a page showed and that it was looked at. A kill repeats one page."""
    with transaction.atomic():
        _write_down(check, heard, now=now)
        IntegrityCheck.objects.filter(pk=check.pk).update(
            state=CheckState.OPEN,
            reason="",
            cursor=next((pair.key for pair in reversed(page) if is_key(pair.key)), check.cursor),
            entries=F("entries") + sum(pair.line is not None for pair in page),
            objects_listed=F("objects_listed") + sum(pair.info is not None for pair in page),
            objects_read=F("objects_read") + judgment.objects_read,
            bytes_read=F("bytes_read") + judgment.bytes_read,
            seconds=F("seconds") + seconds,
        )
    check.refresh_from_db()


def finish(check: IntegrityCheck, found: list[Found], *, now: datetime) -> None:
    with transaction.atomic():
        _write_down(check, found, now=now)
        IntegrityCheck.objects.filter(pk=check.pk).update(
            state=CheckState.DONE, reason="", finished_at=now
        )
        done = IntegrityCheck.objects.filter(finished_at__isnull=False)
        kept = done.order_by("-finished_at", "-id").values_list("pk", flat=True)[:KEPT]
        done.exclude(pk__in=list(kept)).delete()
    check.refresh_from_db()


def fail(check: IntegrityCheck, reason: str) -> None:
    """The round stays unfinished; the console says why."""
    IntegrityCheck.objects.filter(pk=check.pk).update(state=CheckState.FAILED, reason=reason[:500])
    check.refresh_from_db()


def _next_start() -> int:
    last = IntegrityCheck.objects.order_by("-id").first()
    return sample_of(last).next_start() if last else 0


def _write_down(check: IntegrityCheck, found: list[Found], *, now: datetime) -> None:
    IntegrityFinding.objects.bulk_create(
        [
            IntegrityFinding(
                check_run=check,
                kind=Finding(one.kind),
                key=orphans.shown(one.key),
                expected=one.expected,
                found=one.found,
                found_at=now,
            )
            for one in found
        ],
        ignore_conflicts=True,  # a page that was looked at twice
    )
