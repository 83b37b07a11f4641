#!/usr/bin/env python
"""Django's command line, with the project's settings."""

import json
import os
import sys
from typing import NoReturn

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, ManagementUtility
from django.db import ProgrammingError
from psycopg.errors import UndefinedTable


class CommandLine(ManagementUtility):
    """Django's command line, which tells the audit who does what the command does."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        command = super().fetch_command(subcommand)
        if apps.ready:  # not where Django itself explains what is wrong
            from accounts.audit import actors  # noqa: PLC0415 - needs Django's settings

            actors.process_runs(subcommand)
        return command


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telegram_assistant.settings")
    try:
        CommandLine(sys.argv).execute()
    except ImproperlyConfigured as error:
        _end(str(error))
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable):
            raise
        _end("The database has no tables yet, or old ones: run `python manage.py migrate`")


def _end(problem: str) -> NoReturn:
    """End with code 1 and the problem on stderr; with --json, stdout says the same."""
    if "--json" in sys.argv:
        report = {"state": "failed", "error": "misconfigured", "detail": problem}
        sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
    sys.exit(problem)


if __name__ == "__main__":
    main()
