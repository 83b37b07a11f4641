"""The answer to a scrape."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.db import Error
from prometheus_client import REGISTRY, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from events import scrape
from telegram_assistant.metrics import files
from telegram_assistant.metrics.folder import VARIABLE

logger = logging.getLogger(__name__)

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_OF_ONE_PROCESS: Final = ("process_", "python_")
"""Prefixes of prometheus_client's own metrics, which describe only the process that answers."""


def text() -> bytes:
    """Return all metrics as text; without the database, only those read from it are missing."""
    registry = CollectorRegistry()
    registry.register(_FromFiles())
    registry.register(_FromDatabase())
    return generate_latest(registry)


class _FromFiles(Collector):
    """The counts of all processes of the folder, and the names of metrics without a count yet."""

    def collect(self) -> Iterator[Metric]:
        with files.settled(Path(os.environ[VARIABLE])) as paths:
            counted = list(MultiProcessCollector.merge(paths))
        yield from counted
        known = {metric.name for metric in counted}
        for metric in REGISTRY.collect():
            if metric.name not in known and not metric.name.startswith(_OF_ONE_PROCESS):
                yield Metric(metric.name, metric.documentation, metric.type)


class _FromDatabase(Collector):
    """The figures that rooms read from the database, and whether it was available."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "metrics_backend_up", "Whether the source of metrics answered", labels=["target"]
        )
        try:
            for collector in scrape.collectors():
                yield from list(collector.collect())
            up.add_metric(["database"], 1)
        except Error as error:
            logger.warning("metrics read from the database are left out: %s", type(error).__name__)
            up.add_metric(["database"], 0)
        yield up
