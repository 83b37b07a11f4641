"""
Which workers are alive: each holds a session advisory lock under its id, and the others look.

A thread with a connection of its own keeps the lock: closing any other connection of the process
lets nothing go, and a process that ends in whatever way frees the lock at once. When PostgreSQL
restarts or the connection breaks, the lock is taken again within `RETAKEN_WITHIN`. A worker counts
as gone when its lock was seen free for `GONE_AFTER` without a break, so that a restart of
PostgreSQL, which frees the locks of all, makes nobody's work somebody else's.

Between hosts, a worker that is cut off from PostgreSQL for longer than the server's keepalive
(about 10 s) and `GONE_AFTER` counts as gone although it works on.
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Iterable
from typing import Any, Final

import psycopg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

from events.postgresql.advisory_locks import key_of

logger = logging.getLogger(__name__)

CHECK_EVERY: Final = 1.0
"""Seconds between two checks of one's own lock, and of the locks that are watched."""
RETAKEN_WITHIN: Final = 5.0
"""Seconds within which a lock is taken again after its connection broke."""
GONE_AFTER: Final = 10.0
"""Seconds for which the lock of a worker that is gone was seen free."""
MAX_GAP: Final = 3.0
"""Seconds between two checks after which nothing is known of the time between them."""
FORGOTTEN_AFTER: Final = 300.0
"""Seconds after which a worker that nobody asks about is no longer watched."""
APPLICATION_NAME: Final = "telegram_assistant liveness"

_CLIENT = {
    # libpq: give an unreachable server up in time to connect to the one that took its place.
    "connect_timeout": 3,
    "tcp_user_timeout": 3000,
    "application_name": APPLICATION_NAME,
}
_SERVER = """
    SELECT set_config('tcp_keepalives_idle', '4', false),
           set_config('tcp_keepalives_interval', '2', false),
           set_config('tcp_keepalives_count', '3', false),
           set_config('statement_timeout', '3000', false)
"""
# Only looks: taking a lock in order to see whether it is free could keep its owner, whose
# connection broke, from taking it again. Of a 64-bit key, pg_locks shows the two halves.
_HELD = """
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND ((classid::bigint << 32) | objid::bigint) = ANY(%s)
"""


def worker_id() -> uuid.UUID:
    """
    Return the id under which this process is known to be alive; made at the first call.

    Raises OperationalError when the lock of the id cannot be taken for want of a connection.
    """
    keeper = _started()
    if not keeper.held.wait(RETAKEN_WITHIN):
        raise OperationalError("no connection for the lock that shows that this worker is alive")
    return keeper.worker_id


def is_gone(worker: uuid.UUID) -> bool:
    """
    Whether this process has seen the worker's lock free for GONE_AFTER without a break.

    The first call only begins to watch. No query: the keeper looks at all watched locks at once.
    """
    return _started().sees_gone(worker)


def gone_of(workers: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """
    Find those of these workers that are gone; the others are alive, or cannot be told.

    Where a lock is free, this waits for GONE_AFTER until that is certain.
    """
    keeper, doubtful, gone = _started(), set(workers), set[uuid.UUID]()
    until = time.monotonic() + GONE_AFTER + MAX_GAP
    while doubtful and time.monotonic() < until:
        gone |= {worker for worker in doubtful if keeper.sees_gone(worker)}
        doubtful = {worker for worker in doubtful - gone if not keeper.sees_held(worker)}
        if doubtful:
            time.sleep(CHECK_EVERY / 2)
    return gone


def holds_its_lock(worker: uuid.UUID) -> bool:
    """
    Whether the worker's lock is held at this moment, by one query on the caller's connection.

    A living worker whose connection has just broken does not hold it: only for what that worker
    sets right by itself, where waiting for `is_gone` would take too long.
    """
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(_HELD, [[key_of(lock_of(worker))]])
        return cursor.fetchone() is not None


def stop() -> None:
    """End the keeper and close its connection; the next call of `worker_id` makes a new id."""
    global _keeper
    with _making:
        keeper, _keeper = _keeper, None
    if keeper is not None:
        keeper.stop()


class _Keeper(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="liveness", daemon=True)
        self.worker_id = uuid.uuid4()
        self.held = threading.Event()
        self.session: Any = None
        self._over = threading.Event()
        self._guard = threading.Lock()
        self._asked: dict[uuid.UUID, float] = {}
        self._free_since: dict[uuid.UUID, float] = {}
        self._held: set[uuid.UUID] = set()
        self._checked = 0.0

    def run(self) -> None:
        while not self._over.is_set():
            self._check_or_reconnect()
            self._over.wait(CHECK_EVERY)
        self._disconnect()

    def stop(self) -> None:
        self._over.set()
        self.join(RETAKEN_WITHIN)

    def sees_gone(self, worker: uuid.UUID) -> bool:
        now = time.monotonic()
        with self._guard:
            self._asked[worker] = now
            since = self._free_since.get(worker)
            return (
                since is not None
                and now - self._checked <= MAX_GAP
                # Until the last check, not until now: what happened since was not seen.
                and self._checked - since >= GONE_AFTER
            )

    def sees_held(self, worker: uuid.UUID) -> bool:
        """Whether the worker's lock was held at the last check."""
        with self._guard:
            return worker in self._held

    def _check_or_reconnect(self) -> None:
        try:
            if self.session is None:
                self._connect()
            self._watch()
        except Exception as error:
            if self.session is not None:
                logger.warning(
                    "the connection that shows that I am alive broke: %s", error, exc_info=error
                )
            self._disconnect()

    def _connect(self) -> None:
        database = connections[DEFAULT_DB_ALIAS].copy()
        options = database.settings_dict["OPTIONS"]
        # A pool would take connections back; this one stays open as long as the process lives.
        options.pop("pool", None)
        options.update(_CLIENT)
        session = database.get_new_connection(database.get_connection_params())
        self.session = session
        session.autocommit = True
        # The server notices with its keepalives that the host of this worker has no power.
        session.execute(_SERVER)
        taken = session.execute(
            "SELECT pg_try_advisory_lock(%s)", [key_of(lock_of(self.worker_id))]
        ).fetchone()
        if not taken[0]:
            # PostgreSQL has not noticed yet that the former connection is broken: that one holds
            # the lock, which is as good, until the next attempt.
            raise psycopg.OperationalError("a former connection still holds the lock")
        self.held.set()

    def _watch(self) -> None:
        with self._guard:
            watched = {key_of(lock_of(worker)): worker for worker in self._asked}
        # Also with nothing to watch: the query shows that the connection works.
        rows = self.session.execute(_HELD, [list(watched)]).fetchall()
        held = {watched[key] for (key,) in rows}
        now = time.monotonic()
        with self._guard:
            if now - self._checked > MAX_GAP:
                self._free_since.clear()
            self._checked, self._held = now, held
            for worker in watched.values():
                self._note(worker, held=worker in held, now=now)

    def _note(self, worker: uuid.UUID, *, held: bool, now: float) -> None:
        if now - self._asked[worker] > FORGOTTEN_AFTER:
            del self._asked[worker]
            self._free_since.pop(worker, None)
        elif held or worker == self.worker_id:
            self._free_since.pop(worker, None)
        else:
            self._free_since.setdefault(worker, now)

    def _disconnect(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            session.close()


_keeper: _Keeper | None = None
_making = threading.Lock()
_inherited: list[_Keeper] = []
"""Keepers of the parent process, kept from the garbage collector in a forked child."""


def _started() -> _Keeper:
    global _keeper  # noqa: PLW0603 - one per process
    with _making:
        if _keeper is None:
            _keeper = _Keeper()
            _keeper.start()
        return _keeper


def lock_of(worker: uuid.UUID) -> str:
    """The name of the lock that shows that the worker is alive."""
    return f"worker:{worker}"


def _leave_to_parent() -> None:
    """Forget the parent's keeper in a forked child, which is a worker of its own."""
    global _keeper, _making
    keeper, _keeper, _making = _keeper, None, threading.Lock()
    if keeper is not None:
        _inherited.append(keeper)
        if keeper.session is not None and not keeper.session.closed:
            # Closed as a file only: a proper end would end the parent's session, and an open copy
            # of the socket would keep that session, with its lock, when the parent is killed.
            os.close(keeper.session.fileno())


os.register_at_fork(after_in_child=_leave_to_parent)
