from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections
from django.utils import timezone

from events import subscriptions
from events.delivery import worker
from events.supervision.children import Child
from events.supervision.supervisor import Supervisor


class Command(BaseCommand):
    help = "Start the workers and the scheduler, and replace any process that ends."

    def others(self) -> Sequence[Child]:
        """What is supervised beside workers and scheduler."""
        return ()

    def handle(self, *args: Any, **options: Any) -> None:
        due = worker.due_queues(now=timezone.now())  # an error here shows a missing table at once
        self.stderr.write(f"Workers start: {len(due)} queues have work.")
        connections.close_all()
        Supervisor(
            subscriptions.queues(), processes=settings.WORKER_PROCESSES, others=self.others()
        ).run()
