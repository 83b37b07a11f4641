from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from graph.embedded import server as graph_server
from telegram_assistant.embedded_postgres import server


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
        elif server.running_socket(data_dir) is None:
            self.stdout.write(_("The PostgreSQL under %(folder)s is not running.") % at)
        elif action == "stop":
            server.stop_postgres(data_dir)
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
