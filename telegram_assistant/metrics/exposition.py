"""The answer to a scrape."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from events.metrics import exemplars, measured, scrape, series
from telegram_assistant.metrics import files
from telegram_assistant.metrics.folder import VARIABLE

BACKEND_UP: Final = measured(
    "metrics_backend_up", "Whether the source of metrics answered", "target"
)
_OF_ONE_PROCESS: Final = ("process_", "python_")
"""Prefixes of prometheus_client's own metrics, which describe only the process that answers."""


def page(accept: str = "") -> tuple[bytes, str]:
    """
    Return all metrics and their media type, in the best format that `accept` asks for.

    Without the database only the figures read from it are missing. Exemplars are in the
    OpenMetrics format only.
    """
    registry = CollectorRegistry()
    registry.register(_Everything())
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Everything(Collector):
    """Counts of all processes of the folder, figures of the database; every declared series."""

    def collect(self) -> Iterator[Metric]:
        figures = scrape.read()
        found = _counted() | {metric.name: metric for metric in figures.metrics}
        found[BACKEND_UP.series.name] = _backend(is_up=figures.is_up)
        for one in series.declared():
            empty = Metric(one.family, one.documentation, _type(one.kind))
            one.complete(found.setdefault(one.family, empty), tenants=figures.tenants)
        yield from found.values()


def _counted() -> dict[str, Metric]:
    """Return what processes counted, and what libraries declare without a count yet."""
    folder = Path(os.environ[VARIABLE])
    with files.settled(folder) as paths:
        counted = list(MultiProcessCollector.merge(paths))
        exemplars.attach(counted, folder)
    found = {metric.name: metric for metric in counted}
    for metric in REGISTRY.collect():
        if metric.name not in found and not metric.name.startswith(_OF_ONE_PROCESS):
            found[metric.name] = Metric(metric.name, metric.documentation, metric.type)
    return found


def _backend(*, is_up: bool) -> GaugeMetricFamily:
    family = BACKEND_UP.family()
    family.add_metric(["database"], float(is_up))
    return family


def _type(kind: str) -> str:
    return "gauge" if kind == "measured" else kind
