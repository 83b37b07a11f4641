"""Metrics of the graph. Above its greatest threshold each histogram goes on."""

from datetime import timedelta
from typing import Final

from events.metrics import counter, histogram, measured

WRITTEN: Final = counter(
    "graph_written_total",
    "Posts, albums and channels that were compared with the graph, and changes that came of it",
    {"what": ("compared", "changes")},
)
WRITE_SECONDS: Final = histogram(
    "graph_write_duration_seconds",
    "Time to read a batch from PostgreSQL and to write it to the graph",
    buckets=(0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300),
)
LAG_SECONDS: Final = histogram(
    "graph_lag_seconds",
    "Time from an event to the graph that has it",
    buckets=(1, 5, 10, 30, 60, 300, 600, 3600, 6 * 3600, 24 * 3600),
)
NOTED: Final = measured(
    "graph_notes_waiting", "Deleted or renamed rows that the graph has not been told of yet"
)


def observe(compared: int, changes: int, seconds: float) -> None:
    WRITTEN.labels("compared").inc(compared)
    WRITTEN.labels("changes").inc(changes)
    WRITE_SECONDS.observe(seconds)


def observe_lag(lag: timedelta) -> None:
    LAG_SECONDS.observe(max(0.0, lag.total_seconds()))
