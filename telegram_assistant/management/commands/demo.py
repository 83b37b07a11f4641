import json
import secrets
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from tqdm import tqdm

from accounts import tenants
from accounts.models import Tenant
from events import subscriptions
from events.console import translated
from events.delivery.run import Tally
from events.management.commands.drain import drain_with_progress
from events.management.json_command import CHECKED
from media.services import imports
from media.services.imports import ImportSummary
from media.sources.export.source import ExportSource
from telegram_assistant.console import archive_stats

SAMPLE = Path(settings.BASE_DIR) / "telegram_assistant" / "sample" / "ChatExport_2026-11-01"
NAMES = {
    "posts": gettext_lazy("posts"),
    "media": gettext_lazy("media"),
    "duplicates": gettext_lazy("repeated files"),
    "bytes stored": gettext_lazy("bytes stored"),
    "pictures read": gettext_lazy("pictures read"),
    "words recognized": gettext_lazy("words recognized"),
    "albums assembled": gettext_lazy("albums assembled"),
    "tasks waiting": gettext_lazy("tasks waiting"),
    "failed tasks": gettext_lazy("failed tasks"),
}
"""Of the figures that `archive_stats` counts."""
PATIENCE = 120
"""Seconds without progress after which the demo reports what is left instead of waiting."""


class Command(BaseCommand):
    help = "Import the sample channel, process everything, and show the result."
    requires_system_checks = CHECKED

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = tenants.default_tenant()
        summary = self._import(tenant)
        tallies = drain_with_progress(subscriptions.queues(), max_wait=PATIENCE)
        report = archive_stats.of_tenant(tenant) | {"seconds": _seconds(summary, tallies)}
        password = _ensure_admin()
        if options["json"]:
            self.stdout.write(json.dumps({"import": summary.as_dict(), **report}))
        else:
            self._print(summary, report, password)
        if not summary.clean or report["failed tasks"] or report["tasks waiting"]:
            sys.exit(1)

    def _import(self, tenant: Tenant) -> ImportSummary:
        source = ExportSource(SAMPLE, zone=ZoneInfo(settings.TIME_ZONE))
        with tqdm(
            total=source.total_bytes,
            unit="B",
            unit_scale=True,
            desc="import",
            file=sys.stderr,
            disable=None,
        ) as bar:

            def observe(_so_far: ImportSummary) -> None:
                bar.update(source.bytes_read - bar.n)

            return imports.import_export(source=source, path=SAMPLE, tenant=tenant, observe=observe)

    def _print(self, summary: ImportSummary, report: dict[str, Any], password: str | None) -> None:
        text = _(
            "Imported: %(new)s new posts, %(updated)s updated, %(unchanged)s unchanged."
            " In the archive:"
        )
        self.stdout.write(f"\n{text % summary.counts}\n")
        for name, value in report.items():
            if name != "seconds":
                self.stdout.write(f"  {NAMES[name]:<26} {value:>12,}".replace(",", " "))
        self.stdout.write("  " + _("seconds per stage (all threads)"))
        for name, seconds in report["seconds"].items():
            self.stdout.write(f"    {name:<24} {seconds:>8.2f}")
        for problem in summary.problems:
            where = _("message %d: ") % problem.message_id if problem.message_id is not None else ""
            self.stderr.write(f"{problem.code}: {where}{translated(problem.detail)}")
        self.stdout.write(_how_to_open(password))


def _seconds(summary: ImportSummary, tallies: dict[str, Tally]) -> dict[str, float]:
    stages = {"import": round(summary.seconds, 2)}
    return stages | {name: round(t.seconds, 2) for name, t in sorted(tallies.items())}


def _ensure_admin() -> str | None:
    """
    Create the admin user and return its password; None if there is an admin user already.

    None is made with DEPLOYED either: nobody would be asked to replace a password drawn by chance.
    """
    users = get_user_model()
    if settings.DEPLOYED or users.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    users.objects.create_superuser("admin", password=password)
    return password


def _how_to_open(password: str | None) -> str:
    lines = [
        _("The console: run `make serve` (web server and workers together) and open"),
        _("  address   %s") % "http://127.0.0.1:8000/admin/",
    ]
    if password:
        lines += [_("  name      %s") % "admin", _("  password  %s") % password]
    else:
        lines += [
            _("  sign in as the existing admin user; for a new password: make password"),
            _("  if there is none: python manage.py createsuperuser"),
        ]
    return "\n" + "\n".join(lines) + "\n"
