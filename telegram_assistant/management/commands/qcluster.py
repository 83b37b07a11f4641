import logging
import os
from collections.abc import Sequence
from typing import Any

from django.conf import settings

from events.management.commands.qcluster import Command as Cluster
from events.supervision.children import Child
from telegram_assistant.metrics import server

logger = logging.getLogger(__name__)


class Command(Cluster):
    """Starts the workers, and serves their metrics on METRICS_PORT."""

    def others(self) -> Sequence[Child]:
        if not settings.METRICS.port:
            return ()
        supervisor = os.getpid()
        return [Child("metrics", lambda: server.serve_beside(supervisor), title="metrics")]

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.VISION.feature_vision_enabled:
            logger.info("Vision Analysis task started")
        super().handle(*args, **options)
