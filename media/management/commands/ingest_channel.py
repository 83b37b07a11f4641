import json
import sys
from datetime import datetime, time
from typing import Any, Self

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from tqdm import tqdm

from accounts.management.acting_command import ActingCommand
from accounts.models import Tenant
from accounts.tenants import find_tenant
from events.console import translated
from events.errors import DomainError, RetryLater
from events.management import tables
from events.management.json_command import CANNOT_WORK
from events.management.numbers import count
from media.models import AccountState, TelegramAccount
from media.services.import_words import rows
from media.services.imports import ImportSummary
from media.services.telegram.accounts import access as telegram
from media.services.telegram.channels import feeds
from media.services.telegram.channels.feeds import FeedUnknown
from media.services.telegram.reading import ingest
from media.services.telegram.reading.ingest import Order
from media.services.telegram.reading.stretch import Progress
from media.sources.telegram.failures import ReferenceUnknown

PREVIEWED = {
    "channel": gettext_lazy("channel"),
    "username": gettext_lazy("public name"),
    "members": gettext_lazy("members"),
    "followed": gettext_lazy("read already"),
    "first_id": gettext_lazy("first message"),
    "messages_at_most": gettext_lazy("messages at most"),
}
PROBLEMS_SHOWN = 20
CODES = "exit codes: 0 all read; 1 done, but with problems; 2 could not read"


class Command(ActingCommand):
    of_one_tenant = True
    help = (
        "Read a channel of Telegram: its news, then what is left of its history; safe to repeat"
        f" and to interrupt. {CODES}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("channel", help="@name, link, invite link or id")
        parser.add_argument("--tenant", metavar="NAME_OR_ID", help="default: the default tenant")
        parser.add_argument("--account", default="", help="default: the only one that is signed in")
        parser.add_argument(
            "--since",
            metavar="DATE",
            help="of a channel that is not followed yet, no messages before this day or moment",
        )
        parser.add_argument("--limit", type=count(), metavar="N", help="stop after N messages")
        parser.add_argument("--dry-run", action="store_true", help="say what would be read")
        parser.add_argument(
            "--problems-ok", action="store_true", help="exit code 0 also where there are problems"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        self._order = Order(limit=options["limit"])
        try:
            report = self._run(options)
        except (DomainError, RetryLater, CommandError, DatabaseError) as refusal:
            self.say_failed({"detail": str(refusal), **self._order.summary.as_dict()}, options)
            raise CommandError(str(refusal), returncode=CANNOT_WORK) from refusal
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False, default=str))
        else:
            for line in tables.facts(_named(report)):
                self.stdout.write(line)
            self._print_problems(self._order.summary)
        if not self._order.summary.clean and not options["problems_ok"]:
            sys.exit(1)

    def _run(self, options: dict[str, Any]) -> dict[str, Any]:
        tenant = find_tenant(options["tenant"])
        account = _account(tenant, options)
        since = _moment(options["since"])
        with telegram.connected(account) as access:
            if options["dry_run"]:
                found = ingest.preview(access, account, options["channel"], since)
                return {
                    "dry_run": True,
                    "channel": found.card.title,
                    "username": found.card.username,
                    "members": found.card.members,
                    "followed": found.known,
                    "first_id": found.first_id,
                    "messages_at_most": found.messages_at_most,
                }
            followed = ingest.add(access, account, options["channel"], since=since)
            feed = followed.feed
            name = f"telegram: {feed.channel.username or feed.channel.title}"
            with _Bar() as bar:
                self._order.observe = bar.show
                ingest.read_recorded(access, feed, self._order, name=name, card=followed.card)
        return {"dry_run": False, **self._order.summary.as_dict()}

    def _print_problems(self, summary: ImportSummary) -> None:
        for problem in summary.problems[:PROBLEMS_SHOWN]:
            where = _("message %d: ") % problem.message_id if problem.message_id is not None else ""
            self.stderr.write(f"{problem.code}: {where}{translated(problem.detail)}")
        if (left := summary.counts["problems"] - PROBLEMS_SHOWN) > 0:
            self.stderr.write(
                _("… and %d more; all of them are in the console under Imports.") % left
            )


def _named(report: dict[str, Any]) -> dict[str, object]:
    """The report with names for people; those of --json are for programs."""
    figures = {name: value for name, value in report.items() if name != "dry_run"}
    if report["dry_run"]:
        return {str(PREVIEWED[name]): value for name, value in figures.items()}
    return {str(name): value for name, value in rows(figures)}


class _Bar:
    """The progress of the stretch in hand, with rate and estimate; silent without a terminal."""

    def __enter__(self) -> Self:
        self._bar = tqdm(unit="msg", desc="telegram", file=sys.stderr, disable=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, progress: Progress) -> None:
        if progress.total != self._bar.total or progress.done < self._bar.n:
            self._bar.reset(total=progress.total)
        self._bar.update(progress.done - self._bar.n)
        self._bar.set_postfix(messages=progress.summary.counts["messages"], refresh=False)


def _account(tenant: Tenant, options: dict[str, Any]) -> TelegramAccount:
    """The account that is named, the one that reads this channel, or the only one."""
    if not options["account"]:
        try:
            [feed] = feeds.find(tenant, options["channel"])
        except (ReferenceUnknown, FeedUnknown):
            pass  # Telegram says what it is
        else:
            if feed.account.state == AccountState.READY:
                return feed.account
    return telegram.find_account(tenant, options["account"])


def _moment(text: str | None) -> datetime | None:
    """Read a day (its beginning in the archive's time zone) or a moment."""
    if not text:
        return None
    try:
        moment, day = parse_datetime(text), parse_date(text)
    except ValueError:
        moment = day = None
    if day is not None:
        moment = datetime.combine(day, time())
    if moment is None:
        raise CommandError(
            _(
                "--since %s: write a day such as 2026-01-31, or a moment such as"
                " 2026-01-31T12:00+03:00"
            )
            % text,
            returncode=CANNOT_WORK,
        )
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
