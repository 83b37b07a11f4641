from typing import Any

from django_q.management.commands.qcluster import Command as Cluster

from events import tasks


class Command(Cluster):  # type: ignore[misc]  # django-q2 has no types
    """django-q2's own command, which first rings for what earlier workers left behind."""

    def handle(self, *args: Any, **options: Any) -> None:
        self.stderr.write(f"Workers start: {tasks.redeliver_due()}.")
        super().handle(*args, **options)
