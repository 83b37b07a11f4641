"""Metrics of tagging (CONTRACT §11)."""

from typing import Final

from events.metrics import ERRORS, counter, histogram

_LOCAL: Final = "local"
_PAID: Final = "gigachat"
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
    {"provider": (_LOCAL,), "model": ("keywords-1",), "success": ("true", "false")},
)
LATENCY = histogram(
    "tagging_latency_seconds",
    "Time in which a tagger answers about one post",
    {"provider": (_LOCAL,), "model": ("keywords-1",)},
    buckets=_SECONDS,
)
FAILURES = counter(
    "tagging_failures_total",
    "Times that a tagger failed, by error",
    {"provider": (_LOCAL, _PAID), "reason": ERRORS},
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


def count_asked(model: str, *, seconds: float = 0.0, failure: str = "") -> None:
    """Count a call of the paid tagger; `failure` says why it led to no tags."""
    REQUESTS.labels(_PAID, model, str(not failure).lower()).inc()
    if failure:
        FAILURES.labels(_PAID, failure).inc()
    if seconds:
        LATENCY.labels(_PAID, model).observe(seconds)


def count_failed_tagging(error: Exception) -> None:
    del error
    PROCESSED.labels("error").inc()


def count_failed_retagging(error: Exception) -> None:
    del error
    RETAGGED.labels("false", "err").inc()
