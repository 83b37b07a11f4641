"""`diag_albums stuck`: the albums to which nothing has come for long, and for what they wait."""

import json
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import acting
from albums.management.diagnostics import facts
from albums.services import overdue
from events.management.numbers import count

HELP = "the albums that wait in vain, and for what; exit code 1 if there are any"
SHOWN: Final = 50


def add_arguments(parser: CommandParser) -> None:
    facts.add_minutes_option(parser)
    parser.add_argument("--limit", type=count(), default=SHOWN, help=f"show so many ({SHOWN})")
    facts.add_json_option(parser)


def handle(command: BaseCommand, **options: Any) -> None:
    """Raises CommandError where there are stuck albums, so that a script notices."""
    now = timezone.now()
    stuck = acting.seen(overdue.without_progress(timeout=facts.patience(options), now=now))
    count = stuck.count()
    shown = stuck.select_related("channel", "tenant").order_by("updated_at")
    found = [facts.facts_of(group) for group in shown[: options["limit"]]]
    if options["json"]:
        report = {"stuck": count, "albums": found}
        command.stdout.write(json.dumps(report, ensure_ascii=False))
    else:
        for known in found:
            command.stdout.write("\n".join(_lines(known)))
    if count:
        text = ngettext("%(count)d album is stuck.", "%(count)d albums are stuck.", count)
        raise CommandError(text % {"count": count})
    if not options["json"]:
        command.stdout.write(_("No album is stuck."))


def _lines(known: dict[str, Any]) -> list[str]:
    head = _("album %(album)d of %(channel)s: %(seen)d of %(all)d analyzed, since %(since)s") % {
        "album": known["album_id"],
        "channel": known["channel"],
        "seen": known["items_analyzed"],
        "all": known["items_count"],
        "since": known["last_progress_at"],
    }
    return [head, *(f"  {line}" for line in facts.awaited_in_words(known))]
