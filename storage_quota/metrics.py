"""What Prometheus is told about the books and the limits (CONTRACT §7.7)."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from prometheus_client import Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from storage_quota import selectors
from storage_quota.models import GIB, ContentType
from storage_quota.policy import Forecast

VIOLATIONS: Final = Counter(
    "storage_quota_violations_total",
    "Uploads refused, or forecast to be, by the limit they would pass",
    ["tenant_id", "reason"],
)
CHECK_SECONDS: Final = Histogram(
    "storage_quota_check_duration_seconds",
    "Time to decide, and promise: of a forecast, or of a batch of reservations",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)


def count_refusal(tenant_id: UUID, forecast: Forecast) -> None:
    """`reason` is bucket_full, tenant_limit or type_limit."""
    known = forecast.reason in {"bucket_full", "tenant_limit"}
    VIOLATIONS.labels(str(tenant_id), forecast.reason if known else "type_limit").inc()


class LedgerCollector(Collector):
    """What is stored, read from the ledger's sums: exact, and without promises."""

    def collect(self) -> Iterator[Metric]:
        bucket = GaugeMetricFamily(
            "storage_bucket_usage_gb", "GiB stored by all tenants", labels=["content_type"]
        )
        tenant = GaugeMetricFamily(
            "tenant_storage_usage_gb",
            "GiB stored by a tenant",
            labels=["tenant_id", "content_type"],
        )
        sums = dict.fromkeys(ContentType.values, 0)
        for tenant_id, content_type, size_bytes in selectors.usage_rows():
            sums[content_type] += size_bytes
            tenant.add_metric([str(tenant_id), content_type], size_bytes / GIB)
        for content_type, size_bytes in sums.items():
            bucket.add_metric([content_type], size_bytes / GIB)
        yield from (bucket, tenant)
