import json
import sys
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts import acting
from accounts.management.acting_command import ActingCommand
from accounts.tenants import find_tenant
from events.console import said, translated
from events.errors import DomainError, RetryLater
from events.inspection.tables import NO_TABLES, are_lacking
from events.management.json_command import CANNOT_WORK
from events.management.numbers import count
from events.management.tables import facts
from media.services import imports
from media.services.import_words import rows
from media.services.imports import ImportSummary
from media.sources.export.source import ExportSource
from media.sources.port import Chat, SourceRefused

PROBLEMS_SHOWN = 20
CODES = "exit codes: 0 all imported; 1 done, but with problems; 2 could not import"


class Command(ActingCommand):
    of_one_tenant = True
    help = f"Import a Telegram Desktop JSON export; safe to repeat and to interrupt. {CODES}."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="the export's folder, or its result.json")
        parser.add_argument("--tenant", metavar="NAME_OR_ID", help="default: the default tenant")
        parser.add_argument("--limit", type=count(), metavar="N", help="stop after N messages")
        parser.add_argument(
            "--timezone",
            metavar="ZONE",
            default=settings.TIME_ZONE,
            help="zone of the dates of exports before June 2022, which name none (%(default)s)",
        )
        parser.add_argument(
            "--include-private",
            action="store_true",
            help="private channels and groups too (never personal chats)",
        )
        parser.add_argument("--dry-run", action="store_true", help="read everything, write nothing")
        parser.add_argument(
            "--yes",
            action="store_true",
            help="do not ask about a chat that looks like a conversation (asked in a terminal only)",
        )
        parser.add_argument(
            "--problems-ok", action="store_true", help="exit code 0 also where there are problems"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        self._so_far = ImportSummary()
        try:
            summary = self._import(options)
        except CommandError as refusal:
            self._give_up(refusal, str(refusal), options)
        except SourceRefused as refusal:
            self._give_up(refusal, refusal.told(_), options)
        except (DomainError, RetryLater) as refusal:
            self._give_up(refusal, said(refusal), options)
        except DatabaseError as failure:
            why = _(NO_TABLES) if are_lacking(failure) else _("The database failed: %s") % failure
            self._give_up(failure, why, options)
        self._report(summary, options)
        if not summary.clean and not options["problems_ok"]:
            sys.exit(1)

    def _give_up(self, failure: Exception, text: str, options: dict[str, Any]) -> NoReturn:
        """Say what is wrong, and what was imported before: that stays."""
        self.say_failed({"detail": text, **_figures(self._so_far, options)}, options)
        raise CommandError(text, returncode=CANNOT_WORK) from failure

    def _import(self, options: dict[str, Any]) -> ImportSummary:
        tenant = find_tenant(options["tenant"])
        source = ExportSource(
            options["path"],
            zone=_zone(options["timezone"]),
            include_private=options["include_private"],
        )
        total = source.total_bytes
        with tqdm(
            total=total, unit="B", unit_scale=True, desc="import", file=sys.stderr, disable=None
        ) as bar:

            def observe(summary: ImportSummary) -> None:
                self._so_far = summary
                acting.require_still(tenant)
                bar.update(source.bytes_read - bar.n)
                bar.set_postfix(messages=summary.counts["messages"], refresh=False)

            return imports.import_export(
                source=source,
                path=options["path"],
                tenant=tenant,
                limit=options["limit"],
                dry_run=options["dry_run"],
                observe=observe,
                ask=self._warn_only if _is_answered(options) else self._ask,
            )

    def _warn(self, chat: Chat) -> None:
        self.stderr.write(
            "\n"
            + _(
                "“%(chat)s” looks like a conversation: %(people)d people write in it. Direct messages"
                " to a channel are exported like a public group; they are private."
            )
            % {"chat": imports.name_of(chat), "people": chat.people}
        )

    def _warn_only(self, chat: Chat) -> bool:
        self._warn(chat)
        return True

    def _ask(self, chat: Chat) -> bool:
        self._warn(chat)
        self.stderr.write(_("Import it all the same? [y/N] "), ending="")
        self.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes", "д", "да"}

    def _report(self, summary: ImportSummary, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(_figures(summary, options), ensure_ascii=False))
            return
        for line in facts({str(name): value for name, value in rows(summary.as_dict())}):
            self.stdout.write(line)
        if options["dry_run"]:
            self.stdout.write(_("A dry run: nothing was written."))
        self._print_problems(summary)

    def _print_problems(self, summary: ImportSummary) -> None:
        for problem in summary.problems[:PROBLEMS_SHOWN]:
            where = _("message %d: ") % problem.message_id if problem.message_id is not None else ""
            self.stderr.write(f"{problem.code}: {where}{translated(problem.detail)}")
        left = summary.counts["problems"] - PROBLEMS_SHOWN
        if left > 0:
            self.stderr.write(
                _("… and %d more; all of them are in the console under Imports.") % left
            )


def _figures(summary: ImportSummary, options: dict[str, Any]) -> dict[str, Any]:
    """The summary as --json shows it."""
    problems = [
        {"code": p.code, "message_id": p.message_id, "detail": p.detail} for p in summary.problems
    ]
    return {"dry_run": options["dry_run"], **summary.as_dict(), "details": problems}


def _is_answered(options: dict[str, Any]) -> bool:
    """Whether nobody is asked: nothing would be written, all is agreed to, or nobody is there."""
    return options["dry_run"] or options["yes"] or not sys.stdin.isatty()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise CommandError(
            _("--timezone %s: no such zone; use a name such as Europe/Moscow") % name, returncode=2
        ) from exc
