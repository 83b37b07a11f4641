"""Metrics of the analysis of pictures (CONTRACT §16)."""

from prometheus_client import Counter, Histogram

# --- Providers: one call each -------------------------------------------------------------
FILE_UPLOADS = Counter(
    "vision_file_uploads_total", "Pictures sent to a provider, by outcome", ["status"]
)
FILE_DELETIONS = Counter(
    "vision_file_deletions_total", "Pictures removed from a provider again, by outcome", ["status"]
)
PARSED = Counter(
    "vision_parsed_total", "Answers that could be parsed, and how", ["status", "method"]
)
PARSE_ERRORS = Counter(
    "vision_parse_errors_total", "Answers that could not be used, by error", ["error_type"]
)

# --- Pictures: one analysis each; labels as the contract has them -----------------------------
REQUESTS = Counter(
    "vision_analysis_requests_total",
    "Pictures a provider was wanted for: success, error, or blocked before it was asked",
    ["status", "provider", "tenant"],
)
TOKENS = Counter(
    "vision_tokens_used_total", "Tokens as the provider returned them", ["provider", "tenant"]
)
OVERRUNS = Counter(
    "vision_budget_overruns_total",
    "Calls that cost more tokens than were reserved for them",
    ["provider", "tenant"],
)
DURATION = Histogram(
    "vision_analysis_duration_seconds",
    "Time of one analysis of one picture",
    ["provider", "has_ocr"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60),
)
BUDGET_BLOCKS = Counter(
    "vision_budget_gate_blocks_total",
    "Pictures for which there were no tokens",
    ["tenant_id", "reason"],
)
CACHE_HITS = Counter(
    "vision_cache_hits_total",
    "Analyses that cost nothing, by where they were found",
    ["cache_type"],
)
DECISIONS = Counter(
    "vision_policy_decisions_total", "Decisions of the policy", ["decision", "reason"]
)
RETRIES = Counter("vision_retries_total", "Calls that will be repeated", ["stage"])

# --- Breaker --------------------------------------------------------------------------------
BREAKER_CALLS = Counter(
    "circuit_breaker_calls_total", "Calls by their result for the breaker", ["name", "result"]
)
BREAKER_FAILURES = Counter(
    "circuit_breaker_failures_total", "Failures that count for the breaker", ["name"]
)
BREAKER_TRANSITIONS = Counter(
    "circuit_breaker_transitions_total", "Changes of the breaker's state", ["name", "state"]
)
