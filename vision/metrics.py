"""What is counted while pictures are looked at (CONTRACT §16)."""

from prometheus_client import Counter

# --- Providers: one call each -------------------------------------------------------------
FILE_UPLOADS = Counter(
    "vision_file_uploads_total", "Pictures sent to a provider, by outcome", ["status"]
)
FILE_DELETIONS = Counter(
    "vision_file_deletions_total", "Pictures removed from a provider again, by outcome", ["status"]
)
PARSED = Counter("vision_parsed_total", "Answers that could be read, and how", ["status", "method"])
PARSE_ERRORS = Counter(
    "vision_parse_errors_total", "Answers of no use, by what was wrong", ["error_type"]
)
