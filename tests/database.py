"""
The tests' own PostgreSQL, and how it comes back to what the migrations left in it.

Each process of a run has an installation of its own, with a VAR_DIR of its own: nothing is
shared between processes that run side by side, and what a test starts in yet another process
finds the database of its test without being told. A DATABASE_URL of the user is respected:
then the processes have a database each on that server.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
import psycopg
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

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
    for data_dir in room.glob("*/postgres"):
        if server.running_socket(data_dir):
            server.stop_postgres(data_dir)
    mine = room.with_name(f"{PREFIX}{os.getpid()}_{room.name}")  # of several, one renames it
    room.rename(mine)
    shutil.rmtree(mine)


def start_forgetful(data_dir: Path) -> None:
    """Start the embedded server there; from now on it may lose everything in a power cut."""
    # Whatever is truncated is looked for in all of its memory.
    socket = server.start_postgres(data_dir, database="telegram_assistant", memory=LEAST)
    with psycopg.connect(host=socket, user="postgres", dbname="postgres", autocommit=True) as own:
        for name in FORGETFUL:
            own.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
        own.execute("SELECT pg_reload_conf()")


WITHOUT_MODEL = ("search_vectors", "search_kept_vectors", "graph_notes")


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
    """

    empty: tuple[str, ...]
    filled: dict[str, bytes]

    @classmethod
    def now(cls) -> Self:
        with transaction.atomic(), connection.cursor() as cursor:
            tables = sorted(connection.introspection.django_table_names(only_existing=True))
            tables += [
                name for name in WITHOUT_MODEL if name in connection.introspection.table_names()
            ]
            filled = {table: _rows(cursor, table) for table in _with_rows(cursor, tables)}
        return cls(tuple(table for table in tables if table not in filled), filled)

    def restore(self) -> None:
        """Wait for whoever still writes, as TRUNCATE of all tables would; then mend what differs."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_of_tables("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", self._tables))
            # The rows of all tables go: no reference is left to be checked, no trigger to be asked.
            cursor.execute("SET LOCAL session_replication_role = replica")
            _empty(cursor, _with_rows(cursor, self.empty))
            for table, rows in self.filled.items():
                if _rows(cursor, table) != rows:
                    _empty(cursor, [table])
                    _copy_in(cursor, table, rows)

    @property
    def _tables(self) -> list[str]:
        return [*self.empty, *self.filled]


def _of_tables(statement: str, tables: Iterable[str]) -> sql.Composed:
    return sql.SQL(statement).format(sql.SQL(", ").join(map(sql.Identifier, tables)))


def _empty(cursor: CursorWrapper, tables: Iterable[str]) -> None:
    """Delete the rows; a table that grew gets a new file, so that no test reads a thousand pages."""
    for table in tables:
        cursor.execute("SELECT pg_relation_size(%s::regclass)", [table])
        grown = cursor.fetchone()[0] > LARGE
        cursor.execute(_of_tables("TRUNCATE {} CASCADE" if grown else "DELETE FROM {}", [table]))


def _with_rows(cursor: CursorWrapper, tables: Iterable[str]) -> list[str]:
    look = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
    looks = (look.format(sql.Literal(table), sql.Identifier(table)) for table in tables)
    cursor.execute(sql.SQL(" UNION ALL ").join(looks))
    return [table for (table,) in cursor.fetchall()]


def _rows(cursor: CursorWrapper, table: str) -> bytes:
    statement = sql.SQL("COPY (SELECT * FROM {} ORDER BY 1) TO STDOUT")
    with cursor.copy(statement.format(sql.Identifier(table))) as copy:
        return b"".join(copy)


def _copy_in(cursor: CursorWrapper, table: str, rows: bytes) -> None:
    with cursor.copy(_of_tables("COPY {} FROM STDIN", [table])) as copy:
        copy.write(rows)
