"""Metrics of albums (CONTRACT §10.7). Above its greatest threshold each histogram goes on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from albums.models import AlbumStatus
from events.errors import RetryLater
from events.metrics import counter, histogram, measured
from media.metrics import count_assembled

PARSED: Final = counter(
    "albums_parsed_total",
    "Albums whose items were collected, first or anew; or could not be",
    {"status": ("ok", "error")},
)
ASSEMBLED: Final = counter(
    "albums_assembled_total",
    "Albums assembled, or attempts that failed",
    {"status": ("ok", "error")},
)
LAG_SECONDS: Final = histogram(
    "album_assembly_lag_seconds",
    "Time from the first analysis of an item to the first assembly of the album",
    buckets=(1, 5, 10, 30, 60, 300, 600, 1800, 3600, 6 * 3600, 24 * 3600),
)
SUMMARY_BYTES: Final = histogram(
    "album_vision_summary_size_bytes",
    "Size of the summary as JSON, before it is compressed",
    buckets=(100, 500, 1_000, 5_000, 10_000, 50_000, 100_000),
)
AGGREGATION_MS: Final = histogram(
    "album_aggregation_duration_ms",
    "Time to read the items, merge them, store the summary and save it, in milliseconds",
    buckets=(10, 50, 100, 500, 1_000, 5_000, 10_000, 30_000, 60_000),
)
ITEMS: Final = measured(
    "album_items_count_gauge",
    "Items of the albums in assembly: total, analyzed, pending; of the 100 that wait longest",
    "album_id",
    "status",
)


def count_parsed() -> None:
    PARSED.labels("ok").inc()


def count_failed_collection(error: Exception) -> None:
    """Count an attempt to collect an album that failed."""
    del error
    PARSED.labels("error").inc()


@contextmanager
def counting_failures() -> Iterator[None]:
    """Count an assembly that fails inside the block; one that has to wait has not failed."""
    started = time.monotonic()
    try:
        yield
    except RetryLater:
        raise
    except Exception:
        ASSEMBLED.labels("error").inc()
        count_assembled("error", time.monotonic() - started)
        raise


def observe_assembly(
    status: AlbumStatus, *, version: int, lag_seconds: float, summary_bytes: int, seconds: float
) -> None:
    """
    Observe an assembly that is committed.

    Only the first counts for the lag: the next is due to an item that came or changed later, by
    days or by years.
    """
    ASSEMBLED.labels("ok").inc()
    count_assembled("success" if status == AlbumStatus.COMPLETE else "partial", seconds)
    if version == 1:
        LAG_SECONDS.observe(lag_seconds)
    SUMMARY_BYTES.observe(summary_bytes)
    AGGREGATION_MS.observe(1000 * seconds)
