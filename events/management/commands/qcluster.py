import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections
from django.utils import timezone

from events import rooms, subscriptions
from events.delivery import worker
from events.management.json_command import CHECKED
from events.supervision.children import Child
from events.supervision.supervisor import Supervisor

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Start the workers and the scheduler, and replace any process that ends."
    requires_system_checks = CHECKED

    def others(self) -> Sequence[Child]:
        """What is supervised beside workers and scheduler."""
        return ()

    def handle(self, *args: Any, **options: Any) -> None:
        rooms.load_all()
        due = worker.due_queues(now=timezone.now())  # an error here shows a missing table at once
        logger.info("Workers start: %d queues have work", len(due))
        connections.close_all()
        Supervisor(
            subscriptions.queues(), processes=settings.WORKER_PROCESSES, others=self.others()
        ).run()
