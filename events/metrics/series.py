"""Declared series: their names, labels, and the values that the labels can have."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from prometheus_client import Counter, Gauge, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.samples import Sample
from prometheus_client.utils import INF, floatToGoString

from events.metrics.exemplars import TracedHistogram


class Unlisted(Enum):
    """Values of a label that no module can list."""

    TENANTS = "tenants"
    """The ids of the tenants there are."""
    ERRORS = "errors"
    """Codes that come from libraries: such a series begins with its first count."""


TENANTS: Final = Unlisted.TENANTS
ERRORS: Final = Unlisted.ERRORS
Values = Sequence[str] | Unlisted
"""What a label can be."""
Labels = Mapping[str, Values]
LabelValues = frozenset[tuple[str, str]]

NEVER: Final = frozenset(
    {"post_id", "post", "channel", "channel_id", "channel_username", "sha256", "media_id", "pid"}
)
"""Labels that would make a series of every post or channel (CONTRACT §16.1)."""


@dataclass(frozen=True, slots=True)
class Series:
    """
    A declared series.

    `name` is the one in queries, `family` the one in HELP and TYPE, which of a counter lacks
    `_total`. `labels` are mappings with the same keys in the same order; each describes a group
    of combinations that can occur.
    """

    name: str
    family: str
    kind: str
    documentation: str
    labels: tuple[Labels, ...]
    buckets: tuple[float, ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(self.labels[0]) if self.labels else ()

    def complete(self, counted: Metric, *, tenants: Sequence[str]) -> None:
        """Add a 0 for each known combination of labels that has not been counted yet."""
        if self.kind == "measured":
            return
        there = {_values(sample.labels) for sample in counted.samples}
        for labels in self._combinations(tenants):
            if _values(labels) not in there:
                counted.samples += self._zeros(labels)

    def _combinations(self, tenants: Sequence[str]) -> Iterator[dict[str, str]]:
        known = {TENANTS: tenants, ERRORS: ()}
        groups: Sequence[Labels] = self.labels or ({},)
        for group in groups:
            values = [known[v] if isinstance(v, Unlisted) else v for v in group.values()]
            for chosen in itertools.product(*values):
                yield dict(zip(group, chosen, strict=True))

    def _zeros(self, labels: dict[str, str]) -> Iterator[Sample]:
        if self.kind != "histogram":
            yield Sample(self.name, labels, 0.0)
            return
        for bound in self.buckets:
            yield Sample(f"{self.name}_bucket", {**labels, "le": floatToGoString(bound)}, 0.0)
        yield Sample(f"{self.name}_count", labels, 0.0)
        yield Sample(f"{self.name}_sum", labels, 0.0)


def _values(labels: Mapping[str, str]) -> LabelValues:
    return frozenset((name, value) for name, value in labels.items() if name != "le")


@dataclass(frozen=True, slots=True)
class Measured:
    """A gauge that is read from the database at each scrape; `family` begins an empty one."""

    series: Series

    def family(self) -> GaugeMetricFamily:
        one = self.series
        return GaugeMetricFamily(one.name, one.documentation, labels=one.label_names)


_declared: dict[str, Series] = {}


def declared() -> Sequence[Series]:
    """Return every series of every room that has been imported, in the order of declaration."""
    return tuple(_declared.values())


def counter(name: str, documentation: str, *labels: Labels) -> Counter:
    """Declare a counter; its name ends with `_total`."""
    if not name.endswith("_total"):
        raise ValueError(f"the counter {name} must end with _total")
    family = name.removesuffix("_total")
    one = _declare(Series(name, family, "counter", documentation, labels))
    return Counter(name, documentation, one.label_names)


def histogram(
    name: str, documentation: str, *labels: Labels, buckets: Sequence[float]
) -> TracedHistogram:
    """Declare a histogram with these upper bounds, in the unit that the name has."""
    bounds = (*buckets, INF)
    one = _declare(Series(name, name, "histogram", documentation, labels, bounds))
    return TracedHistogram(name, documentation, one.label_names, buckets=buckets)


def gauge(name: str, documentation: str, *labels: Labels, mode: str) -> Gauge:
    """
    Declare a gauge that processes set.

    `mode` says how those of several processes are one: `sum`, `max`, `min` or `mostrecent`; with
    `live` before it, a process that has ended counts no more.
    """
    one = _declare(Series(name, name, "gauge", documentation, labels))
    return Gauge(name, documentation, one.label_names, multiprocess_mode=mode)  # type: ignore[arg-type]


def measured(name: str, documentation: str, *label_names: str) -> Measured:
    """Declare a gauge that a collector reads from the database; see `scrape`."""
    labels: tuple[Labels, ...] = (dict.fromkeys(label_names, ERRORS),) if label_names else ()
    return Measured(_declare(Series(name, name, "measured", documentation, labels)))


def _declare(series: Series) -> Series:
    if series.name in _declared:
        raise ValueError(f"the metric {series.name} is declared twice")
    if forbidden := NEVER & set(series.label_names):
        raise ValueError(f"{series.name}: {', '.join(forbidden)} would have no bound")
    if any(tuple(group) != series.label_names for group in series.labels):
        raise ValueError(f"{series.name}: the groups of labels have different names")
    return _declared.setdefault(series.name, series)
