"""
The registry of metrics that are read at each scrape, such as sums over a table.

Rooms register their collectors in `Room.connect()`; `telegram_assistant.metrics` runs all of
them. A figure read from a table is exact, and the same in every process. Each collector must cost
the same however large the archive is: sums that are kept, partial indexes, counts with a limit.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.apps import apps
from django.db import Error, connection, transaction
from prometheus_client import Metric
from prometheus_client.registry import Collector

from events import rooms

logger = logging.getLogger(__name__)

KEPT: Final = 5.0
"""Seconds for which figures answer again: several scrapers ask the database once."""
STATEMENT_SECONDS: Final = 5
"""After this a statement is ended: Prometheus waits ten seconds for the whole page."""
COUNTED: Final = 1_000
"""Rows of a backlog are counted up to here: an import can leave a million."""
MANY_TENANTS: Final = 50
"""With more tenants than this, a tenant's series begin with its first count, not with a 0."""

_collectors: dict[type[Collector], Collector] = {}


def register(collector: Collector) -> None:
    """Register a collector; a second one of the same class is ignored."""
    _collectors.setdefault(type(collector), collector)


def collectors() -> Sequence[Collector]:
    rooms.connect_all()
    return tuple(_collectors.values())


@dataclass(frozen=True, slots=True)
class Figures:
    """What the database answered, and when; `is_up` is false where it did not answer all."""

    metrics: Sequence[Metric] = ()
    tenants: Sequence[str] = ()
    """Ids of the tenants whose series are to begin with 0."""
    is_up: bool = False
    at: float = field(default_factory=time.monotonic)


_lock = threading.Lock()
_last: Figures | None = None


def read() -> Figures:
    """
    Return the figures of all collectors, those of the last seconds where there are any.

    Of a database that hangs one scrape at a time waits; the others say soon that it is not up.
    """
    global _last  # noqa: PLW0603 - one for the process
    if not _lock.acquire(timeout=STATEMENT_SECONDS):
        return Figures()
    try:
        if _last is None or not _last.is_up or time.monotonic() - _last.at > KEPT:
            _last = _ask()
        return _last
    finally:
        _lock.release()


def forget() -> None:
    """Let the next scrape ask the database."""
    global _last  # noqa: PLW0603 - see above
    _last = None


def _ask() -> Figures:
    found: list[Metric] = []
    tenants: Sequence[str] = ()
    try:
        tenants = few_tenants()
        for collector in collectors():
            with transaction.atomic():
                _limit_time()
                found += collector.collect()
    except Error as error:
        logger.warning("metrics read from the database are left out: %s", type(error).__name__)
        return Figures(found, tenants)
    return Figures(found, tenants, is_up=True)


def few_tenants() -> Sequence[str]:
    """Return the ids of all tenants, or none where they are many: then zeros would be too."""
    tenants = apps.get_model("accounts", "Tenant").objects.order_by("pk").values_list("pk")
    found = [str(tenant_id) for (tenant_id,) in tenants[: MANY_TENANTS + 1]]
    return found if len(found) <= MANY_TENANTS else ()


def _limit_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
