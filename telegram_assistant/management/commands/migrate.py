"""Django's `migrate`, which refuses a database made by a version before the first release."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

REMEDY = (
    "This database was made by a version before the first release, and its tables cannot be"
    " upgraded. Start with an empty database (rename the folder VAR_DIR, or name a new database"
    " in DATABASE_URL) and import your exports again."
)


class Command(migrate.Command):
    """Migrate, or say what to do instead."""

    def handle(self, *args: Any, **options: Any) -> None:
        if is_of_earlier_state(options["database"]):
            raise CommandError(REMEDY)
        super().handle(*args, **options)


def is_of_earlier_state(alias: str) -> bool:
    """Whether the tables are older than the app `accounts`, which users and tenants moved to."""
    applied = {app for app, _ in MigrationRecorder(connections[alias]).applied_migrations()}
    return "events" in applied and "accounts" not in applied
