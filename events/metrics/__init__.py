"""
The register of metrics. A room declares its series in its own `metrics` module, each once.

`series` has what is counted in processes, `scrape` what is read from the database at each scrape;
`telegram_assistant.metrics` shows both. What is declared is there from the start, with 0 for every
known combination of labels: Prometheus's `increase()` cannot see the first count of a series that
was not there before.
"""

from events.metrics.committed import count_when_committed
from events.metrics.scrape import register
from events.metrics.series import ERRORS, TENANTS, counter, gauge, histogram, measured

__all__ = [
    "ERRORS",
    "TENANTS",
    "count_when_committed",
    "counter",
    "gauge",
    "histogram",
    "measured",
    "register",
]
