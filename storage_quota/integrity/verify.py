"""Verification as the command and the schedule run it: check, repair, report."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Count, Sum

from accounts import audit
from storage_quota.integrity import check_runs, marker, repair, restoration
from storage_quota.integrity import compare_ledger_and_bucket as checking
from storage_quota.integrity.compare_ledger_and_bucket import CheckOptions
from storage_quota.integrity.orphans import quarantine
from storage_quota.integrity.repair import MAX_MISSING_PERCENT, RepairResult
from storage_quota.models import (
    DifferenceKind,
    IntegrityCheck,
    IntegrityFinding,
    Orphan,
    StoredObject,
    TenantUsage,
)
from storage_quota.models.integrity import CheckState
from storage_quota.object_store import survey, warnings
from storage_quota.object_store.port import ObjectStore

FINDINGS_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """`percent`: how many objects to read whole; None stands for that of the unfinished check."""

    percent: float | None = None
    repair: bool = False
    dry_run: bool = False
    claim: bool = False
    max_missing_percent: float = MAX_MISSING_PERCENT


@dataclass(slots=True)
class IntegrityReport:
    """Differences that a run found, and what it did about them."""

    check: IntegrityCheck
    found: dict[str, int]
    unresolved: int
    entries_in_ledger: int
    details: list[IntegrityFinding]
    would: dict[str, int] | None = None
    repairs: RepairResult | None = None
    pending: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    """What else is to know about the bucket's server."""

    @property
    def complete(self) -> bool:
        return self.check.state == CheckState.DONE

    @property
    def state(self) -> str:
        """`unfinished` as long as keys are left to compare, whatever was found so far."""
        if not self.complete:
            return "unfinished"
        return "problems" if self.unresolved else "clean"

    @property
    def clean(self) -> bool:
        """Whether everything was compared and no difference is unresolved."""
        return self.state == "clean"

    def as_dict(self) -> dict[str, Any]:
        check = self.check
        return {
            "state": self.state,
            "complete": self.complete,
            "check": check.pk,
            "started_at": check.started_at.isoformat(),
            "cursor": check.cursor,
            "entries": check.entries,
            "entries_in_ledger": self.entries_in_ledger,
            "objects": check.objects_listed,
            "sample_percent": check.sample_percent,
            "objects_read": check.objects_read,
            "bytes_read": check.bytes_read,
            "seconds": round(check.seconds, 3),
            "findings": self.found,
            "too_young": check.too_young,
            "unresolved": self.unresolved,
            **self.pending,
            "warnings": self.warnings,
            "would": self.would,
            "repaired": dict(self.repairs.outcomes) if self.repairs else None,
            "left": self.repairs.remaining if self.repairs else None,
            "deleted_after_quarantine": self.repairs.purged if self.repairs else None,
            "details": [
                {
                    "kind": finding.kind,
                    "key": finding.key,
                    "expected": finding.expected,
                    "found": finding.found,
                    "outcome": finding.outcome,
                }
                for finding in self.details
            ],
        }


def verify(
    store: ObjectStore,
    *,
    request: VerifyRequest,
    options: CheckOptions,
    on_repair: Callable[[], None] = lambda: None,
) -> IntegrityReport:
    """
    Check, and repair if that is asked for and the check is finished.

    Raises one of CANNOT_CHECK, or TooMuchMissing. With `dry_run` only the record of the check is
    written.
    """
    with check_runs.only_one():
        check = checking.run(store, percent=request.percent, options=options, claim=request.claim)
        repairs, would = None, None
        if check.state == CheckState.DONE and request.dry_run:
            repair.refuse_if_too_much_is_missing(check, percent=request.max_missing_percent)
            would = dict(repair.preview(check))
        elif check.state == CheckState.DONE and request.repair:
            repairs = _repaired(store, check, request, options, on_repair)
    return _report(check, would=would, repairs=repairs)


def _repaired(
    store: ObjectStore,
    check: IntegrityCheck,
    request: VerifyRequest,
    options: CheckOptions,
    on_repair: Callable[[], None],
) -> RepairResult:
    found = {"check": check.pk, "differences": check.findings.filter(outcome="").count()}
    with audit.recorded("repair", before=found) as figures:
        done = repair.run(
            store,
            check,
            options=options,
            max_missing_percent=request.max_missing_percent,
            on_repair=on_repair,
        )
        figures.update(check=check.pk, outcomes=dict(done.outcomes), remaining=done.remaining)
        figures.update(deleted_after_quarantine=done.purged)
    return done


def purge(store: ObjectStore, *, options: CheckOptions) -> int:
    """Delete orphans whose quarantine is over, if this is our bucket; returns how many."""
    with check_runs.only_one():
        marker.confirm(store, now=options.now)
        return quarantine.purge(store, now=options.now)


def pending() -> dict[str, int]:
    """Count damaged objects, which wait for a new import, and orphans, which wait for deletion."""
    rows = Orphan.objects.aggregate(count=Count("key"), size=Sum("size_bytes"))
    return {
        "damaged_objects": StoredObject.objects.filter(damaged_at__isnull=False).count(),
        "orphaned_objects": rows["count"],
        "orphaned_bytes": rows["size"] or 0,
        "in_quarantine": Orphan.objects.filter(delete_after__isnull=False).count(),
    }


def _report(
    check: IntegrityCheck, *, would: dict[str, int] | None, repairs: RepairResult | None
) -> IntegrityReport:
    findings, known = check.findings.order_by("pk"), survey.state()
    counted = dict(check.findings.order_by().values_list("kind").annotate(count=Count("pk")))
    return IntegrityReport(
        check=check,
        found={kind.value: counted.get(kind.value, 0) for kind in DifferenceKind},
        unresolved=findings.filter(outcome="").count(),
        entries_in_ledger=TenantUsage.objects.aggregate(count=Sum("objects_count"))["count"] or 0,
        details=list(findings[:FINDINGS_SHOWN]),
        would=would,
        repairs=repairs,
        pending=pending(),
        warnings=[*restoration.advice(check), *(warnings.of(known) if known else [])],
    )
