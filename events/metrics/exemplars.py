"""
Exemplars: for each bucket of a histogram the trace id of one piece of work that fell into it.

prometheus_client keeps none where several processes count, so each process has a small JSON file
of its own beside its counts. It is written once a second at most, so an exemplar may be missing,
never a count. Only the OpenMetrics format has a place for them.
"""

import json
import os
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from prometheus_client import Histogram, Metric
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from events.logs import trace

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
PREFIX: Final = "exemplars_"
LONGEST: Final = 100
"""Characters of a trace id; the format allows 128 for the name and the value."""
EVERY: Final = 1.0
"""Seconds between two writes of the file."""

Kept = dict[str, tuple[str, float, float]]
"""Trace id, value and time by series, labels and bucket."""


class TracedHistogram(Histogram):
    """A histogram that keeps the trace id of the current work as an exemplar."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        super().observe(amount)
        trace_id = trace.current()
        if 0 < len(trace_id) <= LONGEST:
            bound = next(bound for bound in self._upper_bounds if amount <= bound)
            key = _key_of(self._name, self._labelnames, self._labelvalues, bound)
            _own.keep(key, trace_id, amount)


class _Own:
    """The exemplars of this process; a fork begins with none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Kept = {}
        self._pid = os.getpid()
        self._written_at = 0.0

    def keep(self, key: str, trace_id: str, value: float) -> None:
        with self._lock:
            self._kept[key] = (trace_id, value, time.time())
            if time.monotonic() - self._written_at >= EVERY:
                self._write()

    def _write(self) -> None:
        folder = os.environ.get(FOLDER)
        if folder is None:
            return
        path = Path(folder, f"{PREFIX}{self._pid}.json")
        draft = path.with_suffix(".draft")
        # An exemplar is not worth the work that it is an example of: a full disk loses it.
        with suppress(OSError):
            draft.write_text(json.dumps(self._kept), encoding="utf-8")
            draft.replace(path)
        self._written_at = time.monotonic()


_own = _Own()


def _begin_anew() -> None:
    """A fork has no exemplars, and its lock may have been held by a thread that it lacks."""
    global _own  # noqa: PLW0603 - one for the process
    _own = _Own()


os.register_at_fork(after_in_child=_begin_anew)


def attach(metrics: Iterable[Metric], folder: Path) -> None:
    """Give the buckets of these histograms the newest exemplar that any process has."""
    kept = _read(folder)
    if not kept:
        return
    for metric in metrics:
        if metric.type == "histogram":
            metric.samples = [
                sample._replace(exemplar=_exemplar(kept, metric.name, sample.labels))
                if sample.name.endswith("_bucket")
                else sample
                for sample in metric.samples
            ]


def merge(target: Path, paths: Iterable[Path]) -> None:
    """
    Add the exemplars of these files to those of `target`.

    Without those of processes that have ended, an older one of another process would follow on
    them, and Prometheus refuses to go back.
    """
    kept: Kept = {}
    for path in (target, *paths):
        _add(kept, path)
    draft = target.with_suffix(".draft")
    draft.write_text(json.dumps(kept), encoding="utf-8")
    draft.replace(target)


def _exemplar(kept: Kept, name: str, labels: Mapping[str, str]) -> Exemplar | None:
    others = {label: value for label, value in labels.items() if label != "le"}
    found = kept.get(_key(name, others, labels["le"]))
    return Exemplar({"trace_id": found[0]}, found[1], found[2]) if found else None


def _read(folder: Path) -> Kept:
    newest: Kept = {}
    for path in folder.glob(f"{PREFIX}*.json"):
        _add(newest, path)
    return newest


def _add(kept: Kept, path: Path) -> None:
    # A process may end, and its file be deleted, while this reads.
    with suppress(OSError, ValueError):
        for key, (trace_id, value, at) in json.loads(path.read_text(encoding="utf-8")).items():
            if key not in kept or kept[key][2] < at:
                kept[key] = (trace_id, value, at)


@lru_cache(maxsize=4096)
def _key_of(
    name: str, label_names: tuple[str, ...], label_values: tuple[str, ...], bound: float
) -> str:
    labels = dict(zip(label_names, label_values, strict=True))
    return _key(name, labels, floatToGoString(bound))


def _key(name: str, labels: Mapping[str, str], le: str) -> str:
    return json.dumps([name, sorted(labels.items()), le])
