"""
Metrics that are read when they are asked for, such as sums the database keeps anyway.

Rooms register theirs in `AppConfig.ready()`; the roof asks all of them at each scrape. A
figure read from a table is exact, and the same in every process.
"""

from collections.abc import Sequence

from prometheus_client.registry import Collector

_collectors: dict[type[Collector], Collector] = {}


def register(collector: Collector) -> None:
    """One of each class."""
    _collectors.setdefault(type(collector), collector)


def collectors() -> Sequence[Collector]:
    return tuple(_collectors.values())
