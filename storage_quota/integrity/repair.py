"""
Mending what a round found, each thing looked at again at that moment.

Books follow the bucket, never the other way round: what is missing leaves the books, sizes are
corrected, what nobody knows goes into quarantine. Only a promise that leaked, and an orphan
whose quarantine is over, make an object disappear.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from events import keyset
from storage_quota import cleanup, ledger
from storage_quota.hooks import Loss, tell
from storage_quota.integrity import ledger_check, marker, orphans, reading
from storage_quota.integrity.check import Terms
from storage_quota.integrity.compare import is_key
from storage_quota.integrity.errors import MarkerMissing, TooMuchMissing
from storage_quota.integrity.merge_join import Line
from storage_quota.integrity.sample import expected_digest
from storage_quota.models import (
    ContentType,
    Finding,
    IntegrityCheck,
    IntegrityFinding,
    Outcome,
    Reservation,
    StoredObject,
)
from storage_quota.object_store.port import ObjectStore
from storage_quota.reservations import release
from storage_quota.reservations.locks import lock_promises

MAX_MISSING_PERCENT: Final = 5.0
FEW_MISSING: Final = 10
"""So few may go missing from any archive, however small, without a doubt about the bucket."""

_PAGE: Final = 500


@dataclass(slots=True)
class Repairs:
    """What was done, by outcome; `left` is busy, foreign, or waits for the next run."""

    done: Counter[str] = field(default_factory=Counter)
    left: int = 0
    purged: int = 0


def refuse_if_too_much_is_missing(check: IntegrityCheck, *, percent: float) -> None:
    """TooMuchMissing if a repair would empty the books. Counts findings of the whole round."""
    missing = check.findings.filter(kind=Finding.MISSING).count()
    if missing >= FEW_MISSING and missing * 100 > check.entries * percent:
        raise TooMuchMissing(missing=missing, entries=check.entries, percent=percent)


def unresolved(check: IntegrityCheck) -> Iterator[IntegrityFinding]:
    """
    Wrong sums first: what is done about the entries moves the sums, which must not fall
    below zero by that. Page by page, since resolving goes on meanwhile.
    """
    findings = check.findings.filter(outcome="")
    yield from _paged(findings.filter(kind=Finding.USAGE_DRIFT))
    yield from _paged(findings.exclude(kind=Finding.USAGE_DRIFT))


def run(
    store: ObjectStore,
    check: IntegrityCheck,
    *,
    terms: Terms,
    max_missing_percent: float = MAX_MISSING_PERCENT,
    observe: Callable[[], None] = lambda: None,
) -> Repairs:
    """
    Mend the findings of a finished round, then delete what served its quarantine.

    Raises TooMuchMissing before anything is touched, or what the store raises. May be
    killed and repeated at any point.
    """
    refuse_if_too_much_is_missing(check, percent=max_missing_percent)
    repairs = Repairs()
    for finding in unresolved(check):
        outcome = None if terms.is_over else _MENDERS[Finding(finding.kind)](store, finding, terms)
        if outcome is None:
            repairs.left += 1
            continue
        repairs.done[outcome] += 1
        IntegrityFinding.objects.filter(pk=finding.pk).update(
            outcome=outcome, resolved_at=terms.now
        )
        observe()
    if not terms.is_over:
        repairs.purged = orphans.purge(store, now=terms.now)
    return repairs


def foretell(check: IntegrityCheck) -> Counter[str]:
    """What `run` would do about each finding, if it still is so then."""
    would: Counter[str] = Counter()
    tenants = orphans.known_tenants()
    for finding in unresolved(check):
        foreign = finding.kind == Finding.ORPHANED and orphans.is_foreign(finding.key, tenants)
        would["left" if foreign else _USUAL[Finding(finding.kind)]] += 1
    return would


def _paged(findings: QuerySet[IntegrityFinding]) -> Iterator[IntegrityFinding]:
    for page in keyset.pages(findings, "pk", size=_PAGE):
        yield from page


def _forget(store: ObjectStore, finding: IntegrityFinding, terms: Terms) -> Outcome | None:
    """A missing object: the entry goes, and whoever points to it is told."""
    entry = StoredObject.objects.filter(pk=finding.key).first()
    if entry is None or store.head(finding.key) is not None:
        return Outcome.RIGHT
    if not marker.still_there(store):
        raise MarkerMissing("The bucket's marker disappeared during the repair")
    if entry.updated_at >= terms.before:
        return None
    with transaction.atomic():
        if lock_promises([finding.key]):
            return None
        tell(Loss(entry.content_type, [entry.key]))
        if not ledger.remove_as_seen(entry, now=terms.now):
            transaction.set_rollback(True)
            return None
        if entry.content_type != ContentType.MEDIA:  # that comes back under the same key
            cleanup.drop_links(entry.content_type, [entry.key])
    return Outcome.FORGOTTEN


def _correct(store: ObjectStore, finding: IntegrityFinding, terms: Terms) -> Outcome | None:
    """Wrong size or content: read it whole, and enter what it is."""
    entry = StoredObject.objects.filter(pk=finding.key).first()
    content = reading.read(store, finding.key) if entry else None
    info = store.head(finding.key) if content else None
    if entry is None or content is None or info is None:
        return Outcome.RIGHT  # as far as this finding goes: it is missing, the next round says
    expected = expected_digest(Line(entry.key, entry.size_bytes, entry.sha256))
    damaged = bool(content.trouble) or (bool(expected) and content.sha256 != expected)
    if not damaged and info.size_bytes == entry.size_bytes:
        return Outcome.RIGHT
    if entry.updated_at >= terms.before or content.size_bytes != info.size_bytes:
        return None
    with transaction.atomic():
        if lock_promises([finding.key]):
            return None
        if damaged:
            tell(Loss(entry.content_type, [entry.key]))
        if not ledger.correct_as_seen(
            entry,
            size_bytes=info.size_bytes,
            sha256=content.sha256,
            damaged=damaged,
            now=terms.now,
        ):
            transaction.set_rollback(True)
            return None
    return Outcome.DAMAGED if damaged else Outcome.CORRECTED


def _quarantine(store: ObjectStore, finding: IntegrityFinding, terms: Terms) -> Outcome | None:
    """Still in the bucket, in no books, promised to nobody, and old enough."""
    key = finding.key
    if not is_key(key):
        return None
    info = store.head(key)
    if info is None or StoredObject.objects.filter(pk=key).exists():
        return Outcome.RIGHT
    if info.modified_at >= terms.before or Reservation.objects.filter(key=key).exists():
        return None
    orphans.note([info], tenants=orphans.known_tenants(), now=terms.now)
    is_ours = orphans.quarantine(key, until=terms.now + terms.grace)
    return Outcome.QUARANTINED if is_ours else None


def _recount(_: ObjectStore, finding: IntegrityFinding, terms: Terms) -> Outcome | None:
    moved = ledger.recount(ledger_check.account_of(finding.key), now=terms.now)
    return Outcome.CORRECTED if moved else Outcome.RIGHT


def _release(_: ObjectStore, finding: IntegrityFinding, terms: Terms) -> Outcome | None:
    """The sweep begins with the oldest, so these are the first it clears."""
    leaked = Reservation.objects.filter(ledger_check.leaked_before(terms.before), key=finding.key)
    if not leaked.exists():
        return Outcome.RIGHT
    release.release_expired(now=terms.now)
    return None if leaked.exists() else Outcome.RELEASED


_MENDERS: Final = {
    Finding.MISSING: _forget,
    Finding.ORPHANED: _quarantine,
    Finding.WRONG_SIZE: _correct,
    Finding.WRONG_HASH: _correct,
    Finding.USAGE_DRIFT: _recount,
    Finding.LEAKED_RESERVATION: _release,
}
_USUAL: Final = {
    Finding.MISSING: Outcome.FORGOTTEN,
    Finding.ORPHANED: Outcome.QUARANTINED,
    Finding.WRONG_SIZE: Outcome.CORRECTED,
    Finding.WRONG_HASH: Outcome.DAMAGED,
    Finding.USAGE_DRIFT: Outcome.CORRECTED,
    Finding.LEAKED_RESERVATION: Outcome.RELEASED,
}
