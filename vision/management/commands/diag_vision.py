from types import ModuleType
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from vision.management.diagnostics import budget

PARTS: Final[dict[str, ModuleType]] = {"budget": budget}
"""Each has HELP, `add_arguments(parser)` and `handle(command, **options)`."""


class Command(BaseCommand):
    help = "Look into what vision does, and what it costs."

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True)
        for name, part in PARTS.items():
            part.add_arguments(parts.add_parser(name, help=part.HELP))

    def handle(self, *args: Any, part: str, **options: Any) -> None:
        PARTS[part].handle(self, **options)
