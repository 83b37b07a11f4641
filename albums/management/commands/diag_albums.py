from types import ModuleType
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from albums.management.diagnostics import reassemble, state, stuck
from events.errors import DomainError
from events.management.json_command import CANNOT_WORK

PARTS: Final[dict[str, ModuleType]] = {"state": state, "stuck": stuck, "reassemble": reassemble}
"""Each module has HELP, `add_arguments(parser)` and `handle(command, **options)`."""


class Command(ActingCommand):
    needs = Action.VIEW
    of_one_tenant = True
    help = "Show how albums are assembled, for what they wait, and have them assembled again."

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="part", metavar="PART")
        for name, part in PARTS.items():
            part.add_arguments(parts.add_parser(name, help=part.HELP))

    def handle(self, *args: Any, part: str | None = None, **options: Any) -> None:
        if part is None:
            raise CommandError(_("Name a part: %(parts)s") % {"parts": ", ".join(PARTS)})
        try:
            PARTS[part].handle(self, **options)
        except DomainError as refusal:
            self.say_failed({"error": refusal.code, "detail": str(refusal)}, options)
            raise CommandError(str(refusal)) from refusal
        except (OperationalError, InterfaceError) as error:
            detail = str(error).strip()
            self.say_failed({"error": "database_away", "detail": detail}, options)
            raise CommandError(
                _("The database does not answer: %(error)s") % {"error": detail},
                returncode=CANNOT_WORK,
            ) from error
