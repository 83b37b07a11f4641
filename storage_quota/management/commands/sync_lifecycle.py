import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from storage_quota.cleanup import Step, lifecycle
from storage_quota.cleanup.lifecycle import LifecycleComparison
from storage_quota.management.storage_command import StorageCommand
from storage_quota.object_store import LifecycleRule

CODES = (
    "exit codes: 0 the rules are in force, or the store supports none; 1 not all were accepted; "
    "2 the store does not answer, or denies it"
)
VERSIONS_STAY = (
    "The bucket keeps old versions, and no rule can delete them: they count against"
    " S3_TOTAL_LIMIT_GB until a cleanup deletes them, or switch versioning off."
)
REMARKS = {
    Step.MEDIA: "if no post uses it",
    Step.MULTIPART: "unfinished uploads",
}


class Command(StorageCommand):
    help = (
        "Write the lifetimes of objects to the bucket as lifecycle rules. They are a safety net: a "
        f"worker deletes old objects and their ledger entries daily, in every store. {CODES}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--show", action="store_true", help="only show lifetimes and rules")
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would be written, write nothing"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def work(self, **options: Any) -> None:
        show, dry_run = options["show"], options["dry_run"]
        before = lifecycle.compare()
        after = before if show or dry_run else lifecycle.sync()
        if options["json"]:
            written = [] if show or dry_run else before.missing
            self.stdout.write(json.dumps(_as_json(after, written=written, dry_run=dry_run)))
        else:
            self._lifetimes()
            self._rules(before, after, dry_run=dry_run)
        if after.missing and not (show or dry_run):
            raise CommandError("The store did not accept all rules")

    def _lifetimes(self) -> None:
        for step, age in lifecycle.lifetimes().items():
            self.stdout.write(f"{step:<10} {age.days:>4} d  {REMARKS.get(step, '')}".rstrip())

    def _rules(
        self, before: LifecycleComparison, after: LifecycleComparison, *, dry_run: bool
    ) -> None:
        if not before.supported:
            self.stdout.write(
                "This store has no lifecycle rules: only the daily sweep deletes old objects."
            )
            if before.versioned:
                self.stdout.write(VERSIONS_STAY)
            return
        for rule in after.in_force:
            self.stdout.write(f"In force: {_text(rule)}")
        missing, verb = (after.missing, "Missing")
        if dry_run:
            verb = "Would write"
        elif before.missing and not after.missing:
            missing, verb = before.missing, "Written"
        for rule in missing:
            self.stdout.write(f"{verb}: {_text(rule)}")


def _text(rule: LifecycleRule) -> str:
    parts = []
    if rule.expire_days is not None:
        parts.append(f"deleted after {rule.expire_days} d")
    if rule.abort_uploads_days is not None:
        parts.append(f"unfinished uploads aborted after {rule.abort_uploads_days} d")
    if rule.expire_old_days is not None:
        parts.append(f"old versions deleted after {rule.expire_old_days} d")
    return f"{rule.prefix or 'everything'}: {', '.join(parts) or 'something else'}"


def _as_json(
    now: LifecycleComparison, *, written: Sequence[LifecycleRule], dry_run: bool
) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "lifetimes_days": {step: age.days for step, age in lifecycle.lifetimes().items()},
        "supported": now.supported,
        "versioned": now.versioned,
        "in_force": [_fields(rule) for rule in now.in_force],
        "missing": [_fields(rule) for rule in now.missing],
        "written": [_fields(rule) for rule in written],
    }


def _fields(rule: LifecycleRule) -> dict[str, Any]:
    return {
        "prefix": rule.prefix,
        "expire_days": rule.expire_days,
        "abort_uploads_days": rule.abort_uploads_days,
        "expire_old_days": rule.expire_old_days,
    }
