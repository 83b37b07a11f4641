"""
The tests' own PostgreSQL, and how it comes back to what the migrations left in it.

Each process of a run has an installation of its own, with a VAR_DIR of its own: nothing is
shared between processes that run side by side, and what a test starts in yet another process
finds the database of its test without being told. A DATABASE_URL of the user is respected:
then the processes have a database each on that server.
"""

import atexit
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Self

import psutil
import psycopg
from django.conf import settings
from django.db import connection
from fasteners import InterProcessLock
from psycopg import Connection, OperationalError, sql
from psycopg.pq import TransactionStatus

from telegram_assistant.embedded_postgres import server
from telegram_assistant.embedded_postgres.memory import LEAST

PREFIX = "telegram_assistant_tests_"
FORGETFUL = ("fsync", "full_page_writes", "synchronous_commit")
"""What makes commits wait for the disk. Tests kill clients of the server, never the machine."""


def make_room_for_a_run() -> Path:
    """A folder for the installations of this run; they are stopped and gone when it ends."""
    temporary = Path(tempfile.gettempdir())
    for folder in temporary.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("_")[0]
        with suppress(FileNotFoundError):  # another run, beginning now, was faster
            if folder.owner() == temporary.owner() and not psutil.pid_exists(int(pid)):
                _remove(folder)  # of a run that was killed
    room = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}_"))
    # After the note that the embedded server's package makes at exit, for this came first.
    atexit.register(_remove, room)
    return room


def _remove(room: Path) -> None:
    """End the servers at once, for nothing of them is kept, and delete what nobody waits for."""
    ended = [_ended(path.parent) for path in room.glob("*/postgres/postmaster.pid")]
    psutil.wait_procs([server for server in ended if server], timeout=60)
    mine = room.with_name(f"{PREFIX}{os.getpid()}_{room.name}")  # of several, one renames it
    room.rename(mine)
    # What is left where it is killed is of a run that is gone: the next one deletes it.
    subprocess.run(["setsid", "--fork", "rm", "-rf", str(mine)], check=True)


def _ended(data_dir: Path) -> psutil.Process | None:
    if not server.running_socket(data_dir):
        return None
    process = psutil.Process(int((data_dir / "postmaster.pid").read_text().splitlines()[0]))
    process.send_signal(signal.SIGQUIT)
    return process


def of_this_process() -> Path:
    """The folder of its server; `migrated_once` finds that of the run above."""
    return Path(os.environ["VAR_DIR"], "postgres")


def start_forgetful(data_dir: Path) -> None:
    """Start the embedded server there; from now on it may lose everything in a power cut."""
    # Whatever is truncated is looked for in all of its memory.
    socket = server.start_postgres(data_dir, database="telegram_assistant", memory=LEAST)
    with psycopg.connect(host=socket, user="postgres", dbname="postgres", autocommit=True) as own:
        for name in FORGETFUL:
            own.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
        own.execute("SELECT pg_reload_conf()")


@contextmanager
def migrated_once(data_dir: Path) -> Iterator[bool]:
    """
    Yield whether `data_dir` is a copy of what another process of this run has migrated.

    Where it is not, this process is the first: it migrates a server of its own inside the block,
    the others wait, and the stopped server is copied for them.
    """
    kept = data_dir.parents[1] / "migrated"
    with InterProcessLock(kept.with_suffix(".lock")):
        if first := not kept.exists():
            yield False
            _keep(data_dir, kept)
    if not first:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        _copy(kept, data_dir)
        yield True


def _keep(data_dir: Path, kept: Path) -> None:
    connection.close()
    server.stop_postgres(data_dir)
    _copy(data_dir, kept)
    start_forgetful(data_dir)


def _copy(source: Path, target: Path) -> None:
    """As a whole or not at all; the files stay those of the user whom the server runs as."""
    whole = target.with_name(f"{target.name}.part")
    subprocess.run(["cp", "-a", source, whole], check=True)
    whole.rename(target)


def use_test_database() -> None:
    """Connect to the migrated copy as Django does to a database of tests that it has made."""
    connection.close()
    name = connection.creation._get_test_db_name()
    settings.DATABASES[connection.alias]["NAME"] = connection.settings_dict["NAME"] = name


WITHOUT_MODEL = ("search_vectors", "search_kept_vectors", "search_tombstones", "graph_notes")


LARGE = 256 * 1024
"""Bytes of a table above which it is truncated; dead rows below are few enough to be passed over."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """
    The rows that migrations made, and which tables had none.

    Django's own way back after a test that commits is to truncate all tables, also those in
    which nothing is, and to run every receiver of `post_migrate`: half a second for each test.
    To truncate but those with rows is a tenth, for each index becomes a new file, and so do the
    tables that refer to them: the few rows of a test are deleted.

    All this is done by a connection that stays: for a new one, as each test has it, the server
    would read what it knows of all tables again, which takes more than all the rest.
    """

    filled: dict[str, bytes]
    lock: bytes
    look: bytes

    @classmethod
    def now(cls) -> Self:
        existing = connection.introspection.table_names()
        tables = sorted(connection.introspection.django_table_names(only_existing=True))
        tables += [name for name in WITHOUT_MODEL if name in existing]
        with _keeper() as own:
            grown = own.execute(_look_into(tables)).fetchall()
            filled = {table: _rows(own, table) for table, _ in grown}
        empty = [table for table in tables if table not in filled]
        return cls(filled, _of_tables(_BEGIN, tables), _look_into(empty))

    def restore(self) -> None:
        """Wait for whoever still writes, as TRUNCATE of all tables would; then mend what differs."""
        _leave_nothing_open()
        own = _keeper()
        try:
            self._mend(own)
        except OperationalError:
            if not own.closed:
                raise
            self._mend(_keeper())  # a test has restarted the server

    def _mend(self, own: Connection) -> None:
        with own.transaction():
            own.execute(self.lock)
            filled = own.execute(self.look, prepare=True).fetchall()
            own.execute(b";".join(starmap(_emptied, filled)))
            for table, rows in self.filled.items():
                if _rows(own, table) != rows:
                    own.execute(_of_tables(_DELETE, [table]))
                    _copy_in(own, table, rows)


def _leave_nothing_open() -> None:
    """
    Give up what the test's connection holds; a transaction would be waited for.

    A new one costs the server 17 ms, to read what it knows of the tables of a test again.
    """
    own = connection.connection
    if (
        own is None
        or connection.in_atomic_block
        or own.info.transaction_status != TransactionStatus.IDLE
    ):
        connection.close()
        return
    try:
        own.execute("UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD TEMP; RESET ALL")
        connection.ensure_timezone()
    except OperationalError:  # it is broken
        connection.close()


# The rows of all tables go: no reference is left to be checked, no trigger to be asked.
_BEGIN = "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE; SET LOCAL session_replication_role = replica"
_DELETE = "DELETE FROM {}"
_kept: list[Connection] = []


def _keeper() -> Connection:
    """The connection of this process that puts things back."""
    if not _kept or _kept[0].closed:
        given = connection.get_connection_params()
        for of_django in ("cursor_factory", "context", "prepare_threshold"):
            given.pop(of_django, None)
        _kept[:] = [psycopg.connect(**given, autocommit=True)]
    return _kept[0]


def forget() -> None:
    """Close the connection that stays, or the database cannot be dropped."""
    while _kept:
        _kept.pop().close()


def _of_tables(statement: str, tables: Iterable[str]) -> bytes:
    return sql.SQL(statement).format(sql.SQL(", ").join(map(sql.Identifier, tables))).as_bytes()


def _look_into(tables: Iterable[str]) -> bytes:
    """The statement that finds which of them have rows, and of how many bytes they are."""
    look = sql.SQL("SELECT {0}, pg_relation_size({0}) WHERE EXISTS (SELECT FROM {1})")
    looks = (look.format(sql.Literal(table), sql.Identifier(table)) for table in tables)
    return sql.SQL(" UNION ALL ").join(looks).as_bytes()


def _emptied(table: str, size: int) -> bytes:
    """Delete the rows; a table that grew gets a new file, so that no test reads a thousand pages."""
    return _of_tables("TRUNCATE {} CASCADE" if size > LARGE else _DELETE, [table])


def _rows(own: Connection, table: str) -> bytes:
    statement = _of_tables("COPY (SELECT * FROM {} ORDER BY 1) TO STDOUT", [table])
    with own.cursor() as cursor, cursor.copy(statement) as copy:
        return b"".join(copy)


def _copy_in(own: Connection, table: str, rows: bytes) -> None:
    with own.cursor() as cursor, cursor.copy(_of_tables("COPY {} FROM STDIN", [table])) as copy:
        copy.write(rows)
