"""
PostgreSQL's advisory locks by name. All of the installation's advisory locks are taken here.

A lock of a session (`held`, `try_held`, `first_free`) costs no commit and ends with its
connection, so a killed worker leaves none behind. The same connection may take a lock again
that it holds already; every other one has to wait. A lock of a transaction (`in_turn`) ends
with the transaction. A connection pooler in front of PostgreSQL must pool sessions, not
transactions.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from django.db import Error, OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError
from psycopg.errors import LockNotAvailable

from events import rooms

_INT64 = struct.Struct(">q")
LOOK_UP_PATIENCE: Final = "300ms"
"""How long `known_names` waits for a table: it is asked because somebody waits for locks."""

_names: list[Callable[[], Iterable[str]]] = []


class LockTimeout(Exception):
    """Somebody else held the lock for the whole of the time allowed for waiting."""


def key_of(name: str) -> int:
    """The 64-bit number of a lock; 64 bits of a hash make a collision of two names negligible."""
    return int(_INT64.unpack(hashlib.blake2b(name.encode(), digest_size=8).digest())[0])


@contextmanager
def held(name: str, *, timeout: timedelta | None = None) -> Iterator[None]:
    """
    Wait for the lock and hold it inside the block; not to be used within a transaction.

    Raises LockTimeout if it is not free within `timeout`.
    """
    _wait_for(name, timeout)
    session = connection.connection
    try:
        yield
    finally:
        _give_back(name, session)


@contextmanager
def try_held(name: str) -> Iterator[bool]:
    """Take the lock if it is free, and hold it inside the block; yields whether it was taken."""
    with first_free([name]) as taken:
        yield taken is not None


@contextmanager
def first_free(names: Sequence[str]) -> Iterator[str | None]:
    """
    Take the first free lock of `names` and hold it inside the block.

    Yields its name, or None if others hold all of them.
    """
    # PostgreSQL evaluates a CASE up to its first true condition: at most one lock is taken.
    cases = " ".join(["WHEN pg_try_advisory_lock(%s) THEN %s::int"] * len(names))
    numbered = [part for number, name in enumerate(names) for part in (key_of(name), number)]
    number = _value(f"SELECT CASE {cases} END", *numbered)
    session = connection.connection
    try:
        yield None if number is None else names[number]
    finally:
        if number is not None:
            _give_back(names[number], session)


def is_held(name: str) -> bool:
    """
    Whether another connection holds the lock.

    Within a transaction, nobody can take a lock that was found free before the transaction ends.
    """
    return not _value("SELECT pg_try_advisory_xact_lock(%s)", key_of(name))


def in_turn(name: str) -> None:
    """Wait for the lock and hold it until the current transaction ends."""
    if not connection.in_atomic_block:
        # Each statement is a transaction of its own then: the lock would protect nothing.
        raise TransactionManagementError("in_turn() needs an open transaction")
    _value("SELECT pg_advisory_xact_lock(%s)", key_of(name))


def wait_until_free(name: str) -> None:
    """
    Wait until whoever holds the lock now has given it back.

    The lock is taken and given back at once, also within a transaction.
    """
    with held(name):
        pass


def register_names(names: Callable[[], Iterable[str]]) -> None:
    """
    Have `known_names` return these names: a lock is a number in PostgreSQL, and no name comes of it.

    `names` is called when somebody asks, so it may read the names of tenants from the database.
    """
    _names.append(names)


def known_names() -> dict[int, str]:
    """
    Return the names that the rooms have registered, by the number of their lock.

    Those that come from a table which somebody has locked are left out.
    """
    rooms.connect_all()
    return {key_of(name): name for names in _names for name in _unless_locked(names)}


def _unless_locked(names: Callable[[], Iterable[str]]) -> list[str]:
    try:
        with transaction.atomic():
            _value("SELECT set_config('lock_timeout', %s, true)", LOOK_UP_PATIENCE)
            return list(names())
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return []
        raise


def _wait_for(name: str, timeout: timedelta | None) -> None:
    if timeout is None:
        _value("SELECT pg_advisory_lock(%s)", key_of(name))
        return
    milliseconds = max(1, int(timeout.total_seconds() * 1000))  # 0 would mean: wait for ever
    try:
        # `true` limits the setting to this statement's transaction: nothing has to be set back,
        # on a connection that may be broken by then. The CASE makes it come before the lock.
        _value(
            "SELECT CASE WHEN set_config('lock_timeout', %s, true) <> ''"
            " THEN pg_advisory_lock(%s)::text END",
            f"{milliseconds}ms",
            key_of(name),
        )
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            _give_back_if_granted(name)
            raise LockTimeout(f"{name} was not free within {timeout}") from error
        raise


def _give_back_if_granted(name: str) -> None:
    """
    Unlock what was granted at the very moment at which the time ran out.

    PostgreSQL reports the timeout then, and the session has the lock all the same: nobody else
    would ever get it, since nobody knows that it is held.
    """
    _value(
        "SELECT count(pg_advisory_unlock(%s)) FROM pg_locks"
        " WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid = 1"
        " AND (classid::bigint << 32) | objid::bigint = %s",
        key_of(name),
        key_of(name),
    )


def _give_back(name: str, session: Any) -> None:
    """Unlock in `session`, the psycopg connection that took the lock; never raises."""
    if connection.connection is not session or session.closed:
        return  # that session is over, and its locks with it
    try:
        _value("SELECT pg_advisory_unlock(%s)", key_of(name))
    except Error:
        # The server has ended the session, or its transaction has failed and takes no more
        # statements. Closing it frees the lock in both cases. An error here would hide the
        # one that led to it; whoever uses the connection next gets an error of his own.
        session.close()


def _value(statement: str, *values: str | int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0]
