import json
from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from accounts.access import Action, may_anywhere, visible
from accounts.acting import acting_user
from accounts.audit.events import EVENTS
from accounts.management.acting_command import ActingCommand
from accounts.models import AuditEntry
from events.management.numbers import amount, count
from events.management.tables import table

MOST = 10_000
"""Entries that one call prints; `--before` goes on with older ones."""


class Command(ActingCommand):
    help = "Show who did what, newest first."
    needs = Action.ADMINISTER
    of_one_tenant = True  # entries of the tenants that the user administers

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since", type=_moment, metavar="DATE_OR_DAYS", help="a date, a time, or 7d"
        )
        parser.add_argument("--event", metavar="CODE", help="such as sign_in.failed, or sign_in")
        parser.add_argument("--user", metavar="NAME", help="a part of the actor's name")
        parser.add_argument("--object", metavar="ID", help="the id of an object, complete")
        parser.add_argument(
            "--before", type=count(), metavar="ENTRY", help="only entries before this"
        )
        parser.add_argument("--limit", type=count(MOST), default=50, help="at most so many (50)")
        parser.add_argument("--json", action="store_true", help="one JSON array on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        entries = list(_chosen(options)[: options["limit"]])
        if options["json"]:
            found = [_as_json(entry) for entry in entries]
            self.stdout.write(json.dumps(found, ensure_ascii=False))
            return
        head = [_("Entry"), _("Time"), _("Event"), _("Who"), _("From"), _("Object"), _("Tenant")]
        for line in table(head, [_row(entry) for entry in entries]):
            self.stdout.write(line)
        if len(entries) == options["limit"]:
            self.stderr.write(_("There may be more: --before %s") % entries[-1].pk)


def _chosen(options: dict[str, Any]) -> QuerySet[AuditEntry]:
    user = acting_user()
    if user and not may_anywhere(user, Action.ADMINISTER):
        raise CommandError(
            _("%s administers no tenant: the audit is for those who do") % user.get_username()
        )
    entries = AuditEntry.objects.order_by("-pk")
    found = visible(entries, user, Action.ADMINISTER) if user else entries
    if options["since"]:
        found = found.filter(at__gte=options["since"])
    if code := options["event"]:
        found = found.filter(event__in=_codes(code))
    if options["user"]:
        found = found.filter(actor_name__icontains=options["user"])
    if options["object"]:
        found = found.filter(object_key=options["object"])
    if options["before"] is not None:
        found = found.filter(pk__lt=options["before"])
    return found


def _codes(text: str) -> list[str]:
    """The event of this code, or all events whose code begins with it and a point."""
    codes = [code for code in EVENTS if code == text or code.startswith(f"{text}.")]
    if not codes:
        raise CommandError(
            _("There is no event %(code)r; there are: %(codes)s")
            % {"code": text, "codes": ", ".join(EVENTS)}
        )
    return codes


def _row(entry: AuditEntry) -> tuple[object, ...]:
    return (
        str(entry.pk),
        timezone.localtime(entry.at).isoformat(sep=" ", timespec="seconds"),
        entry.event,
        entry.actor_name or entry.actor_kind,
        entry.address,
        entry.object_name or entry.object_key,
        entry.tenant_name,
    )


def _as_json(entry: AuditEntry) -> dict[str, Any]:
    return {
        "entry": entry.pk,
        "at": entry.at.isoformat(),
        "event": entry.event,
        "actor": {"kind": entry.actor_kind, "name": entry.actor_name, "user": entry.actor_id},
        "address": entry.address,
        "object": {
            "kind": entry.object_kind,
            "id": entry.object_key,
            "name": entry.object_name,
        },
        "tenant": str(entry.tenant_id) if entry.tenant_id else None,
        "trace_id": entry.trace_id,
        "before": entry.before,
        "after": entry.after,
    }


def _moment(text: str) -> datetime:
    """Parse 7d, 2026-11-21 or 2026-11-21T12:00; without a zone it is that of the installation."""
    try:
        if text.endswith("d"):
            return timezone.now() - timedelta(days=amount(text[:-1]))
        found = parse_datetime(text)
        if found is None and (day := parse_date(text)):
            found = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - gets its zone below
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(_("%r: there is no such time") % text) from error
    if found is None:
        raise ArgumentTypeError(
            _("%r is no date, no time, and no number of days such as 7d") % text
        )
    return found if timezone.is_aware(found) else timezone.make_aware(found)
