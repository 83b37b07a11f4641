"""
The index over the vectors of a model: there from the first vector on, or made after a rebuild.

Over many vectors it is made ten times as fast as by adding one after the other. While a rebuild
fills the table from nothing, nobody else makes it, which would lock the table for minutes, and
what there is is compared one by one.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.db import OperationalError, connection, transaction
from psycopg.errors import DiskFull, LockNotAvailable

from events.postgresql.advisory_locks import is_held, try_held
from search.index.postgresql.vectors.vector_table import index_name, literal

logger = logging.getLogger(__name__)

MOST_INDEXED: Final = 4000
"""Numbers of a vector that an index takes; longer ones are compared one by one."""
TURN: Final = "search.vectors.filling"
WORTH_IT: Final = 2000
_MANY_TIMES: Final = 10
"""Posts to index for each vector there is, from which on the index is made after them."""
_TRIES, _PAUSE = 30, 0.1
_BYTES_BESIDE: Final = 700
"""What a vector takes in memory beside its numbers of two bytes, while its index is made."""

_is_ours: ContextVar[bool] = ContextVar("vectors_are_filled_here", default=False)


def create_index(model: str, dimension: int) -> None:
    """
    Create the index over the vectors of one model, if it does not exist and nobody fills the table.

    At the first vectors: over many it takes minutes, in which nothing can be written.
    """
    # Even where it exists, CREATE INDEX locks the table, and whoever deletes posts waits for it.
    if dimension > MOST_INDEXED or _is_there(model) or _is_ours.get() or is_held(TURN):
        return
    _execute(f"DROP INDEX IF EXISTS {index_name(model)}")  # the rest of one that was not finished
    _execute(f"CREATE INDEX IF NOT EXISTS {_definition(model, dimension)}")


@contextmanager
def made_afterwards(model: str, dimension: int, *, posts: int) -> Iterator[None]:
    """
    Let the vectors of so many posts be written without the index, and make it of all of them then.

    Only where there are few vectors yet, so that no search misses it. Nothing is locked while it
    is made. If the block fails, whoever writes the next vector makes it.
    """
    with ExitStack() as stack:
        if not _is_worth_it(model, dimension, posts) or not _begin(model, stack):
            yield
            return
        before = _is_ours.set(True)
        try:
            yield
            _make(model, dimension)
        finally:
            _is_ours.reset(before)


def _is_worth_it(model: str, dimension: int, posts: int) -> bool:
    if posts < WORTH_IT or not 0 < dimension <= MOST_INDEXED or connection.in_atomic_block:
        return False
    return bool(_number(model) * _MANY_TIMES <= posts)


def _begin(model: str, stack: ExitStack) -> bool:
    """Take the turn, which writers hold for moments only, and drop the index that there is."""
    for _ in range(_TRIES):
        if stack.enter_context(try_held(TURN)):
            return _drop(model)
        time.sleep(_PAUSE)
    return False


def _drop(model: str) -> bool:
    try:
        with transaction.atomic():
            _execute("SET LOCAL lock_timeout = '2s'")
            _execute(f"DROP INDEX IF EXISTS {index_name(model)}")
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return False
        raise
    return True


def _make(model: str, dimension: int) -> None:
    try:
        _make_with(model, dimension, more={})
    except OperationalError as error:
        if not isinstance(error.__cause__, DiskFull):
            raise
        # Workers share memory by /dev/shm, of which a container has 64 MB.
        logger.info("The index of vectors is made by one process: %s", error)
        _make_with(model, dimension, more={"max_parallel_maintenance_workers": "0"})


def _make_with(model: str, dimension: int, *, more: dict[str, str]) -> None:
    wanted = {"maintenance_work_mem": f"{_memory(model, dimension)}kB", **more}
    try:
        for name, value in wanted.items():
            _execute("SELECT set_config(%s, %s, false)", name, value)
        _execute(f"DROP INDEX IF EXISTS {index_name(model)}")
        _execute(f"CREATE INDEX CONCURRENTLY {_definition(model, dimension)}")
    finally:
        for name in wanted:
            _execute(f"RESET {name}")


def _memory(model: str, dimension: int) -> int:
    """KiB that the index takes, at most what the server keeps of its tables; never less than is set."""
    wanted = _number(model) * (2 * dimension + _BYTES_BESIDE) // 1024
    [(least, most)] = _rows(
        "SELECT pg_size_bytes(current_setting('maintenance_work_mem')) / 1024,"
        " pg_size_bytes(current_setting('shared_buffers')) / 1024"
    )
    return int(max(least, min(wanted, most)))


def _definition(model: str, dimension: int) -> str:
    return (
        f"{index_name(model)} ON search_vectors"
        f" USING hnsw ((vector::halfvec({int(dimension)})) halfvec_cosine_ops)"
        f" WHERE model = {literal(model)}"
    )


def _is_there(model: str) -> bool:
    """Whether it is, and was finished."""
    name = index_name(model)
    return bool(
        _rows("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid", name)
    )


def _number(model: str) -> int:
    [(number,)] = _rows("SELECT count(*) FROM search_vectors WHERE model = %s", model)
    return int(number)


def _rows(sql: str, *parameters: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _execute(sql: str, *parameters: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
