#!/usr/bin/env python
"""Django's command line, with the project's settings."""

import json
import os
import select
import signal
import sys
from typing import Any, NoReturn, TextIO

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, ManagementUtility
from django.db import ProgrammingError
from psycopg.errors import UndefinedColumn, UndefinedTable

from telegram_assistant import collecting


class CommandLine(ManagementUtility):
    """Django's command line, which tells the audit who does what the command does."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        command = super().fetch_command(subcommand)
        if apps.ready:  # not where Django itself explains what is wrong
            from accounts.audit import actors  # noqa: PLC0415 - needs Django's settings
            from telegram_assistant.management.help_in_language import (  # noqa: PLC0415 - see above
                translate_help,
            )

            actors.process_runs(subcommand)
            translate_help(command)
        collecting.begin()
        return command


class Noting:
    """A stream that knows whether anything was written to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self.used = stream, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self.used = self.used or bool(text)
        return self._stream.write(text)


def main() -> None:
    collecting.pause()  # until the command is there
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telegram_assistant.settings")
    if "--json" not in sys.argv:
        _run()
        return
    noting = sys.stdout = Noting(sys.stdout)
    try:
        _run()
    except SystemExit as end:
        if end.code and not noting.used:
            _say_failed("refused", str(end.__context__ or "wrong arguments; see --help"))
        raise


def _run() -> None:
    try:
        CommandLine(sys.argv).execute()
        sys.stdout.flush()  # here, where it is known what a broken pipe means
    except BrokenPipeError:
        if not _has_no_reader(sys.stdout.fileno()):
            raise
        # `| head` has seen enough. What is left in the buffer goes nowhere when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except ImproperlyConfigured as error:
        _end(str(error))
    except ProgrammingError as error:
        if not _is_of_old_tables(error):
            raise
        from events.inspection.tables import NO_TABLES  # noqa: PLC0415 - rarely needed

        _end(NO_TABLES)


def _is_of_old_tables(error: ProgrammingError) -> bool:
    """Whether a table is missing, or a column of a release whose migrations have not been run."""
    if not isinstance(error.__cause__, UndefinedColumn):
        return isinstance(error.__cause__, UndefinedTable)
    from events.inspection.postgresql import is_migrated  # noqa: PLC0415 - rarely needed

    return any(found.remedy for found in is_migrated())


def _has_no_reader(pipe: int) -> bool:
    """Whether nobody reads the pipe any more; a connection that broke elsewhere is another matter."""
    ends = select.poll()
    ends.register(pipe, 0)
    return any(event & select.POLLERR for _, event in ends.poll(0))


def _end(problem: str) -> NoReturn:
    """End with code 1 and the problem on stderr; with --json, stdout says the same in English."""
    from telegram_assistant.config.told import told  # noqa: PLC0415 - where settings work, nobody asks

    if "--json" in sys.argv:
        _say_failed("misconfigured", problem)
    sys.exit(told(problem))


def _say_failed(error: str, detail: str) -> None:
    report = {"state": "failed", "error": error, "detail": detail}
    sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
