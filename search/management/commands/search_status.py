import json
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from events.management.tables import table
from search.monitoring.status import Status, status


class Command(ActingCommand):
    needs = Action.VIEW
    help = "How far the search index is behind the archive, and which model serves."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        found = status()
        if options["json"]:
            self.stdout.write(json.dumps(found.as_dict(), ensure_ascii=False))
        else:
            self._print(found)
        if found.late:
            raise SystemExit(1)

    def _print(self, found: Status) -> None:
        self.stdout.write(_("Encoder: %s") % found.encoder)
        self.stdout.write(_("Queries are compared with: %s") % (found.serves or "-"))
        if found.no_meaning:
            self.stdout.write(_("By words only: %s") % found.no_meaning)
        if found.is_changing:
            self.stdout.write(_("The archive is being encoded anew; the former model serves."))
        self.stdout.write(_("Posts without a vector: %d") % found.waiting)
        if found.lags:
            rows = [[lag.tenant_id, lag.index, lag.posts, round(lag.seconds)] for lag in found.lags]
            head = [_("tenant"), _("index"), _("posts"), _("seconds")]
            self.stdout.write("\n".join(table(head, rows)))
