"""
Who waits for whom in PostgreSQL, for how long, in which statement, for which lock.

Values in statements are masked: they may be texts of posts.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.db import connection

from events.postgresql import advisory_locks
from events.workers import liveness

LONGEST: Final = 300
"""Characters of a statement that are shown."""

# waitstart: since PostgreSQL 14, and for a moment NULL after the wait has begun.
_WAITING = """
    SELECT a.pid, a.application_name, coalesce(host(a.client_addr), 'local'), a.query,
           extract(epoch FROM clock_timestamp() - coalesce(l.waitstart, a.query_start))::float,
           l.locktype, l.mode, coalesce(l.relation, t.relation)::regclass::text,
           (l.classid::bigint << 32) | l.objid::bigint, l.objsubid,
           pg_blocking_pids(a.pid)
    FROM pg_stat_activity a
    JOIN LATERAL (SELECT * FROM pg_locks WHERE pid = a.pid AND NOT granted LIMIT 1) l ON true
    LEFT JOIN LATERAL (
        SELECT relation FROM pg_locks WHERE pid = a.pid AND locktype = 'tuple' AND granted LIMIT 1
    ) t ON true
    WHERE a.datname = current_database()
    ORDER BY 5 DESC
"""
_SESSIONS = """
    SELECT pid, application_name, coalesce(host(client_addr), 'local'), state, query,
           extract(epoch FROM clock_timestamp() - xact_start)::float,
           extract(epoch FROM clock_timestamp() - state_change)::float
    FROM pg_stat_activity WHERE pid = ANY(%s)
"""
_ADVISORY = """
    SELECT (classid::bigint << 32) | objid::bigint, array_agg(pid ORDER BY pid),
           coalesce(bool_or(a.application_name = %s), false)
    FROM pg_locks LEFT JOIN pg_stat_activity a USING (pid)
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY 1 ORDER BY 1
"""
_QUOTED = re.compile(r"'(?:[^']|'')*(?:'|$)")


@dataclass(frozen=True, slots=True)
class Session:
    """A session that holds what another one waits for; times in seconds, None outside of one."""

    pid: int
    application: str
    host: str
    state: str
    statement: str
    transaction_seconds: float | None
    state_seconds: float | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A session that waits: for which lock, in which statement, behind whom."""

    pid: int
    application: str
    host: str
    statement: str
    seconds: float
    lock: str
    behind: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class HeldLock:
    """An advisory lock that somebody holds; the name is a number where no room knows it."""

    name: str
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LockReport:
    waiting: tuple[Waiting, ...]
    advisory: tuple[HeldLock, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def report() -> LockReport:
    """Look once: those that wait longest come first."""
    names = advisory_locks.known_names()
    with connection.cursor() as cursor:
        # Within a transaction PostgreSQL shows the sessions as they were at the first look.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(_WAITING)
        rows = cursor.fetchall()
        blockers = sorted({pid for row in rows for pid in row[-1]})
        cursor.execute(_SESSIONS, [blockers])
        sessions = {row[0]: _session(row) for row in cursor.fetchall()}
        cursor.execute(_ADVISORY, [liveness.APPLICATION_NAME])
        held = [_held(row, names) for row in cursor.fetchall()]
    waiting = [_waiting(row, names, sessions) for row in rows]
    return LockReport(tuple(waiting), tuple(sorted(held, key=lambda lock: lock.name)))


def _held(row: tuple[Any, ...], names: dict[int, str]) -> HeldLock:
    key, pids, is_sign_of_life = row
    # Only worker processes show a heartbeat; `drain` and the scheduler have no name but this.
    unnamed = "worker without a heartbeat" if is_sign_of_life else _named(key, {})
    return HeldLock(names.get(key, unnamed), tuple(pids))


def _session(row: tuple[Any, ...]) -> Session:
    pid, application, host, state, statement, transaction_seconds, state_seconds = row
    return Session(
        pid, application, host, state or "", _masked(statement), transaction_seconds, state_seconds
    )


def _waiting(row: tuple[Any, ...], names: dict[int, str], sessions: dict[int, Session]) -> Waiting:
    pid, application, host, statement, seconds, kind, mode, relation, key, subid, blockers = row
    if kind == "advisory" and subid == 1:
        lock = f"advisory lock {_named(key, names)}"
    elif kind == "transactionid":
        # A row is waited for by waiting for the transaction that has changed it.
        lock = f"a row of {relation}" if relation else "the end of a transaction"
    else:
        lock = f"{mode} on {kind} {relation or ''}".rstrip()
    # A session may have ended between the two statements; 0 stands for a prepared transaction.
    behind = tuple(sessions[one] for one in blockers if one in sessions)
    return Waiting(pid, application, host, _masked(statement), seconds, lock, behind)


def _named(key: int, names: dict[int, str]) -> str:
    return names.get(key, f"number {key}")


def _masked(statement: str) -> str:
    masked = _QUOTED.sub("'…'", " ".join(statement.split()))
    return masked if len(masked) <= LONGEST else f"{masked[:LONGEST]}…"
