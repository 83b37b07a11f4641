"""
Locks that live as long as the worker that took them: PostgreSQL's advisory locks of a session.

They cost no commit and are gone with the connection, so a killed worker leaves none behind.
A connection pooler between us and PostgreSQL must pool sessions, not transactions.
"""

import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_INT = struct.Struct(">q")


def key_of(name: str) -> int:
    """A lock's number, 64 bits; different names share one about never."""
    return int(_INT.unpack(hashlib.blake2b(name.encode(), digest_size=8).digest())[0])


@contextmanager
def held(name: str) -> Iterator[None]:
    """Nobody else may want a lock of this name: it only shows that we are alive."""
    _call("SELECT pg_advisory_lock(%s)", key_of(name))
    try:
        yield
    finally:
        _call("SELECT pg_advisory_unlock(%s)", key_of(name))


@contextmanager
def try_held(name: str) -> Iterator[bool]:
    """Hold the lock if it is free; yields whether it is ours. Never waits."""
    mine = _call("SELECT pg_try_advisory_lock(%s)", key_of(name))
    try:
        yield mine
    finally:
        # A closed connection has given its locks up; an error here would hide the first one.
        if mine and connection.connection and not connection.connection.closed:
            _call("SELECT pg_advisory_unlock(%s)", key_of(name))


def is_held(name: str) -> bool:
    """Whether a living worker holds it. In a transaction, which keeps a free one until its end."""
    return not _call("SELECT pg_try_advisory_xact_lock(%s)", key_of(name))


def in_turn(name: str) -> None:
    """Until the transaction ends, nobody else is past this point with the same name."""
    _call("SELECT pg_advisory_xact_lock(%s)", key_of(name))


def wait_until_free(name: str) -> None:
    """Wait until whoever holds the lock now has let it go; it is not kept, also in a transaction."""
    _call("SELECT pg_advisory_lock(%s)", key_of(name))
    _call("SELECT pg_advisory_unlock(%s)", key_of(name))


def _call(statement: str, key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, [key])
        return bool(cursor.fetchone()[0])
