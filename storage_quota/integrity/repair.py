"""
Repairing the differences that a check found; each is examined again just before.

What the bucket keeps as an old version is restored. Else the ledger follows the bucket: missing objects leave the ledger, sizes are corrected, unknown
objects go into quarantine. Objects are deleted in two cases only: an expired reservation that
never ended is released, and the quarantine of an orphan is over. Unknown analyses of pictures are
entered into the ledger instead, since they may have been paid for: a database that was restored
from an older dump does not know those made since, and finds them again by their pictures.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from events.postgresql import keyset
from storage_quota import cleanup, keys, ledger
from storage_quota.hooks import Loss, notify
from storage_quota.integrity import marker, restoration
from storage_quota.integrity.compare_ledger_and_bucket import CheckOptions
from storage_quota.integrity.comparison import ledger_sums, reading
from storage_quota.integrity.comparison.differences import is_key
from storage_quota.integrity.comparison.merge_join import LedgerEntry
from storage_quota.integrity.comparison.sample import expected_digest
from storage_quota.integrity.errors import MarkerMissing, TooMuchMissing
from storage_quota.integrity.orphans import adoption, quarantine, records
from storage_quota.models import (
    ContentType,
    DifferenceKind,
    IntegrityCheck,
    IntegrityFinding,
    RepairOutcome,
    Reservation,
    StoredObject,
)
from storage_quota.object_store.port import ObjectStore
from storage_quota.reservations import release
from storage_quota.reservations.locks import lock_reservations
from storage_quota.reserve import QuotaExceeded

logger = logging.getLogger(__name__)

MAX_MISSING_PERCENT: Final = 5.0
FEW_MISSING: Final = 10
"""Fewer missing objects than this are no reason to refuse, however small the archive is."""

_PAGE: Final = 500


@dataclass(slots=True)
class RepairResult:
    """Counts repaired differences by outcome; `remaining` ones are in use, foreign or postponed."""

    outcomes: Counter[str] = field(default_factory=Counter)
    remaining: int = 0
    purged: int = 0


def refuse_if_too_much_is_missing(check: IntegrityCheck, *, percent: float) -> None:
    """Raise TooMuchMissing if a repair would empty the ledger; counts the whole check."""
    missing = check.findings.filter(kind=DifferenceKind.MISSING).count()
    if missing >= FEW_MISSING and missing * 100 > check.entries * percent:
        raise TooMuchMissing(missing=missing, entries=check.entries, percent=percent)


def unresolved(check: IntegrityCheck) -> Iterator[IntegrityFinding]:
    """
    Read unresolved differences, page by page, since they are being resolved meanwhile.

    Wrong sums come first: repairing entries changes the sums, and a sum that is too small would
    fall below zero.
    """
    findings = check.findings.filter(outcome="")
    yield from _paged(findings.filter(kind=DifferenceKind.USAGE_DRIFT))
    yield from _paged(findings.exclude(kind=DifferenceKind.USAGE_DRIFT))


def run(
    store: ObjectStore,
    check: IntegrityCheck,
    *,
    options: CheckOptions,
    max_missing_percent: float = MAX_MISSING_PERCENT,
    on_repair: Callable[[], None] = lambda: None,
) -> RepairResult:
    """
    Repair the differences of a finished check, then delete orphans whose quarantine is over.

    Raises TooMuchMissing before anything is changed, and the errors of the store. May be killed
    and repeated at any point.
    """
    refuse_if_too_much_is_missing(check, percent=max_missing_percent)
    result = RepairResult()
    for finding in unresolved(check):
        outcome = (
            None
            if options.is_over
            else _REPAIRS[DifferenceKind(finding.kind)](store, finding, options)
        )
        if outcome is None:
            result.remaining += 1
            continue
        result.outcomes[outcome] += 1
        IntegrityFinding.objects.filter(pk=finding.pk).update(
            outcome=outcome, resolved_at=options.now
        )
        on_repair()
    if not options.is_over:
        result.purged = quarantine.purge(store, now=options.now)
    return result


def preview(check: IntegrityCheck) -> Counter[str]:
    """Count what `run` would do, if all differences still exist then."""
    would: Counter[str] = Counter()
    tenants = records.known_tenants()
    for finding in unresolved(check):
        would[_usual_outcome(finding, tenants)] += 1
    return would


def _usual_outcome(finding: IntegrityFinding, tenants: AbstractSet[UUID]) -> str:
    if finding.kind != DifferenceKind.ORPHANED:
        return _USUAL_OUTCOMES[DifferenceKind(finding.kind)]
    if records.is_foreign(finding.key, tenants):
        return "left"
    return RepairOutcome.ADOPTED if _is_analysis(finding.key) else RepairOutcome.QUARANTINED


def _paged(findings: QuerySet[IntegrityFinding]) -> Iterator[IntegrityFinding]:
    for page in keyset.pages(findings, "pk", size=_PAGE):
        yield from page


def _forget(
    store: ObjectStore, finding: IntegrityFinding, options: CheckOptions
) -> RepairOutcome | None:
    """A missing object: delete its entry, and notify the listeners for lost objects."""
    entry = StoredObject.objects.filter(pk=finding.key).first()
    if entry is None or store.head(finding.key) is not None:
        return RepairOutcome.RIGHT
    if not marker.still_there(store):
        raise MarkerMissing("The bucket's marker disappeared during the repair")
    if entry.updated_at >= options.before:
        return None
    if restoration.restore(store, entry):
        return RepairOutcome.RESTORED
    with transaction.atomic():
        if lock_reservations([finding.key]):
            return None
        # Before the ledger is locked, see hooks; rolled back if the entry has changed.
        notify(Loss(entry.content_type, [entry.key]))
        if not ledger.remove_as_seen(entry, now=options.now):
            transaction.set_rollback(True)
            return None
        if (
            entry.content_type != ContentType.MEDIA
        ):  # media come back under the same key: links stay
            cleanup.drop_links(entry.content_type, [entry.key])
    return RepairOutcome.FORGOTTEN


def _correct(
    store: ObjectStore, finding: IntegrityFinding, options: CheckOptions
) -> RepairOutcome | None:
    """Wrong size or content: read the whole object, and enter what it is."""
    entry = StoredObject.objects.filter(pk=finding.key).first()
    content = reading.read(store, finding.key) if entry else None
    info = store.head(finding.key) if content else None
    if entry is None or content is None or info is None:
        return RepairOutcome.RIGHT  # it is missing now: the next check reports that
    expected = expected_digest(LedgerEntry(entry.key, entry.size_bytes, entry.sha256))
    damaged = bool(content.error) or (bool(expected) and content.sha256 != expected)
    if not damaged and info.size_bytes == entry.size_bytes:
        return RepairOutcome.RIGHT
    if entry.updated_at >= options.before or content.size_bytes != info.size_bytes:
        return None
    if restoration.restore(store, entry):
        return RepairOutcome.RESTORED
    if _enter(entry, content, damaged=damaged, options=options):
        return RepairOutcome.DAMAGED if damaged else RepairOutcome.CORRECTED
    return None


def _enter(
    entry: StoredObject, content: reading.ObjectContent, *, damaged: bool, options: CheckOptions
) -> bool:
    """Enter what the object is; False if its entry changed or its key is reserved."""
    with transaction.atomic():
        if lock_reservations([entry.key]):
            return False
        if damaged:
            notify(Loss(entry.content_type, [entry.key], damaged=True))
        if not ledger.correct_as_seen(
            entry,
            size_bytes=content.size_bytes,
            sha256=content.sha256,
            damaged=damaged,
            now=options.now,
        ):
            transaction.set_rollback(True)
            return False
    return True


def _keep_or_quarantine(
    store: ObjectStore, finding: IntegrityFinding, options: CheckOptions
) -> RepairOutcome | None:
    """An orphan, if it is old enough and nobody reserves its key: see the module."""
    key = finding.key
    if not is_key(key):
        return None
    info = store.head(key)
    if info is None or StoredObject.objects.filter(pk=key).exists():
        return RepairOutcome.RIGHT
    if info.modified_at >= options.before or Reservation.objects.filter(key=key).exists():
        return None
    records.note([info], tenants=records.known_tenants(), now=options.now)
    if _is_analysis(key):
        return _adopt(store, key, options)
    is_ours = quarantine.quarantine(key, until=options.now + options.grace)
    return RepairOutcome.QUARANTINED if is_ours else None


def _is_analysis(key: str) -> bool:
    owner = keys.owner(key)
    return owner is not None and owner[0] == ContentType.VISION


def _adopt(store: ObjectStore, key: str, options: CheckOptions) -> RepairOutcome | None:
    """Enter an analysis into the ledger; one that cannot be entered stays where it is."""
    try:
        adoption.adopt(store, key, now=options.now, by_hand=False)
    except (adoption.NotAdoptable, QuotaExceeded) as refusal:
        logger.warning("%s is kept, and not entered into the ledger: %s", key, refusal)
        return None
    return RepairOutcome.ADOPTED


def _recount(
    _: ObjectStore, finding: IntegrityFinding, options: CheckOptions
) -> RepairOutcome | None:
    moved = ledger.recount(ledger_sums.account_of(finding.key), now=options.now)
    return RepairOutcome.CORRECTED if moved else RepairOutcome.RIGHT


def _release(
    _: ObjectStore, finding: IntegrityFinding, options: CheckOptions
) -> RepairOutcome | None:
    """A reservation that never ended: release it."""
    leaked = Reservation.objects.filter(ledger_sums.leaked_before(options.before), key=finding.key)
    if not leaked.exists():
        return RepairOutcome.RIGHT
    # It begins with the oldest reservations, and these are among them.
    release.release_expired(now=options.now)
    return None if leaked.exists() else RepairOutcome.RELEASED


_REPAIRS: Final = {
    DifferenceKind.MISSING: _forget,
    DifferenceKind.ORPHANED: _keep_or_quarantine,
    DifferenceKind.WRONG_SIZE: _correct,
    DifferenceKind.WRONG_HASH: _correct,
    DifferenceKind.USAGE_DRIFT: _recount,
    DifferenceKind.LEAKED_RESERVATION: _release,
}
_USUAL_OUTCOMES: Final = {
    DifferenceKind.MISSING: RepairOutcome.FORGOTTEN,
    DifferenceKind.WRONG_SIZE: RepairOutcome.CORRECTED,
    DifferenceKind.WRONG_HASH: RepairOutcome.DAMAGED,
    DifferenceKind.USAGE_DRIFT: RepairOutcome.CORRECTED,
    DifferenceKind.LEAKED_RESERVATION: RepairOutcome.RELEASED,
}
