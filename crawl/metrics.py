"""Metrics of crawling (CONTRACT §13)."""

from typing import Final

from crawl.policy import Skip, Trigger
from crawl.reasons import Reason
from events.metrics import ERRORS, counter, histogram

_READ: Final = (Reason.FETCHED, Reason.NOT_MODIFIED, Reason.NO_ARTICLE, Reason.NO_ROOM)
_AGAIN: Final = (
    Reason.TENANT_BUDGET, Reason.DOMAIN_BUDGET, Reason.RATE_LIMITED, Reason.ROBOTS_AWAY,
    Reason.SERVER_ERROR, Reason.TIMEOUT, Reason.UNREACHABLE,
)  # fmt: skip
_REFUSED: Final = (
    Reason.ROBOTS, Reason.ADDRESS, Reason.REDIRECTS, Reason.TOO_LARGE, Reason.NOT_HTML,
    Reason.UNREADABLE, Reason.HTTP_ERROR,
)  # fmt: skip
_FAILED: Final = (Reason.SERVER_ERROR, Reason.TIMEOUT, Reason.UNREACHABLE, Reason.ROBOTS_AWAY)

REQUESTS: Final = counter(
    "crawl_requests_total",
    "Visits of pages by the state that the page is in afterwards, and why",
    {"status": ("read",), "reason": _READ},
    {"status": ("waiting",), "reason": _AGAIN},
    {"status": ("refused",), "reason": _REFUSED},
    {"status": ("gone",), "reason": (Reason.GONE, *_FAILED)},
    {"status": ("failed",), "reason": _FAILED},
)
LATENCY: Final = histogram(
    "crawl_latency_seconds",
    "Time of a visit, from the request to the answer's last byte; of hosts that were counted often",
    {"host": ERRORS, "status": ("read", "waiting", "refused", "gone", "failed")},
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 15),
)
TRIGGERS: Final = counter(
    "crawl_trigger_decisions_total",
    "Posts whose links were followed, or were not, and why",
    {"decision": ("crawl",), "reason": tuple(Trigger)},
    {"decision": ("skip",), "reason": tuple(Skip)},
)
CACHE_HITS: Final = counter(
    "crawl4ai_cache_hits_total",
    "Pages that were not downloaded: asked for lately, or not changed since",
    {"type": ("fresh", "not_modified")},
)
MOST_HOSTS: Final = 50
OTHER: Final = "other"
_hosts: set[str] = set()


def host_label(host: str) -> str:
    """The host, of the first `MOST_HOSTS` of this process; `other` for all that follow."""
    if host not in _hosts and len(_hosts) < MOST_HOSTS:
        _hosts.add(host)
    return host if host in _hosts else OTHER
