"""Choosing which objects to delete, and in which order. Nothing here changes anything."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.conf import settings

from storage_quota import selectors
from storage_quota.cleanup import uploads, versions
from storage_quota.cleanup.candidates import Candidate, CleanupPlan, Step
from storage_quota.cleanup.evictors import evictor_of
from storage_quota.object_store.errors import RightMissing
from storage_quota.object_store.port import OldVersion

PLAN_CANDIDATES: Final = 50_000
"""Candidates of one plan, some 25 MB of memory. A run that needs more plans again."""


@dataclass(frozen=True, slots=True)
class CleanupRule:
    """A step, and the age from which its objects are candidates."""

    step: Step
    older_than: timedelta


EMERGENCY: Final = (
    CleanupRule(Step.VERSIONS, timedelta()),
    CleanupRule(Step.CRAWL, timedelta(days=3)),
    CleanupRule(Step.VISION, timedelta(days=7)),
    CleanupRule(Step.MEDIA, timedelta()),
)
"""
The steps in the order of the seeds (CONTRACT §7.6), after old versions, which nobody can read in
the application. Unfinished uploads come last.
"""


def emergency_rules() -> tuple[CleanupRule, ...]:
    return (*EMERGENCY, CleanupRule(Step.MULTIPART, settings.CLEANUP.abort_uploads_after))


def plan(
    *, target_bytes: int, now: datetime, rules: Sequence[CleanupRule] | None = None
) -> CleanupPlan:
    """
    Choose what to delete to get usage down to `target_bytes`: no more than is needed.

    Usage is what the limits count, reservations included. Raises if the store cannot list its
    unfinished uploads; it is asked only if the other steps do not suffice.
    """
    current = selectors.taken_in_all()
    kept: list[OldVersion] = []
    found = _candidates(emergency_rules() if rules is None else rules, now=now, kept=kept)
    return _filled(current, target_bytes, _enough(found, current - target_bytes), kept)


def plan_overdue(*, rules: Sequence[CleanupRule], now: datetime) -> CleanupPlan:
    """Choose everything whose lifetime is over, whether or not space is needed."""
    kept: list[OldVersion] = []
    found = _candidates(rules, now=now, kept=kept)
    return _filled(selectors.taken_in_all(), None, found, kept)


def _candidates(
    rules: Sequence[CleanupRule], *, now: datetime, kept: list[OldVersion]
) -> Iterator[Candidate]:
    for rule in rules:
        before = now - rule.older_than
        if rule.step is Step.MULTIPART:
            # Where only their listing is denied, the other steps free space all the same.
            with suppress(*[RightMissing] if len(rules) > 1 else ()):
                yield from uploads.candidates(before=before)
        elif rule.step is Step.VERSIONS:
            yield from versions.candidates(before=before, kept=kept)
        else:
            yield from evictor_of(rule.step).candidates(before=before)


def _enough(candidates: Iterator[Candidate], needed_bytes: int) -> Iterator[Candidate]:
    while needed_bytes > 0 and (candidate := next(candidates, None)):
        needed_bytes -= candidate.size_bytes
        yield candidate


def _filled(
    current: int, target: int | None, candidates: Iterator[Candidate], kept: list[OldVersion]
) -> CleanupPlan:
    """Take what one plan holds; `kept` grows meanwhile."""
    chosen = tuple(islice(candidates, PLAN_CANDIDATES))
    more = next(candidates, None) is not None
    return CleanupPlan(current, target, chosen, more=more, kept_count=len(kept))
