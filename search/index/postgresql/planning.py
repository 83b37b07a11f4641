"""How a search is executed: settings of its transaction, and what the planner expects."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from django.db import connection, transaction

_SETTINGS = {
    # Compiling takes longer than any of these queries, and a second process starts in 10 ms.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    # Rows of a search lie anywhere, and in memory for the most part.
    "random_page_cost": "1.1",
    # Of common words in a big archive the bitmap of rows has to fit, or rows are checked again.
    "work_mem": "32MB",
}


@contextmanager
def settings(more: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """A transaction that plans for short queries; `more` are further settings."""
    wanted = _SETTINGS | dict(more)
    with transaction.atomic():
        with connection.cursor() as cursor:
            calls = ", ".join(["set_config(%s, %s, true)"] * len(wanted))
            cursor.execute(f"SELECT {calls}", [text for pair in wanted.items() for text in pair])
        yield


def expected_rows(sql: str, parameters: Sequence[Any]) -> int:
    """The rows that the planner expects of a query; nothing is read."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        [found] = cursor.fetchone()
    plans = json.loads(found) if isinstance(found, str) else found
    return int(plans[0]["Plan"]["Plan Rows"])
