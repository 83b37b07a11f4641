"""The base of commands whose --json holds one JSON value, whatever refuses the work."""

import json
import sys
from collections.abc import Callable
from typing import Any, Final

from django.core.checks import Tags
from django.core.management.base import (
    BaseCommand,
    CommandError,
    OutputWrapper,
    SystemCheckError,
)
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
_SHOWN: Final = {
    code: f"\\u{code:04x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"
}
"""As JSON spells them, so that --json stays JSON."""


class PlainOutput(OutputWrapper):
    """Writes control characters by their numbers: those of a stranger's text command the terminal."""

    def write(  # type: ignore[override]  # as OutputWrapper itself has it
        self,
        msg: str = "",
        style_func: Callable[[str], str] | None = None,
        ending: str | None = None,
    ) -> None:
        super().write(str(msg).translate(_SHOWN), style_func, ending)


class JsonCommand(BaseCommand):
    """A command that also says so in JSON where Django's checks find it misconfigured."""

    requires_system_checks: tuple[str, ...] = CHECKED

    def __init__(self, stdout: Any = None, stderr: Any = None, **colors: bool) -> None:
        super().__init__(stdout, stderr, **colors)
        self.stdout = PlainOutput(stdout or sys.stdout)
        style, self.stderr = self.stderr.style_func, PlainOutput(stderr or sys.stderr)
        self.stderr.style_func = style

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
