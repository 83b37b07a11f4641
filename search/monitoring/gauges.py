"""Gauges that Prometheus reads from the rows: how far the index is behind."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.registry import Collector

from search import metrics
from search.monitoring.status import lags


class SearchCollector(Collector):
    """Gauges at the time of the scrape."""

    def collect(self) -> Iterator[Metric]:
        waiting, seconds = metrics.WAITING.family(), metrics.LAG.family()
        for lag in lags():
            waiting.add_metric([lag.tenant_id, lag.index], lag.posts)
            seconds.add_metric([lag.tenant_id, lag.index], lag.seconds)
        yield from (waiting, seconds)
