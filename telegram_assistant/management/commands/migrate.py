"""
Django's `migrate`, which refuses a database made by a version before the first release.

Of two at once, as of `make demo` and `make serve`, the second one waits: both would make the same table.
"""

import time
from typing import Any, Final

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from events.inspection.tables import REMEDY, lacking_columns
from events.postgresql.advisory_locks import try_held

TURN: Final = "migrate"
LOOK_EVERY: Final = 0.5
"""Seconds. Nobody waits within a statement: an index that is made concurrently would wait for that one."""


class Command(migrate.Command):
    """Migrate, or say what to do instead."""

    def handle(self, *args: Any, **options: Any) -> None:
        if self._in_turn(*args, **options):
            return
        self.stderr.write(_("Another process is migrating: waiting for it"))
        while not self._in_turn(*args, **options):
            time.sleep(LOOK_EVERY)

    def _in_turn(self, *args: Any, **options: Any) -> bool:
        with try_held(TURN) as is_ours:
            if is_ours:
                self._migrate(*args, **options)
        return is_ours

    def _migrate(self, *args: Any, **options: Any) -> None:
        if is_of_earlier_state(options["database"]):
            raise CommandError(REMEDY)
        super().handle(*args, **options)
        if self._is_whole(options) and lacking_columns():
            raise CommandError(REMEDY)

    def _is_whole(self, options: dict[str, Any]) -> bool:
        """Whether all of the default database was migrated, to the newest state."""
        partly = ("app_label", "plan", "check_unapplied", "prune", "fake")
        is_default = options["database"] == DEFAULT_DB_ALIAS
        return is_default and not any(options.get(name) for name in partly)


def is_of_earlier_state(alias: str) -> bool:
    """
    Whether the tables are older than the app `accounts`, which users and tenants moved to, or
    lack some of the migrations that others took the place of, and that are gone.
    """
    applied = set(MigrationRecorder(connections[alias]).applied_migrations())
    apps = {app for app, _ in applied}
    return ("events" in apps and "accounts" not in apps) or _is_between(applied)


def _is_between(applied: set[tuple[str, str]]) -> bool:
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    folded = loader.disk_migrations.items()
    return any(
        key not in applied and applied.intersection(one.replaces) and set(one.replaces) - applied
        for key, one in folded
    )
