import time
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from graph.embedded import server as graph_server
from telegram_assistant.embedded_postgres import server

BEGINS_AGAIN: Final = 3.0
"""Seconds within which whoever works with the server connects again, and by that starts it."""


class Command(BaseCommand):
    help = "Show whether the embedded PostgreSQL and the embedded graph are running, or stop them."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("status", "stop"))

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        self._postgresql(action)
        if settings.NEO4J.embedded or graph_server.running(settings.GRAPH_DIR):
            self._graph(action)

    def _postgresql(self, action: str) -> None:
        data_dir = settings.DATABASES["default"].get("EMBEDDED_DIR")
        at = {"folder": data_dir}
        if data_dir is None:
            self.stdout.write(_("DATABASE_URL is set: there is no embedded PostgreSQL."))
        elif (socket := server.running_socket(data_dir)) is None:
            self.stdout.write(_("The PostgreSQL under %(folder)s is not running.") % at)
        elif action == "stop":
            is_used = bool(server.sessions(socket))
            server.stop_postgres(data_dir)
            if is_used and _begins_again(data_dir):
                raise CommandError(
                    _(
                        "The PostgreSQL under %(folder)s was stopped, and started again by a process"
                        " that works with it, as those of `make serve`: end that first."
                    )
                    % at
                )
            self.stdout.write(_("Stopped the PostgreSQL under %(folder)s.") % at)
        else:
            self.stdout.write(_("The PostgreSQL under %(folder)s is running.") % at)

    def _graph(self, action: str) -> None:
        folder = settings.GRAPH_DIR
        at = {"folder": folder}
        if graph_server.running(folder) is None:
            self.stdout.write(_("The graph under %(folder)s is not running.") % at)
        elif action == "stop":
            graph_server.stop(folder)
            self.stdout.write(_("Stopped the graph under %(folder)s.") % at)
        else:
            self.stdout.write(_("The graph under %(folder)s is running.") % at)


def _begins_again(data_dir: Path) -> bool:
    """Whether somebody starts the server that was just stopped; a copy of its files would be broken."""
    until = time.monotonic() + BEGINS_AGAIN
    while time.monotonic() < until:
        if (data_dir / "postmaster.pid").exists():
            return True
        time.sleep(0.1)
    return False
