"""
The registry of metrics that are computed at each scrape, such as sums over a table.

Rooms register their collectors in `AppConfig.ready()`; `telegram_assistant.metrics` runs all of
them at each scrape. A figure read from a table is exact, and the same in every process.
"""

from collections.abc import Sequence

from prometheus_client.registry import Collector

_collectors: dict[type[Collector], Collector] = {}


def register(collector: Collector) -> None:
    """Register a collector; a second one of the same class is ignored."""
    _collectors.setdefault(type(collector), collector)


def collectors() -> Sequence[Collector]:
    return tuple(_collectors.values())
