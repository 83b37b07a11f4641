import logging
from typing import Any

from django.conf import settings

from events.management.commands.qcluster import Command as Cluster
from telegram_assistant.metrics import server

logger = logging.getLogger(__name__)


class Command(Cluster):
    """Starts the workers, and serves their metrics on METRICS_PORT."""

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.VISION.feature_vision_enabled:
            logger.info("Vision Analysis task started")
        server.start()
        super().handle(*args, **options)
