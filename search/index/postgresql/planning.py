"""How a search is executed: settings of its transaction, and what the planner expects."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

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


WALK: Final = {"enable_sort": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""
Rows are read in the order of an index and looked up one by one: the planner believes that sorting
a tenth of an archive by distance costs less.
"""


@contextmanager
def settings(more: Mapping[str, str] = _SETTINGS) -> Iterator[None]:
    """A transaction that plans for short queries; `more` are further settings, for it alone."""
    wanted = _SETTINGS | dict(more)
    is_inner = connection.in_atomic_block
    with transaction.atomic():
        before = _current(wanted) if is_inner else {}
        _set(wanted)
        yield
        if before:  # an outer transaction goes on with what it had
            _set(before)


def _current(names: Iterable[str]) -> dict[str, str]:
    """What is set now; not what an extension knows that this connection has not used yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n, now FROM unnest(%s::text[]) AS n, current_setting(n, true) AS now"
            " WHERE now IS NOT NULL",
            [list(names)],
        )
        return dict(cursor.fetchall())


def _set(wanted: Mapping[str, str]) -> None:
    calls = ", ".join(["set_config(%s, %s, true)"] * len(wanted))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {calls}", [text for pair in wanted.items() for text in pair])


def expected_rows(sql: str, parameters: Sequence[Any]) -> int:
    """The rows that the planner expects of a query; nothing is read."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        [found] = cursor.fetchone()
    plans = json.loads(found) if isinstance(found, str) else found
    return int(plans[0]["Plan"]["Plan Rows"])


def rows_in(table: str) -> int:
    """The rows that the planner believes a table to have; 0 before it was analyzed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table])
        [rows] = cursor.fetchone()
        return max(0, int(rows))
