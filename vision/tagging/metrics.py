"""Metrics of tagging (CONTRACT §11)."""

from typing import Final

from events.metrics import ERRORS, counter, histogram

_PROVIDERS: Final = ("local",)
_SECONDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)

PROCESSED = counter(
    "tagging_processed_total",
    "Posts that were to be tagged, by outcome: tagged, empty (no tag), skipped (nothing new), error",
    {"status": ("tagged", "empty", "skipped", "error")},
)
DLQ = counter("tagging_dlq_total", "Posts whose tagging was given up, by error", {"reason": ERRORS})
DEDUP_HITS = counter(
    "tagging_redis_dedup_hits_total",
    "Posts whose text had been tagged already; named by the contract, no Redis is used",
)
REQUESTS = counter(
    "tagging_requests_total",
    "Posts that a tagger was asked about",
    {"provider": _PROVIDERS, "model": ("keywords-1",), "success": ("true", "false")},
)
LATENCY = histogram(
    "tagging_latency_seconds",
    "Time in which a tagger answers about one post",
    {"provider": _PROVIDERS, "model": ("keywords-1",)},
    buckets=_SECONDS,
)
FAILURES = counter(
    "tagging_failures_total",
    "Taggers that failed, by error",
    {"provider": _PROVIDERS, "reason": ERRORS},
)
RETAGGED = counter(
    "retagging_processed_total",
    "Posts tagged again after an analysis: whether their tags changed",
    {"changed": ("true", "false"), "outcome": ("ok", "err")},
)
RETAG_SECONDS = histogram(
    "retagging_duration_seconds",
    "Time to tag a batch of posts again, for each of them",
    {"changed": ("true", "false")},
    buckets=_SECONDS,
)
RETAG_DLQ = counter(
    "retagging_dlq_total", "Analyses after which tagging was given up, by error", {"reason": ERRORS}
)
RETAG_SKIPPED = counter(
    "retagging_skipped_total",
    "Analyses after which nothing was to be tagged again",
    {"reason": ("vision_skipped", "version_check_failed", "post_not_found", "no_changes")},
)


def count_failed_tagging(error: Exception) -> None:
    del error
    PROCESSED.labels("error").inc()


def count_failed_retagging(error: Exception) -> None:
    del error
    RETAGGED.labels("false", "err").inc()
