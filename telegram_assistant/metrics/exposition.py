"""One answer to one scrape."""

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
"""prometheus_client's own figures, which would speak of whoever happens to answer."""


def text() -> bytes:
    """Prometheus's text format. The database being away leaves only its figures out."""
    registry = CollectorRegistry()
    registry.register(_Counted())
    registry.register(_Read())
    return generate_latest(registry)


class _Counted(Collector):
    """What the processes of the folder counted; also what nobody has counted yet, by name."""

    def collect(self) -> Iterator[Metric]:
        with files.settled(Path(os.environ[VARIABLE])) as paths:
            counted = list(MultiProcessCollector.merge(paths))
        yield from counted
        known = {metric.name for metric in counted}
        for metric in REGISTRY.collect():
            if metric.name not in known and not metric.name.startswith(_OF_ONE_PROCESS):
                yield Metric(metric.name, metric.documentation, metric.type)


class _Read(Collector):
    """What the rooms read from the database, and whether it was there."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "metrics_backend_up", "Whether what metrics are read from answered", labels=["target"]
        )
        try:
            for collector in scrape.collectors():
                yield from list(collector.collect())
            up.add_metric(["database"], 1)
        except Error as error:
            logger.warning("figures of the database are left out: %s", type(error).__name__)
            up.add_metric(["database"], 0)
        yield up
