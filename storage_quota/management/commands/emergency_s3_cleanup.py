import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from events.management.json_command import CANNOT_WORK
from events.management.numbers import amount, days
from storage_quota import cleanup
from storage_quota.cleanup import (
    CleanupPlan,
    CleanupResult,
    CleanupRule,
    Progress,
    Step,
    StepTotal,
)
from storage_quota.management.storage_command import StorageCommand
from storage_quota.units import GIB

CODES: Final = "exit codes: 0 done; 1 not everything was done; 2 could not begin"
DEFAULT_DAYS: Final = {Step.CRAWL: 3, Step.VISION: 7}
"""Days, as in an emergency; the other steps have a setting."""


class Command(StorageCommand):
    help = (
        "Free space in the bucket, least valuable objects first; safe to repeat and to interrupt. "
        f"Deletes, unless --dry-run is given. {CODES}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
        auto = _part(
            parts,
            "auto",
            "old pages, old results, unused media, unfinished uploads, until the target is reached",
        )
        auto.add_argument(
            "--target-gb",
            type=amount,
            default=settings.CLEANUP.target_bytes / GIB,
            metavar="GB",
            help="usage to get down to (%(default)s)",
        )
        for step, text in {
            Step.CRAWL: "crawled pages",
            Step.VISION: "cached results of analysis",
            Step.ALBUM: "stored summaries of albums",
            Step.MULTIPART: "unfinished uploads",
            Step.VERSIONS: "versions of replaced and deleted objects (where the bucket keeps them)",
        }.items():
            part = _part(parts, step.value, f"old {text}, whether or not space is needed")
            part.add_argument(
                "--max-age-days",
                type=days,
                default=_default_days(step),
                metavar="DAYS",
                help="younger ones stay (%(default)s)",
            )

    def work(self, **options: Any) -> None:
        if options["part"] in {"auto", Step.VERSIONS}:
            # A survey may be a day old; an outage must not look like an empty bucket.
            cleanup.survey_server(now=timezone.now())
        done = self._auto(options) if options["part"] == "auto" else self._step(options)
        if not done:
            sys.exit(1)

    def _auto(self, options: dict[str, Any]) -> bool:
        now, target_bytes = timezone.now(), int(options["target_gb"] * GIB)
        chosen = cleanup.plan(target_bytes=target_bytes, now=now)
        if not options["json"]:
            self._show(chosen)
        freed = None
        if not options["dry_run"]:
            freed = _with_progress(chosen, lambda on: _run(target_bytes, now=now, progress=on))
        self._report(
            options,
            chosen,
            freed,
            current_gb=_gb(chosen.current_bytes),
            target_gb=_gb(target_bytes),
            need_to_free_gb=_gb(chosen.needed_bytes),
            plan_frees_gb=_gb(chosen.frees_bytes),
        )
        if not chosen.reaches_target:
            self.stderr.write(
                "The target cannot be reached: everything else that is stored is in use."
            )
        return chosen.reaches_target and (freed is None or freed.finished)

    def _step(self, options: dict[str, Any]) -> bool:
        now, step = timezone.now(), Step(options["part"])
        rules = [CleanupRule(step, timedelta(days=options["max_age_days"]))]
        chosen = cleanup.plan_overdue(rules=rules, now=now)
        freed = None
        if not options["dry_run"]:
            freed = _with_progress(
                chosen,
                lambda on: cleanup.run_overdue(
                    rules=rules, trigger="command", now=now, progress=on
                ),
            )
        if not options["json"]:
            self._show_step(step, chosen, freed)
        self._report(options, chosen, freed)
        return freed is None or freed.finished

    def _show(self, chosen: CleanupPlan) -> None:
        self._line("Current", f"{_gb(chosen.current_bytes):.3f} GB")
        self._line("Target", f"{_gb(chosen.target_bytes or 0):.3f} GB")
        self._line("Need to free", f"{_gb(chosen.needed_bytes):.3f} GB")
        self._line("Plan will free", f"{_gb(chosen.frees_bytes):.3f} GB")
        for step, sums in chosen.steps.items():
            self._line(f"  {step}", f"{sums.count} objects, {_gb(sums.freed_bytes):.3f} GB")
        if chosen.more:
            self._line("  and more", f"the plan shows the first {len(chosen.candidates)}")

    def _show_step(self, step: Step, chosen: CleanupPlan, freed: CleanupResult | None) -> None:
        past = "Aborted" if step is Step.MULTIPART else "Deleted"
        found = chosen.steps.get(step, StepTotal()).count
        self._line("Found", f"{found}{'+' if chosen.more else ''}")
        if freed is None:
            self._line(f"Would {'abort' if past == 'Aborted' else 'delete'}", found)
        else:
            self._line(past, freed.steps.get(step, StepTotal()).count)
        if markers := (freed or chosen).steps.get(Step.MARKERS):
            self._line("Delete markers", markers.count)
        if step is not Step.MULTIPART:
            freed_bytes = chosen.frees_bytes if freed is None else freed.freed_bytes
            self._line("Freed GB" if freed else "Would free GB", f"{_gb(freed_bytes):.3f}")

    def _report(
        self,
        options: dict[str, Any],
        chosen: CleanupPlan,
        freed: CleanupResult | None,
        **figures: float,
    ) -> None:
        if options["json"]:
            report = {
                "part": options["part"],
                "dry_run": options["dry_run"],
                **figures,
                "planned": _steps(chosen),
                "plan_is_cut": chosen.more,
                "kept_versions": chosen.kept_count,
                **(_done(freed) if freed else {}),
            }
            if freed and _could_not_begin(freed):
                report |= {"state": "failed", "detail": freed.stop_reason}
            self.stdout.write(json.dumps(report))
        elif freed and options["part"] == "auto":
            self._line("Total freed", f"{_gb(freed.freed_bytes):.3f} GB")
        if chosen.kept_count:
            self.stderr.write(f"{chosen.kept_count} old versions stay: {cleanup.KEPT}")
        if freed:
            self._show_problems(freed)
            if _could_not_begin(freed):
                raise CommandError(freed.stop_reason, returncode=CANNOT_WORK)

    def _show_problems(self, freed: CleanupResult) -> None:
        if freed.skipped_count:
            self.stderr.write(f"{freed.skipped_count} are in use again and were not deleted.")
        if freed.remaining_count:
            self.stderr.write(
                f"{freed.remaining_count} could not be deleted; a worker tries again."
            )
        if freed.stop_reason:
            self.stderr.write(f"Stopped before the end: {freed.stop_reason}")

    def _line(self, name: str, value: object) -> None:
        self.stdout.write(f"{name + ':':<16} {value}")


def _could_not_begin(freed: CleanupResult) -> bool:
    """Whether the store failed before anything was freed."""
    failed = freed.stop_reason not in {"", cleanup.TIME_IS_UP}
    return failed and not freed.deleted_count


def _part(parts: Any, name: str, text: str) -> CommandParser:
    parser: CommandParser = parts.add_parser(name, help=text, description=text)
    parser.add_argument("--dry-run", action="store_true", help="print the plan, delete nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _default_days(step: Step) -> float:
    if step is Step.VERSIONS:
        return 0
    if step is Step.MULTIPART:
        return settings.CLEANUP.abort_uploads_after / timedelta(days=1)
    return DEFAULT_DAYS.get(step) or settings.CLEANUP.ttl[step] / timedelta(days=1)


def _run(target_bytes: int, *, now: datetime, progress: Progress) -> CleanupResult:
    return cleanup.run(target_bytes=target_bytes, trigger="command", now=now, progress=progress)


def _with_progress(chosen: CleanupPlan, run: Callable[[Progress], CleanupResult]) -> CleanupResult:
    """Run with a progress bar on stderr; it has no end if the plan does not hold all candidates."""
    total = None if chosen.more else len(chosen.candidates)
    with tqdm(total=total, unit=" objects", desc="cleanup", file=sys.stderr, disable=None) as bar:

        def observe(freed: CleanupResult) -> None:
            bar.update(freed.deleted_count + freed.skipped_count + freed.remaining_count - bar.n)

        return run(observe)


def _steps(chosen: CleanupPlan) -> dict[str, dict[str, float]]:
    return {
        step: {"objects": sums.count, "bytes": sums.freed_bytes}
        for step, sums in chosen.steps.items()
    }


def _done(freed: CleanupResult) -> dict[str, Any]:
    return {
        "deleted_count": freed.deleted_count,
        "freed_bytes": freed.freed_bytes,
        "freed_gb": _gb(freed.freed_bytes),
        "skipped_count": freed.skipped_count,
        "left_count": freed.remaining_count,
        "duration_seconds": round(freed.duration_seconds, 3),
        "trouble": freed.stop_reason,
    }


def _gb(size_bytes: int) -> float:
    return size_bytes / GIB
