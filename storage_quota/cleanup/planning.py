"""Which objects would go, and in which order. Nothing here changes anything."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.conf import settings

from storage_quota import selectors
from storage_quota.cleanup import uploads
from storage_quota.cleanup.candidates import Plan, Step, Victim
from storage_quota.cleanup.evictors import evictor_of

PLAN_VICTIMS: Final = 50_000
"""Of one plan, some 25 MB. A run that needs more plans again."""


@dataclass(frozen=True, slots=True)
class Round:
    """One step, and how long its objects are spared."""

    step: Step
    older_than: timedelta


EMERGENCY: Final = (
    Round(Step.CRAWL, timedelta(days=3)),
    Round(Step.VISION, timedelta(days=7)),
    Round(Step.MEDIA, timedelta()),
)
"""The order of the seeds (CONTRACT §7.6); the unfinished uploads come after these."""


def emergency_rounds() -> tuple[Round, ...]:
    return (*EMERGENCY, Round(Step.MULTIPART, settings.CLEANUP.abort_uploads_after))


def plan(*, target_bytes: int, now: datetime, rounds: Sequence[Round] | None = None) -> Plan:
    """
    What would go to get usage down to `target_bytes`: cheapest losses first, no more than needed.

    Usage is what the limits count, promises included. Raises where the store cannot list
    its unfinished uploads, which is asked only if all else does not suffice.
    """
    current = selectors.taken_in_all()
    found = _victims(emergency_rounds() if rounds is None else rounds, now=now)
    return _filled(current, target_bytes, _enough(found, current - target_bytes))


def plan_overdue(*, rounds: Sequence[Round], now: datetime) -> Plan:
    """Everything whose time is over, whether or not room is needed."""
    return _filled(selectors.taken_in_all(), None, _victims(rounds, now=now))


def _victims(rounds: Iterable[Round], *, now: datetime) -> Iterator[Victim]:
    for each in rounds:
        before = now - each.older_than
        if each.step is Step.MULTIPART:
            yield from uploads.victims(before=before)
        else:
            yield from evictor_of(each.step).victims(before=before)


def _enough(victims: Iterator[Victim], needed_bytes: int) -> Iterator[Victim]:
    while needed_bytes > 0 and (victim := next(victims, None)):
        needed_bytes -= victim.size_bytes
        yield victim


def _filled(current: int, target: int | None, victims: Iterator[Victim]) -> Plan:
    chosen = tuple(islice(victims, PLAN_VICTIMS))
    return Plan(current, target, chosen, more=next(victims, None) is not None)
