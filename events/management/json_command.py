"""The base of commands whose --json holds one JSON value, whatever refuses the work."""

import json
from typing import Any, Final

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, SystemCheckError
from django.utils.translation import gettext

from events.sentences import retold

CONFIGURATION: Final = "configuration"
"""The tag of checks of what people configure."""
CHECKED: Final = (CONFIGURATION, Tags.translation)
"""
What commands check at their start. Whether the program itself is right, its pages for instance, is
the same in all installations: `check` and `migrate` say so, and loading all of it takes a second.
"""
CANNOT_WORK = 2
"""Exit code of a command that could not do its work at all."""


class JsonCommand(BaseCommand):
    """A command that also says so in JSON where Django's checks find it misconfigured."""

    requires_system_checks: tuple[str, ...] = CHECKED

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except SystemCheckError as refusal:
            self.say_failed({"error": "misconfigured", "detail": str(refusal)}, options)
            refusal.returncode = CANNOT_WORK
            raise
        except CommandError as refusal:
            # Refusals of the domain are English sentences; whoever reads them may read Russian.
            refusal.args = (retold(str(refusal), gettext),)
            raise

    def say_failed(self, report: dict[str, Any], options: dict[str, Any]) -> None:
        """Write the report of a failure to stdout, if JSON is asked for."""
        if options.get("json"):
            out = options.get("stdout") or self.stdout
            out.write(json.dumps({"state": "failed", **report}, ensure_ascii=False) + "\n")
