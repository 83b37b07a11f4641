import json
import sys
import time
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any, Final

from django.core.management.base import CommandParser
from django.db.models import Sum
from django.utils import timezone
from tqdm import tqdm

from events.management.tables import facts
from storage_quota.integrity.check_runs import DEFAULT_PERCENT
from storage_quota.integrity.compare_ledger_and_bucket import GRACE, CheckOptions
from storage_quota.integrity.repair import MAX_MISSING_PERCENT
from storage_quota.integrity.verify import FINDINGS_SHOWN, IntegrityReport, VerifyRequest, verify
from storage_quota.management.sizes import mib
from storage_quota.management.storage_command import StorageCommand
from storage_quota.models import IntegrityCheck, TenantUsage
from storage_quota.object_store import get_store

CODES = (
    "exit codes: 0 clean; 1 problems found and not repaired; 2 could not check, or refused; "
    "3 not finished within --minutes: run again to go on"
)
EXIT_CODES = {"clean": 0, "problems": 1, "unfinished": 3}


class Command(StorageCommand):
    help = (
        "Compare the ledger with the bucket, in both directions; safe to interrupt and to repeat. "
        f"{CODES}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        _add_check_arguments(parser)
        _add_repair_arguments(parser)
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def work(self, **options: Any) -> None:
        request = VerifyRequest(
            percent=100.0 if options["all"] else options["sample"],
            repair=options["repair"],
            dry_run=options["dry_run"],
            claim=options["claim_bucket"],
            max_missing_percent=options["max_missing_percent"],
        )
        report = self._verify(request, options)
        self._show(report, options)
        if code := EXIT_CODES[report.state]:
            sys.exit(code)

    def _verify(self, request: VerifyRequest, options: dict[str, Any]) -> IntegrityReport:
        minutes = options["minutes"]
        total = TenantUsage.objects.aggregate(count=Sum("objects_count"))["count"]
        with tqdm(desc="objects", unit="", total=total or 0, file=sys.stderr, disable=None) as bar:

            def observe(check: IntegrityCheck) -> None:
                bar.update(check.entries - bar.n)
                bar.set_postfix(read_mb=mib(check.bytes_read), refresh=False)

            check_options = CheckOptions(
                now=timezone.now(),
                grace=timedelta(hours=options["grace_hours"]),
                until=time.monotonic() + minutes * 60 if minutes else float("inf"),
                count_orphans=not request.dry_run,
                observe=observe,
            )
            with tqdm(
                desc="repairs", unit="", disable=None if request.repair else True, file=sys.stderr
            ) as done:
                return verify(
                    get_store(),
                    request=request,
                    options=check_options,
                    on_repair=lambda: _step(done),
                )

    def _show(self, report: IntegrityReport, options: dict[str, Any]) -> None:
        if options["json"]:
            figures = {"dry_run": options["dry_run"], **report.as_dict()}
            self.stdout.write(json.dumps(figures, ensure_ascii=False))
            return
        for line in _lines(report):
            self.stdout.write(line)
        for finding in report.details:
            outcome = f" [{finding.outcome}]" if finding.outcome else ""
            differs = f" (ledger: {finding.expected or '—'}, bucket: {finding.found or '—'})"
            self.stderr.write(f"{finding.kind}: {finding.key}{differs}{outcome}")
        more = sum(report.found.values()) - FINDINGS_SHOWN
        if more > 0:
            self.stderr.write(f"… and {more} more; the console shows all of them.")


def _add_check_arguments(parser: CommandParser) -> None:
    sample = parser.add_mutually_exclusive_group()
    sample.add_argument(
        "--sample",
        type=_percent,
        metavar="PERCENT",
        help="how many objects to read whole and hash, such as 5%% "
        f"(default: as in the unfinished check, else {DEFAULT_PERCENT:g}%%)",
    )
    sample.add_argument("--all", action="store_true", help="read every object whole")
    parser.add_argument(
        "--minutes",
        type=_positive,
        metavar="M",
        help="stop after this time; the next run goes on from there",
    )
    parser.add_argument(
        "--grace-hours",
        type=_not_negative,
        metavar="H",
        default=GRACE.total_seconds() / 3600,
        help="repair nothing younger, and report and delete orphans only after so long "
        "(default: %(default)g)",
    )
    parser.add_argument(
        "--claim-bucket",
        action="store_true",
        help="mark the bucket as this installation's, whatever mark it has now",
    )


def _add_repair_arguments(parser: CommandParser) -> None:
    parser.add_argument("--repair", action="store_true", help="repair what a finished check found")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what --repair would do, change nothing"
    )
    parser.add_argument(
        "--max-missing-percent",
        type=_percent,
        metavar="P",
        default=MAX_MISSING_PERCENT,
        help="refuse to repair if more is missing (default: %(default)g)",
    )


_LEFT: Final = (
    "what was stored or changed within --grace-hours, is being written just now, or is not ours is"
    " left. A later run repairs what is only too young, or this one with --grace-hours 0"
)


def _step(bar: Any) -> None:
    bar.update()


def _lines(report: IntegrityReport) -> list[str]:
    check, found = report.check, report.found
    rows: dict[str, object] = {
        "entries compared": check.entries,
        "objects listed": check.objects_listed,
        "too young to judge": check.too_young,
        "objects read whole": f"{check.objects_read} ({mib(check.bytes_read)} MB)",
        **{kind.replace("_", " "): count for kind, count in found.items()},
        **{name.replace("_", " "): count for name, count in report.pending.items()},
    }
    if report.would is not None:
        rows |= {f"would be: {name}": count for name, count in report.would.items()}
    if report.repairs is not None:
        rows |= {f"repaired: {name}": count for name, count in report.repairs.outcomes.items()}
        rows |= {
            "left as they are": report.repairs.remaining,
            "deleted after quarantine": report.repairs.purged,
        }
    warned = [f"Warning: {text}" for text in report.warnings]
    return [*facts(rows), *warned, _verdict(report)]


def _verdict(report: IntegrityReport) -> str:
    if not report.complete:
        found = f"{report.unresolved} problems so far; " if report.unresolved else ""
        return (
            f"Not finished: compared {report.check.entries} of {report.entries_in_ledger} entries, "
            f"up to {report.check.cursor}; {found}run again to go on."
        )
    if report.clean:
        return "Ledger and bucket agree."
    why = "--repair does that" if report.repairs is None else _LEFT
    return f"{report.unresolved} problems are not repaired: {why}."


def _percent(text: str) -> float:
    value = _not_negative(text.removesuffix("%"))
    if value > 100:  # noqa: PLR2004 - percent
        raise ArgumentTypeError(f"{text}: at most 100 %")
    return value


def _positive(text: str) -> float:
    if not (value := _not_negative(text)):
        raise ArgumentTypeError(f"{text}: more than nothing")
    return value


def _not_negative(text: str) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise ArgumentTypeError(f"{text}: not a number") from exc
    if not 0 <= value < 1e6:  # noqa: PLR2004 - more is a slip of the pen
        raise ArgumentTypeError(f"{text}: not negative, and below a million")
    return value
