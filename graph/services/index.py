"""Bringing the graph in line with the archive."""

import time
from datetime import timedelta
from typing import Final

from events.errors import RetryLater
from events.postgresql import advisory_locks
from graph import metrics
from graph.sources.read import Changed, read, version_now
from graph.store.write import Written, write

LOCK: Final = "graph:write"
"""
One writer at a time: ArcadeDB lets one of two that meet on a page fail, and both meet on each
channel, tag and link.
"""
PATIENCE: Final = timedelta(seconds=60)


def index(changed: Changed, *, repair: bool = False) -> Written:
    """
    Write what is true of these posts, albums and channels; what is right already is left alone.

    Raises GraphOff, GraphUnavailable, and RetryLater where another writer takes long.
    """
    started = time.monotonic()
    try:
        with advisory_locks.held(LOCK, timeout=PATIENCE):
            version = version_now()
            done = write(read(changed), version=version, now=version_now, repair=repair)
    except advisory_locks.LockTimeout as busy:
        raise RetryLater(str(busy), after=PATIENCE) from busy
    metrics.observe(changed.count, done.changed, time.monotonic() - started)
    return done
