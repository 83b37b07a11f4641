"""The gauge of notes that wait, read from the table."""

from collections.abc import Iterator

from django.db import connection
from prometheus_client import Metric
from prometheus_client.registry import Collector

from graph import metrics


class GraphCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        family = metrics.NOTED.family()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM graph_notes")
            family.add_metric([], cursor.fetchone()[0])
        yield family
