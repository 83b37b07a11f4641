"""
The files of one folder: a set for each process, and one for all processes that have ended.

A process leaves up to 64 KiB for each kind of metric, and commands, recycled workers and web
processes end all the time. So each start and each scrape first adds the files of ended processes
to one set, and deletes them. Counters continue from there and never fall.
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

from events.metrics import exemplars
from events.metrics.exemplars import PREFIX
from telegram_assistant.metrics.folder import VARIABLE, remove_abandoned

logger = logging.getLogger(__name__)

EXEMPLARS: Final = PREFIX.removesuffix("_")
NAME: Final = re.compile(
    rf"(?P<kind>counter|histogram|summary|gauge_[a-z]+|{EXEMPLARS})_(?P<pid>\d+)\.(db|json|draft)"
)
DEAD: Final = "dead"
"""The word that replaces the pid in the file names of that set."""

Value = tuple[float, float]
"""A sample and its time, which only gauges of the kind `mostrecent` use."""
Values = dict[str, Value]

_thread_lock = threading.Lock()


@contextmanager
def settled(folder: Path) -> Iterator[list[str]]:
    """
    Merge the files of ended processes, and yield the paths of all files to read.

    Inside the block no other process merges, so a reader sees every count exactly once.
    """
    # The lock on the file separates processes, not the threads of one process.
    with _thread_lock, InterProcessLock(folder / ".lock"):
        _merge_ended(folder)
        yield [str(path) for path in folder.glob("*.db") if path.stat().st_size]


def tidy() -> None:
    """Merge at a start; an installation that is never scraped would keep the files of every run."""
    folder = Path(os.environ[VARIABLE])
    with settled(folder):
        pass
    remove_abandoned(folder)


def _merge_ended(folder: Path) -> None:
    dead: dict[str, list[Path]] = {}
    for path in folder.iterdir():
        name = NAME.fullmatch(path.name)
        if name and _has_ended(int(name["pid"])):
            dead.setdefault(name["kind"], []).append(path)
    for kind, paths in dead.items():
        if kind == EXEMPLARS:
            exemplars.merge(folder / f"{PREFIX}{DEAD}.json", paths)
        elif add := _ADD.get(kind):
            _merge(folder / f"{kind}_{DEAD}.db", paths, add)
        for path in paths:
            path.unlink()


def _has_ended(pid: int) -> bool:
    """Whether the process counts no more; in a container often nobody collects the dead."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


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
    """Read a file; an empty result if its process was killed before it wrote the header."""
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
"""How to add up each kind; other kinds of gauges describe a process, and end with it."""
