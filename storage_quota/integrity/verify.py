"""The whole of it, as the command and the schedule ask for it: check, repair, report."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Count, Sum

from storage_quota.integrity import check as checking
from storage_quota.integrity import check_runs, marker, orphans, repair
from storage_quota.integrity.check import Terms
from storage_quota.integrity.repair import MAX_MISSING_PERCENT, Repairs
from storage_quota.models import Finding, IntegrityCheck, IntegrityFinding, Orphan, StoredObject
from storage_quota.models.integrity import CheckState
from storage_quota.object_store.port import ObjectStore

FINDINGS_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Wishes:
    """`percent`: how much to read whole; None is what the unfinished round began with."""

    percent: float | None = None
    repair: bool = False
    dry_run: bool = False
    claim: bool = False
    max_missing_percent: float = MAX_MISSING_PERCENT


@dataclass(slots=True)
class Report:
    """What a run found and did."""

    check: IntegrityCheck
    found: dict[str, int]
    unresolved: int
    details: list[IntegrityFinding]
    would: dict[str, int] | None = None
    repairs: Repairs | None = None
    standing: dict[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.check.state == CheckState.DONE

    @property
    def clean(self) -> bool:
        """Nothing is left that a person should look at, as far as the round came."""
        return self.unresolved == 0

    def as_dict(self) -> dict[str, Any]:
        check = self.check
        return {
            "state": "clean" if self.clean else "problems",
            "complete": self.complete,
            "check": check.pk,
            "started_at": check.started_at.isoformat(),
            "cursor": check.cursor,
            "entries": check.entries,
            "objects": check.objects_listed,
            "sample_percent": check.sample_percent,
            "objects_read": check.objects_read,
            "bytes_read": check.bytes_read,
            "seconds": round(check.seconds, 3),
            "findings": self.found,
            "unresolved": self.unresolved,
            **self.standing,
            "would": self.would,
            "repaired": dict(self.repairs.done) if self.repairs else None,
            "left": self.repairs.left if self.repairs else None,
            "deleted_after_quarantine": self.repairs.purged if self.repairs else None,
            "details": [
                {
                    "kind": one.kind,
                    "key": one.key,
                    "expected": one.expected,
                    "found": one.found,
                    "outcome": one.outcome,
                }
                for one in self.details
            ],
        }


def verify(
    store: ObjectStore,
    *,
    wishes: Wishes,
    terms: Terms,
    mended: Callable[[], None] = lambda: None,
) -> Report:
    """
    Check, and if the round was finished in time and it is wished, repair.

    Raises one of CANNOT_CHECK, or TooMuchMissing. With `dry_run` nothing but the record of
    the check is written.
    """
    with check_runs.only_one():
        check = checking.run(store, percent=wishes.percent, terms=terms, claim=wishes.claim)
        repairs, would = None, None
        if check.state == CheckState.DONE and wishes.dry_run:
            repair.refuse_if_too_much_is_missing(check, percent=wishes.max_missing_percent)
            would = dict(repair.foretell(check))
        elif check.state == CheckState.DONE and wishes.repair:
            repairs = repair.run(
                store,
                check,
                terms=terms,
                max_missing_percent=wishes.max_missing_percent,
                observe=mended,
            )
    return _report(check, would=would, repairs=repairs)


def purge(store: ObjectStore, *, terms: Terms) -> int:
    """Delete what served its quarantine, if this is our bucket; how many."""
    with check_runs.only_one():
        marker.confirm(store, now=terms.now)
        return orphans.purge(store, now=terms.now)


def standing() -> dict[str, int]:
    """What is known of and waits: for an import of the same file, for its time, for a person."""
    rows = Orphan.objects.aggregate(count=Count("key"), size=Sum("size_bytes"))
    return {
        "damaged_objects": StoredObject.objects.filter(damaged_at__isnull=False).count(),
        "orphaned_objects": rows["count"],
        "orphaned_bytes": rows["size"] or 0,
        "in_quarantine": Orphan.objects.filter(delete_after__isnull=False).count(),
    }


def _report(
    check: IntegrityCheck, *, would: dict[str, int] | None, repairs: Repairs | None
) -> Report:
    findings = check.findings.order_by("pk")
    counted = dict(check.findings.order_by().values_list("kind").annotate(count=Count("pk")))
    return Report(
        check=check,
        found={kind.value: counted.get(kind.value, 0) for kind in Finding},
        unresolved=findings.filter(outcome="").count(),
        details=list(findings[:FINDINGS_SHOWN]),
        would=would,
        repairs=repairs,
        standing=standing(),
    )
