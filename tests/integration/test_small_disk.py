"""
A full disk and a disk that may not be written, for real: under the objects, under PostgreSQL's
data, under the whole installation, and in mid-import.
"""

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import psutil
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction

from accounts import tenants
from media.models import ImportProblem, ImportRun, MediaObject, Post
from media.services import imports
from media.services.pipeline import batches
from media.sources.export import ExportSource
from storage_quota.models import Reservation, StoredObject, TenantUsage
from storage_quota.object_store import StoreFull, StoreNotWritable, get_store
from tests.processes import run_python
from tests.small_disk import SmallDisk, small_disk
from tests.unit.exports import chat, message, write

ROOT = Path(__file__).resolve().parents[2]
FILE_BYTES = 200_000
NOBODY = 65534

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_MESSAGES", 2)


@pytest.fixture
def disk(settings) -> Iterator[SmallDisk]:
    """A megabyte for the objects: five of ten files."""
    with small_disk(1) as disk:
        settings.OBJECTS_DIR = disk.root / "objects"
        settings.OBJECTS_DIR.mkdir()
        yield disk


def export(folder: Path, files: int, *, file_bytes: int = FILE_BYTES, text: str = "") -> Path:
    noise = random.Random(1)
    posts = []
    for number in range(1, files + 1):
        path = folder / "files" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise.randbytes(file_bytes))
        posts.append(message(number, file=f"files/{number}.bin", text=text or f"post {number}"))
    return write(folder, chat(posts))


def run(folder: Path) -> imports.ImportSummary:
    source = ExportSource(folder, zone=UTC)
    return imports.import_export(source=source, path=folder, tenant=tenants.default_tenant())


def assert_nothing_is_lost_or_counted_twice() -> None:
    objects = {o.key: o.size_bytes for o in get_store().list("")}
    assert objects == dict(StoredObject.objects.values_list("key", "size_bytes"))
    assert set(objects) == set(MediaObject.objects.values_list("s3_key", flat=True))
    assert sum(objects.values()) == sum(TenantUsage.objects.values_list("total_bytes", flat=True))
    assert not Reservation.objects.exists()
    assert not list(get_store().uploads())
    shown = Post.objects.filter(media_state="stored")
    assert shown.count() == shown.filter(media__isnull=False).count()


class TestUnderTheObjects:
    def test_a_disk_that_fills_up_in_mid_import_stops_it_and_the_next_import_goes_on(
        self, tmp_path, disk
    ):
        folder = export(tmp_path / "export", 10)

        with pytest.raises(StoreFull, match="No space left"):
            run(folder)

        before = Post.objects.count()
        assert 0 < before < 10
        assert_nothing_is_lost_or_counted_twice()
        assert ImportRun.objects.get().finished_at is not None

        disk.resize(8)
        after = run(folder)

        assert (after.counts["unchanged"], after.counts["new"]) == (before, 10 - before)
        assert after.clean
        assert_nothing_is_lost_or_counted_twice()

    @pytest.mark.usefixtures("in_english")
    def test_the_command_says_what_to_do_with_exit_code_2(self, tmp_path, disk):
        with pytest.raises(CommandError, match=r"No space left for .*objects") as refusal:
            call_command("import_export", str(export(tmp_path / "export", 10)))

        assert refusal.value.returncode == 2

    def test_a_file_system_that_may_only_be_read_loses_nothing(self, tmp_path, disk):
        folder = export(tmp_path / "export", 3)
        disk.make_read_only()

        with pytest.raises(StoreNotWritable, match="is not accessible"):
            run(folder)

        assert not Post.objects.exists()
        assert_nothing_is_lost_or_counted_twice()
        disk.make_writable()
        assert run(folder).clean
        assert Post.objects.count() == 3

    def test_a_folder_of_somebody_else_is_refused_in_words(self, disk):
        folder = export(disk.root / "export", 1, file_bytes=1000)

        with as_nobody(), pytest.raises(StoreNotWritable, match="Permission denied"):
            run(folder)

        assert not Post.objects.exists()
        assert_nothing_is_lost_or_counted_twice()
        assert run(folder).clean

    def test_files_of_the_export_that_may_not_be_read_cost_their_posts_only_the_file(self, disk):
        folder = export(disk.root / "export", 3, file_bytes=1000)
        shutil.chown(disk.root / "objects", NOBODY)
        (folder / "files" / "2.bin").chmod(0)

        with as_nobody():
            summary = run(folder)

        assert [(p.code, p.message_id) for p in summary.problems] == [("unreadable_file", 2)]
        assert "files/2.bin" in summary.problems[0].detail
        assert Post.objects.count() == 3
        assert run(folder).clean  # by root, who may read it

    def test_an_export_that_may_not_be_read_is_named(self, disk):
        folder = export(disk.root / "export", 1, file_bytes=10)
        (folder / "result.json").chmod(0)

        with as_nobody(), pytest.raises(CommandError, match=r"result\.json не читается: нет прав"):
            call_command("import_export", str(folder))


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's rights on files; connections that are open stay open."""
    connection.ensure_connection()
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class TestUnderPostgres:
    """The table of posts lies on a disk of its own, which is full before the posts are in."""

    @pytest.fixture
    def posts_on_a_small_disk(self) -> Iterator[SmallDisk]:
        with small_disk(3) as disk:
            data = disk.root / "data"
            data.mkdir()
            shutil.chown(data, _user_of_postgres())
            self._execute(f"CREATE TABLESPACE small LOCATION '{data}'")
            try:
                self._execute("TRUNCATE posts CASCADE")  # rows of tests before, deleted, take room
                self._move("small")
                yield disk
            finally:
                disk.resize(100)
                self._move("pg_default")
                self._execute("DROP TABLESPACE small")

    def _execute(self, statement: str) -> None:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute(statement)

    def _move(self, tablespace: str) -> None:
        with transaction.atomic():
            self._execute(f"ALTER TABLE posts SET TABLESPACE {tablespace}")

    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        """Text that does not compress: 40 posts of 150 kB."""
        noise = random.Random(2)
        cyrillic = {byte: 0x400 + byte for byte in range(256)}
        texts = [noise.randbytes(75_000).decode("latin-1").translate(cyrillic) for _ in range(40)]
        return write(tmp_path, chat([message(n, text=t) for n, t in enumerate(texts, 1)]))

    def test_no_message_is_blamed_and_the_next_import_goes_on(self, posts_on_a_small_disk, folder):
        with pytest.raises(OperationalError, match="No space left on device"):
            run(folder)

        before = Post.objects.count()
        assert 0 < before < 40
        assert not ImportProblem.objects.exists()
        assert_nothing_is_lost_or_counted_twice()

        posts_on_a_small_disk.resize(100)
        after = run(folder)

        assert after.clean
        assert (after.counts["unchanged"], after.counts["new"]) == (before, 40 - before)

    def test_the_command_names_the_database_with_exit_code_2(self, posts_on_a_small_disk, folder):
        with pytest.raises(CommandError, match=r"Отказала база данных: .*No space left") as refusal:
            call_command("import_export", str(folder))

        assert refusal.value.returncode == 2

    def test_a_table_that_may_not_be_read_stops_the_import_in_words(
        self, posts_on_a_small_disk, folder
    ):
        data = posts_on_a_small_disk.root / "data"
        connection.close()
        data.chmod(0)
        try:
            with pytest.raises(CommandError, match=r"Отказала база данных: .*нет прав") as refusal:
                call_command("import_export", str(folder))
        finally:
            data.chmod(0o700)

        assert refusal.value.returncode == 2
        assert not ImportProblem.objects.exists()
        assert not Post.objects.exists()


def _user_of_postgres() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), inet_server_addr()")
        pid, address = cursor.fetchone()
    if address is not None or not psutil.pid_exists(pid):
        pytest.skip("SKIPPED LOUDLY: PostgreSQL runs on another machine")
    return psutil.Process(pid).username()


@pytest.mark.slow
@pytest.mark.long
def test_an_installation_whose_whole_disk_fills_up_goes_on_when_there_is_room(tmp_path):
    """Rows, journal and objects on one disk, as on a small server."""
    folder = export(tmp_path / "export", 150, text="слово " * 2000)

    with small_disk(400) as disk:
        here = os.environ | {"VAR_DIR": str(disk.root / "var")}
        here.pop("DATABASE_URL", None)

        def manage(*arguments: str) -> "subprocess.CompletedProcess[str]":
            return run_python(ROOT / "manage.py", *arguments, env=here)

        try:
            done = manage("migrate", "--verbosity", "0")
            assert done.returncode == 0, done.stderr
            disk.fill(leave_bytes=20_000_000)

            full = manage("import_export", str(folder), "--json")

            assert full.returncode == 2, full.stderr
            assert "No space left" in full.stderr or "The database failed" in full.stderr
            assert "Traceback" not in full.stderr
            disk.free()
            again = manage("import_export", str(folder), "--json")
            assert again.returncode == 0, again.stderr
            report = json.loads(again.stdout)
            assert report["new"] + report["unchanged"] + report["updated"] == 150
            assert report["problems"] == 0
            checked = manage("verify_storage", "--all")
            assert checked.returncode == 0, checked.stdout + checked.stderr
        finally:
            manage("local", "stop")
