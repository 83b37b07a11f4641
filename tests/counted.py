"""What this process has counted, and every series that CONTRACT §16.1 wants of the rooms there are."""

from prometheus_client import REGISTRY

CONTRACT = {
    "storage_bucket_usage_gb": {"content_type"},
    "storage_quota_violations_total": {"tenant_id", "reason"},
    "storage_emergency_cleanups_total": set(),
    "tenant_storage_usage_gb": {"tenant_id", "content_type"},
    "vision_analysis_requests_total": {"status", "provider", "tenant"},
    "vision_tokens_used_total": {"provider", "tenant"},
    "vision_analysis_duration_seconds": {"provider", "has_ocr"},
    "vision_budget_gate_blocks_total": {"tenant_id", "reason"},
    "vision_budget_usage_gauge": {"tenant_id"},
    "s3_upload_duration_seconds": {"content_type", "size_bucket"},
    "s3_operations_total": {"operation", "result", "content_type"},
    "media_processing_total": {"stage", "media", "outcome"},
    "media_bytes_total": {"media"},
    "media_size_bytes": {"media"},
    "media_processing_duration_seconds": {"stage", "media", "outcome"},
    "media_albums_processed_total": {"status"},
    "media_objects_upserted_total": {"status"},
    "media_objects_refs_updated_total": set(),
    "post_media_map_inserted_total": {"status"},
    "parser_hwm_age_seconds": set(),
    "metrics_backend_up": {"target"},
    "albums_parsed_total": {"status"},
    "albums_assembled_total": {"status"},
    "album_assembly_lag_seconds": set(),
    "album_vision_summary_size_bytes": set(),
    "album_aggregation_duration_ms": set(),
    "album_items_count_gauge": {"album_id", "status"},
    "retagging_processed_total": {"changed", "outcome"},
    "retagging_duration_seconds": {"changed"},
    "retagging_dlq_total": {"reason"},
    "retagging_skipped_total": {"reason"},
    "tagging_processed_total": {"status"},
    "tagging_dlq_total": {"reason"},
    "tagging_redis_dedup_hits_total": set(),
    "tagging_requests_total": {"provider", "model", "success"},
    "tagging_latency_seconds": {"provider", "model"},
    "tagging_failures_total": {"provider", "reason"},
}
"""Names and labels."""
WHILE_IT_LASTS = {
    "album_items_count_gauge", "parser_hwm_age_seconds", "retagging_dlq_total", "tagging_dlq_total",
    "tagging_failures_total",
}  # fmt: skip
"""
There are none of these while no album is in assembly, no channel is read from Telegram, and nothing
failed: the codes of errors are those of libraries.
"""
HISTOGRAMS = {
    name for name in CONTRACT if name.split("_")[-1] in {"seconds", "bytes", "ms"}
} - WHILE_IT_LASTS


def samples_of(name: str) -> set[str]:
    """The names under which Prometheus stores the metric."""
    return (
        {f"{name}_{part}" for part in ("bucket", "count", "sum")} if name in HISTOGRAMS else {name}
    )


def counted(name: str, **labels: str) -> float:
    """
    The sample as this process has counted it; 0 before the first count.

    Whoever counts it is asked, and all others only where nobody says so: they take 20 ms.
    """
    of_it = REGISTRY.restricted_registry([name])
    for family in (of_it if name in REGISTRY._names_to_collectors else REGISTRY).collect():
        for sample in family.samples:
            if (sample.name, sample.labels) == (name, labels):
                return sample.value
    return 0.0


class Growth:
    """The increase of samples since the last look: `growth(name, **labels)` begins with 0."""

    def __init__(self) -> None:
        self._before = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return counted(name, **labels) - self._before.get((name, *sorted(labels.items())), 0.0)
