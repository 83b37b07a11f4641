"""
The files of one folder: one set per process, and one that keeps what the dead counted.

A process leaves up to 64 KiB per kind of metric behind; commands, recycled workers and web
processes come and go for years. So whoever starts, and whoever scrapes, first adds the files
of the dead up into one set and deletes them. Counters go on from there: none ever falls.
"""

import logging
import os
import re
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from fasteners import InterProcessLock
from prometheus_client.mmap_dict import MmapedDict

from telegram_assistant.metrics.folder import VARIABLE

logger = logging.getLogger(__name__)

NAME: Final = re.compile(r"(?P<kind>counter|histogram|summary|gauge_[a-z]+)_(?P<pid>\d+)\.db")
DEAD: Final = "dead"
"""Stands in the place of a pid."""

Value = tuple[float, float]
"""A sample and, of gauges that keep the most recent one, its time."""
Values = dict[str, Value]

_one_thread = threading.Lock()


@contextmanager
def settled(folder: Path) -> Iterator[list[str]]:
    """
    The files to read, none of them of a dead process. While it lasts nobody else adds up,
    so that no reader sees a count twice or not at all.
    """
    # The lock between processes does not part the threads of one.
    with _one_thread, InterProcessLock(folder / ".lock"):
        _bury(folder)
        yield [str(path) for path in folder.glob("*.db") if path.stat().st_size]


def tidy() -> None:
    """At each start: whoever never scrapes keeps the files of one run, not of all of them."""
    with settled(Path(os.environ[VARIABLE])):
        pass


def _bury(folder: Path) -> None:
    dead: dict[str, list[Path]] = {}
    for path in folder.glob("*.db"):
        name = NAME.fullmatch(path.name)
        if name and not psutil.pid_exists(int(name["pid"])):
            dead.setdefault(name["kind"], []).append(path)
    for kind, paths in dead.items():
        if add := _ADD.get(kind):
            _merge(folder / f"{kind}_{DEAD}.db", paths, add)
        for path in paths:
            path.unlink()


def _merge(target: Path, paths: list[Path], add: Callable[[Value, Value], Value]) -> None:
    merged = _read(target)
    for path in paths:
        for key, found in _read(path).items():
            merged[key] = add(merged[key], found) if key in merged else found
    draft = target.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    file = MmapedDict(str(draft))
    for key, (value, at) in merged.items():
        file.write_value(key, value, at)
    file.close()
    draft.replace(target)


def _read(path: Path) -> Values:
    """Nothing, where a process was killed before it wrote the header."""
    try:
        rows = list(MmapedDict.read_all_values_from_file(str(path)))
    except FileNotFoundError:
        return {}
    except (struct.error, ValueError, RuntimeError) as error:
        logger.warning("%s cannot be read and is left out: %s", path, error)
        return {}
    return {key: (value, at) for key, value, at, _ in rows}


def _sum(one: Value, other: Value) -> Value:
    return one[0] + other[0], 0.0


def _most_recent(one: Value, other: Value) -> Value:
    return max(one, other, key=lambda value: value[1])


_ADD: Final[dict[str, Callable[[Value, Value], Value]]] = {
    "counter": _sum,
    "histogram": _sum,
    "summary": _sum,
    "gauge_sum": _sum,
    "gauge_max": max,
    "gauge_min": min,
    "gauge_mostrecent": _most_recent,
}
"""Other gauges speak of their process, and end with it."""
