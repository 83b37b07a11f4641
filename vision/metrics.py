"""Metrics of the analysis of pictures (CONTRACT §16)."""

from typing import Final

from events.metrics import ERRORS, TENANTS, counter, histogram, measured

_PAID: Final = ("gigachat",)
_PROVIDERS: Final = (*_PAID, "ocr_fallback")
_SKIPPED: Final = (
    "unsupported_mime",
    "unsupported_mime_type",
    "image_too_large",
    "document_too_large",
    "channel_skipped",
    "language_skipped",
    "ocr_cannot_read_documents",
    "small_images_filtered",
    "sampled_out",
)
BREAKER_STATES: Final = ("closed", "open", "half_open", "paused")

# --- Providers: one call each -------------------------------------------------------------
FILE_UPLOADS = counter(
    "vision_file_uploads_total",
    "Pictures sent to a provider, by outcome",
    {"status": ("success", "error")},
)
FILE_DELETIONS = counter(
    "vision_file_deletions_total",
    "Pictures removed from a provider again, by outcome",
    {"status": ("success", "gone", "error")},
)
PARSED = counter(
    "vision_parsed_total",
    "Answers that could be parsed, and how",
    {"status": ("whole", "cut"), "method": ERRORS},
)
PARSE_ERRORS = counter(
    "vision_parse_errors_total", "Answers that could not be used, by error", {"error_type": ERRORS}
)

# --- Pictures: one analysis each; labels as the contract has them -----------------------------
REQUESTS = counter(
    "vision_analysis_requests_total",
    "Pictures a provider was wanted for: success, error, or blocked before it was asked",
    {
        "status": ("success", "error", "blocked"),
        "provider": _PROVIDERS,
        "tenant": TENANTS,
    },
)
TOKENS = counter(
    "vision_tokens_used_total",
    "Tokens as the provider returned them",
    {"provider": _PROVIDERS, "tenant": TENANTS},
)
OVERRUNS = counter(
    "vision_budget_overruns_total",
    "Calls that cost more tokens than were reserved for them",
    {"provider": _PAID, "tenant": TENANTS},
)
DURATION = histogram(
    "vision_analysis_duration_seconds",
    "Time of one analysis of one picture",
    {"provider": _PROVIDERS, "has_ocr": ("true", "false")},
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60),
)
BUDGET_BLOCKS = counter(
    "vision_budget_gate_blocks_total",
    "Pictures for which there were no tokens",
    {"tenant_id": TENANTS, "reason": ("daily_limit", "monthly_limit", "backfill_limit")},
)
CACHE_HITS = counter(
    "vision_cache_hits_total",
    "Analyses that cost nothing, by where they were found",
    {"cache_type": ("row", "s3", "phash")},
)
DECISIONS = counter(
    "vision_policy_decisions_total",
    "Decisions of the policy",
    {"decision": ("vision",), "reason": ("policy_passed",)},
    {"decision": ("ocr",), "reason": ("vision_not_configured", "ocr_only_mime_type")},
    {"decision": ("skip",), "reason": _SKIPPED},
)
RETRIES = counter("vision_retries_total", "Calls that will be repeated", {"stage": ("analyze",)})

EVENT_SECONDS = histogram(
    "vision_event_duration_seconds",
    "Time from the upload of a post's media to their saved analysis; of posts that are not recent"
    " with backfill=true",
    {"backfill": ("false", "true")},
    buckets=(1, 5, 15, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600),
)

# --- Documents ------------------------------------------------------------------------------
DOCUMENTS = counter(
    "documents_read_total",
    "Documents that were read or could not be, by outcome and format",
    {
        "outcome": ("analyzed", "partial", "skipped", "failed"),
        "format": ("pdf", "docx", "pptx", "xlsx", "html", "csv", "text", "none"),
    },
)
DOCUMENT_SECONDS = histogram(
    "document_read_duration_seconds",
    "Time of one document, from its claim to its text in the database",
    buckets=(0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300),
)

# --- Read from the rows: see vision.gauges ------------------------------------------------------
BUDGET_SHARE = measured(
    "vision_budget_usage_gauge",
    "Tokens used and reserved today, as a share of the daily limit",
    "tenant_id",
)
BUDGET_TOKENS = measured(
    "vision_budget_usage_tokens", "Tokens used and reserved", "tenant_id", "period"
)
WAITING = measured(
    "vision_pictures_waiting",
    "Pictures that wait for a paid analysis, up to 1 000 of a tenant",
    "tenant_id",
    "reason",
)
BREAKER_STATE = measured(
    "circuit_breaker_state", "1 for the state the breaker is in", "name", "state"
)

# --- Breaker --------------------------------------------------------------------------------
BREAKER_CALLS = counter(
    "circuit_breaker_calls_total",
    "Calls by their result for the breaker",
    {"name": _PAID, "result": ("success", "failure", "rejected")},
)
BREAKER_FAILURES = counter(
    "circuit_breaker_failures_total", "Failures that count for the breaker", {"name": _PAID}
)
BREAKER_TRANSITIONS = counter(
    "circuit_breaker_transitions_total",
    "Changes of the breaker's state",
    {"name": _PAID, "state": ("closed", "open", "half_open")},
)
