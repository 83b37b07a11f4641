import logging
import os
from collections.abc import Sequence
from typing import Any

from django.conf import settings

from events import subscriptions
from events.management.commands.qcluster import Command as Cluster
from events.supervision.children import Child
from telegram_assistant import settings_audit
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
        self._announce()
        settings_audit.of_workers()
        super().handle(*args, **options)

    def _announce(self) -> None:
        """Say at the start what people look for when nothing happens."""
        for subscription in subscriptions.registered():
            name, queue = subscription.name, subscription.queue
            logger.info("Registered task %s with supervisor, queue %s", name, queue)
        if settings.VISION.feature_vision_enabled:
            logger.info("Vision Analysis task registered with supervisor")
            logger.info("Vision Analysis task started")
        limits = settings.LIMITS
        logger.info(
            "storage_quota_enabled=true: bucket %d B, tenant %d B, cleanup at %d B",
            limits.total_bytes, limits.tenant_bytes, limits.emergency_bytes,
        )  # fmt: skip
