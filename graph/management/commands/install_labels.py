from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from accounts.management.acting_command import ActingCommand
from graph.errors import GraphOff, GraphUnavailable
from graph.store.connection import install_labels


class Command(ActingCommand):
    help = "Make the unique keys and indexes of the graph; the first write makes them, too."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            install_labels()
        except (GraphOff, GraphUnavailable) as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write(_("Keys and indexes are there."))
