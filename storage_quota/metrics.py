"""Prometheus metrics of the ledger, the limits and cleanups (CONTRACT §7.7)."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final
from uuid import UUID

from prometheus_client import Metric
from prometheus_client.registry import Collector

from events.metrics import TENANTS, counter, gauge, histogram, measured, scrape
from storage_quota import selectors
from storage_quota.limits import QuotaForecast
from storage_quota.models import ContentType, Reservation
from storage_quota.units import GIB

_TYPES: Final = tuple(ContentType.values)
CLEANUP_TYPES: Final = ("command", "console", "lifecycle", "operator", "threshold")
"""Who asks for cleanups."""

BUCKET_USAGE: Final = measured(
    "storage_bucket_usage_gb", "GiB stored by all tenants", "content_type"
)
TENANT_USAGE: Final = measured(
    "tenant_storage_usage_gb", "GiB stored by a tenant", "tenant_id", "content_type"
)
VIOLATIONS: Final = counter(
    "storage_quota_violations_total",
    "Uploads refused, or forecast to be, by the limit they would pass",
    {"tenant_id": TENANTS, "reason": ("bucket_full", "tenant_limit", "type_limit")},
)
CHECK_SECONDS: Final = histogram(
    "storage_quota_check_duration_seconds",
    "Time to decide about a forecast, or to decide about and make a batch of reservations",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)

CLEANUPS: Final = counter(
    "storage_emergency_cleanups_total", "Emergency cleanups that ran, whatever asked for them"
)
EVICTIONS: Final = counter(
    "storage_lru_evictions_total",
    "Objects evicted",
    {"content_type": _TYPES, "tenant_id": TENANTS},
)
EVICTION_OUTCOMES: Final = counter(
    "lru_eviction_operations_total",
    "What became of objects chosen for eviction: evicted, in_use, left",
    {"content_type": _TYPES, "reason": ("evicted", "in_use", "left")},
)
# These count up, but a Counter would add `_total` to the names that the contract gives.
EVICTION_BYTES: Final = gauge(
    "lru_eviction_freed_bytes", "Bytes freed by eviction", {"content_type": _TYPES}, mode="sum"
)
EVICTION_CANDIDATES: Final = gauge(
    "lru_candidates_scanned",
    "Candidates examined again just before their eviction",
    {"content_type": _TYPES},
    mode="sum",
)
CLEANUP_FREED_GB: Final = gauge(
    "storage_cleanup_freed_gb",
    "GiB the last cleanup freed, by who asked for it",
    {"cleanup_type": CLEANUP_TYPES},
    mode="mostrecent",
)


def count_refusal(tenant_id: UUID, forecast: QuotaForecast) -> None:
    """`reason` is bucket_full, tenant_limit or type_limit."""
    known = forecast.reason in {"bucket_full", "tenant_limit"}
    VIOLATIONS.labels(str(tenant_id), forecast.reason if known else "type_limit").inc()


def count_evictions(
    content_type: str, gone: Sequence[Reservation], *, asked: int, remaining: int
) -> None:
    """`gone` are the tombstones of the objects that were deleted."""
    for tombstone in gone:
        EVICTIONS.labels(content_type, str(tombstone.tenant_id)).inc()
    EVICTION_BYTES.labels(content_type).inc(sum(tombstone.size_bytes for tombstone in gone))
    EVICTION_CANDIDATES.labels(content_type).inc(asked)
    outcomes = {"evicted": len(gone), "left": remaining, "in_use": asked - len(gone) - remaining}
    for reason, count in outcomes.items():
        EVICTION_OUTCOMES.labels(content_type, reason).inc(count)


def record_cleanup(cleanup_type: str, *, freed_bytes: int) -> None:
    CLEANUP_FREED_GB.labels(cleanup_type).set(freed_bytes / GIB)


class LedgerCollector(Collector):
    """Reads stored bytes from the ledger's sums at each scrape; reservations are not included."""

    def collect(self) -> Iterator[Metric]:
        bucket, tenant = BUCKET_USAGE.family(), TENANT_USAGE.family()
        sums = dict.fromkeys(ContentType.values, 0)
        own = dict.fromkeys(product(scrape.few_tenants(), ContentType.values), 0)
        for tenant_id, content_type, size_bytes in selectors.usage_rows():
            sums[content_type] += size_bytes
            own[str(tenant_id), content_type] = size_bytes
        for labels, size_bytes in own.items():
            tenant.add_metric(labels, size_bytes / GIB)
        for content_type, size_bytes in sums.items():
            bucket.add_metric([content_type], size_bytes / GIB)
        yield from (bucket, tenant)
