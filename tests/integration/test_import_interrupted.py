"""What the record of an import says whose process was killed, or that an error ended."""

import subprocess
import time
import uuid

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from accounts.tenants import find_tenant
from events.console import page_of
from events.delivery import recovery
from events.workers import liveness
from media.models import ImportRun
from media.services import import_runs, imports
from media.services.pipeline import batches
from tests import factories
from tests.acceptance.product import wait_until
from tests.integration.test_import import chat, message, run, write
from tests.processes import SetUpPython

pytestmark = pytest.mark.django_db(transaction=True)

KILLED = """
import django, sys, time
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[2]
from datetime import UTC
from pathlib import Path
from accounts.tenants import find_tenant
from media.services import imports
from media.services.pipeline import batches
from media.sources.export.source import ExportSource
batches.BATCH_MESSAGES, imports.SAVED_EVERY = 5, 0

def observe(summary):
    if summary.counts["new"] >= 10:
        imports.import_runs.record_progress(imports.ImportRun.objects.get(), summary.as_dict())
        print("ten", flush=True)
        time.sleep(600)

folder = Path(sys.argv[1])
source = ExportSource(folder, zone=UTC)
imports.import_export(source=source, path=folder, tenant=find_tenant(None), observe=observe)
"""


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    liveness.stop()
    monkeypatch.setattr(liveness, "CHECK_EVERY", 0.05)
    monkeypatch.setattr(liveness, "GONE_AFTER", 1.0)
    yield
    liveness.stop()


@pytest.fixture
def console_client(client):
    client.force_login(get_user_model().objects.create_superuser("admin"))
    return client


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path, chat([message(number, text=f"{number}") for number in range(1, 41)]))


@pytest.fixture
def importing(folder):
    """An import in a process of its own, which has come to ten posts or more."""
    find_tenant(None)
    name = connection.settings_dict["NAME"]
    process = SetUpPython("-c", KILLED, folder, name, text=True, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ten\n"
    yield process
    process.kill()
    process.communicate()


def test_a_killed_import_is_interrupted_and_the_next_one_makes_it_whole(importing, folder):
    recovery.run_all()
    assert ImportRun.objects.get().state == "running"
    importing.kill()

    assert wait_until(
        lambda: recovery.run_all() or ImportRun.objects.get().state == "interrupted", seconds=20
    )
    killed = ImportRun.objects.get()
    assert 10 <= killed.summary["new"] < 40
    assert killed.finished_at is None

    assert run(folder).counts["new"] + killed.summary["new"] <= 40
    assert ImportRun.objects.latest("pk").state == "done"


def test_the_next_import_closes_a_killed_one_without_waiting_for_any_worker(importing, folder):
    importing.kill()
    importing.wait()
    killed = ImportRun.objects.get()
    assert wait_until(lambda: not liveness.holds_its_lock(killed.worker), seconds=10)

    run(folder)

    killed.refresh_from_db()
    assert killed.state == "interrupted"


@pytest.mark.costly
def test_an_import_that_lives_is_closed_by_none(importing, folder):
    until = time.monotonic() + 2
    run(folder)

    while time.monotonic() < until:
        recovery.run_all()

    assert ImportRun.objects.earliest("pk").state == "running"


def test_one_that_was_closed_by_mistake_ends_as_if_it_had_not_been(folder, monkeypatch):
    """Its connection was broken while the next import looked."""
    monkeypatch.setattr(batches, "BATCH_MESSAGES", 5)

    def close(_):
        ImportRun.objects.update(interrupted_at=timezone.now())

    run(folder, observe=close)

    assert ImportRun.objects.get().state == "done"


def test_how_far_it_has_come_is_seen_while_it_runs(folder, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_MESSAGES", 5)
    monkeypatch.setattr(imports, "SAVED_EVERY", 0)
    seen = []

    def look(_):
        seen.append(ImportRun.objects.get().summary.get("new", 0))

    run(folder, observe=look)

    assert seen == sorted(seen)
    assert len(set(seen)) > 3


def test_an_import_that_an_error_ended_is_not_shown_as_done(folder):
    def fail(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, observe=fail)

    ended = ImportRun.objects.get()
    assert ended.state == "interrupted"
    assert ended.finished_at is not None


@pytest.mark.costly
@pytest.mark.parametrize(
    ("language", "word", "advice"),
    [("en", "interrupted", "Run the import again"), ("ru", "прерван", "Запустите импорт ещё раз")],
)
def test_the_console_says_so_and_what_to_do(console_client, language, word, advice):
    record = factories.import_run(worker=uuid.uuid4(), summary={"new": 123})
    import_runs.close_interrupted(now=timezone.now())  # begins to watch
    assert wait_until(lambda: import_runs.is_interrupted(record), seconds=10)

    answer = console_client.get(
        page_of(ImportRun, record.pk), headers={"accept-language": language}
    )
    page = answer.content.decode()

    assert word in page
    assert advice in page
    assert "123" in page
