"""Metrics of the search: what waits for the index, and what the encoder did."""

from typing import Final

from events.metrics import counter, measured

TEXTS: Final = counter(
    "search_encoder_texts_total",
    "Texts of posts given to the encoder: encoded, or refused for good",
    {"outcome": ("encoded", "refused")},
)
FAILURES: Final = counter(
    "search_encoder_failures_total",
    "Times that the encoder did not answer, by whom it was asked for",
    {"asked_for": ("posts", "query")},
)

# --- Read from the rows: see search.monitoring.gauges ------------------------------------------------------
WAITING: Final = measured(
    "search_posts_waiting",
    "Posts that wait to be found by words, or by meaning; up to 1 000 of a tenant",
    "tenant_id",
    "index",
)
LAG: Final = measured(
    "search_lag_seconds", "How long the post has waited that waits longest", "tenant_id", "index"
)
