from types import ModuleType
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from events.errors import DomainError
from vision.management.diagnostics import budget, check, policy_test, stats

PARTS: Final[dict[str, ModuleType]] = {
    "check": check,
    "stats": stats,
    "test": policy_test,
    "budget": budget,
}
"""Each module has HELP, `add_arguments(parser)` and `handle(command, **options)`."""


class Command(ActingCommand):
    needs = Action.VIEW
    of_one_tenant = True
    help = "Show what vision does, and what it costs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--post-id", metavar="UUID", help="alone: the same as `check`")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
        parts = parser.add_subparsers(dest="part", metavar="PART")
        for name, part in PARTS.items():
            part.add_arguments(parts.add_parser(name, help=part.HELP))

    def handle(self, *args: Any, part: str | None = None, **options: Any) -> None:
        if part is None and options["post_id"] is None:
            raise CommandError(
                _("Name a part: %(parts)s; or --post-id UUID") % {"parts": ", ".join(PARTS)}
            )
        try:
            PARTS[part or "check"].handle(self, **options)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                _("The database does not answer: %(error)s") % {"error": str(error).strip()}
            ) from error
