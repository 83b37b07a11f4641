import json
import sys
import time
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.db.models import Sum
from django.utils import timezone
from tqdm import tqdm

from events.management.tables import facts
from storage_quota.integrity.check import GRACE, Terms
from storage_quota.integrity.check_runs import DEFAULT_PERCENT
from storage_quota.integrity.errors import CANNOT_CHECK, TooMuchMissing
from storage_quota.integrity.repair import MAX_MISSING_PERCENT
from storage_quota.integrity.verify import FINDINGS_SHOWN, Report, Wishes, verify
from storage_quota.management.sizes import mib
from storage_quota.models import IntegrityCheck, TenantUsage
from storage_quota.object_store import get_store

CODES = "exit codes: 0 clean; 1 problems found and not repaired; 2 could not check, or refused"


class Command(BaseCommand):
    help = f"Compare the books with the bucket, both ways; safe to interrupt and repeat. {CODES}."

    def add_arguments(self, parser: CommandParser) -> None:
        sample = parser.add_mutually_exclusive_group()
        sample.add_argument(
            "--sample", type=_percent, metavar="PERCENT",
            help="how many objects to read whole and hash, such as 5%% "
            f"(default: as the unfinished round, else {DEFAULT_PERCENT:g}%%)",
        )  # fmt: skip
        sample.add_argument("--all", action="store_true", help="read every object whole")
        parser.add_argument(
            "--minutes", type=_positive, metavar="M",
            help="stop after so long; the next run goes on from there",
        )  # fmt: skip
        parser.add_argument("--repair", action="store_true", help="mend what a full round found")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what --repair would do, change nothing"
        )
        parser.add_argument(
            "--grace-hours", type=_not_negative, metavar="H",
            default=GRACE.total_seconds() / 3600,
            help="leave alone what is younger, and keep orphans for so long (default: %(default)g)",
        )  # fmt: skip
        parser.add_argument(
            "--max-missing-percent", type=_percent, metavar="P", default=MAX_MISSING_PERCENT,
            help="refuse to repair if more is missing (default: %(default)g)",
        )  # fmt: skip
        parser.add_argument(
            "--claim-bucket", action="store_true",
            help="mark the bucket as this installation's, whatever it says now",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        wishes = Wishes(
            percent=100.0 if options["all"] else options["sample"],
            repair=options["repair"],
            dry_run=options["dry_run"],
            claim=options["claim_bucket"],
            max_missing_percent=options["max_missing_percent"],
        )
        try:
            report = self._verify(wishes, options)
        except (*CANNOT_CHECK, TooMuchMissing) as failure:
            self._give_up(getattr(failure, "code", "store_unavailable"), failure, options)
        except OperationalError as failure:
            self._give_up("database", failure, options)
        self._tell(report, options)
        if not report.clean:
            sys.exit(1)

    def _verify(self, wishes: Wishes, options: dict[str, Any]) -> Report:
        minutes = options["minutes"]
        total = TenantUsage.objects.aggregate(count=Sum("objects_count"))["count"]
        with tqdm(desc="objects", unit="", total=total or 0, file=sys.stderr) as bar:

            def observe(check: IntegrityCheck) -> None:
                bar.update(check.entries - bar.n)
                bar.set_postfix(read_mb=mib(check.bytes_read), refresh=False)

            terms = Terms(
                now=timezone.now(),
                grace=timedelta(hours=options["grace_hours"]),
                until=time.monotonic() + minutes * 60 if minutes else float("inf"),
                count_orphans=not wishes.dry_run,
                observe=observe,
            )
            with tqdm(desc="repairs", unit="", disable=not wishes.repair, file=sys.stderr) as done:
                return verify(get_store(), wishes=wishes, terms=terms, mended=lambda: _step(done))

    def _give_up(self, code: str, failure: Exception, options: dict[str, Any]) -> None:
        if options["json"]:
            figures = {"state": "failed", "error": code, "detail": str(failure)}
            self.stdout.write(json.dumps(figures, ensure_ascii=False))
        raise CommandError(str(failure), returncode=2) from failure

    def _tell(self, report: Report, options: dict[str, Any]) -> None:
        if options["json"]:
            figures = {"dry_run": options["dry_run"], **report.as_dict()}
            self.stdout.write(json.dumps(figures, ensure_ascii=False))
            return
        for line in _lines(report):
            self.stdout.write(line)
        for one in report.details:
            known = f" [{one.outcome}]" if one.outcome else ""
            differs = f" (books: {one.expected or '—'}, bucket: {one.found or '—'})"
            self.stderr.write(f"{one.kind}: {one.key}{differs}{known}")
        more = sum(report.found.values()) - FINDINGS_SHOWN
        if more > 0:
            self.stderr.write(f"… and {more} more; all of them are in the console.")


def _step(bar: Any) -> None:
    bar.update()


def _lines(report: Report) -> list[str]:
    check, found = report.check, report.found
    rows: dict[str, object] = {
        "entries compared": check.entries,
        "objects listed": check.objects_listed,
        "objects read whole": f"{check.objects_read} ({mib(check.bytes_read)} MB)",
        **{kind.replace("_", " "): count for kind, count in found.items()},
        **{name.replace("_", " "): count for name, count in report.standing.items()},
    }
    if report.would is not None:
        rows |= {f"would be: {name}": count for name, count in report.would.items()}
    if report.repairs is not None:
        rows |= {f"repaired: {name}": count for name, count in report.repairs.done.items()}
        rows |= {
            "left as they are": report.repairs.left,
            "deleted after quarantine": report.repairs.purged,
        }
    return [*facts(rows), _verdict(report)]


def _verdict(report: Report) -> str:
    if not report.complete:
        return f"Not through yet: compared up to {report.check.cursor}; run again to go on."
    if report.clean:
        return "Books and bucket agree."
    return f"{report.unresolved} problems are not repaired."


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
