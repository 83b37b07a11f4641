"""What a test commits is gone before the next one begins, and what migrations made is there."""

import threading
from contextlib import suppress

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections, transaction
from django_q.models import Schedule

from accounts.models import Tenant
from telegram_assistant import schedules
from tests import database
from tests import factories as make
from tests.acceptance.product import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

MADE_BY_MIGRATIONS = (ContentType, Permission, Schedule)


@pytest.fixture
def beginning():
    return database.Beginning.now()


def rows_of(*models):
    return [list(model.objects.order_by("pk").values()) for model in models]


def with_rows():
    return {model for model in apps.get_models() if model.objects.exists()}


@pytest.mark.parametrize("time", ["first", "second"])
def test_no_test_finds_what_another_one_committed(time):
    assert with_rows() == set(MADE_BY_MIGRATIONS)
    jobs = Schedule.objects.values_list("name", flat=True)
    assert sorted(jobs) == sorted(job.name for job in schedules.JOBS)

    make.post(media=[make.media_object()])
    make.dead_letter()
    make.member()
    Schedule.objects.all().delete()


def test_rows_that_refer_to_one_another_go_whatever_their_order(beginning):
    post = make.post(media=[make.media_object()])
    make.enrichment(post)
    make.album(of=post.channel, pictures=[make.media_object()])
    make.dead_letter()
    make.member()

    beginning.restore()

    assert with_rows() == set(MADE_BY_MIGRATIONS)


def test_what_migrations_made_is_mended_to_the_last_column(beginning):
    before = rows_of(*MADE_BY_MIGRATIONS)
    Schedule.objects.filter(name="events.prune").update(minutes=1)
    Permission.objects.filter(codename="view_post").delete()
    ContentType.objects.create(app_label="gone", model="gone")

    beginning.restore()

    assert rows_of(*MADE_BY_MIGRATIONS) == before


def test_whoever_still_writes_is_waited_for(beginning):
    has_written, was_waited_for = threading.Event(), []

    def straggle():
        with transaction.atomic():
            Tenant.objects.create(name="late")
            has_written.set()
            was_waited_for.append(wait_until(somebody_waits_for_a_lock, seconds=10))
        connections.close_all()

    straggler = threading.Thread(target=straggle)
    straggler.start()
    has_written.wait()
    beginning.restore()
    straggler.join()

    assert was_waited_for == [True]
    assert with_rows() == set(MADE_BY_MIGRATIONS)


def test_a_transaction_that_a_test_left_open_is_not_waited_for(beginning):
    connection.set_autocommit(False)
    Tenant.objects.create(name="open")

    beginning.restore()

    assert with_rows() == set(MADE_BY_MIGRATIONS)


def test_what_puts_things_back_connects_again_when_it_was_cut_off(beginning):
    make.member()
    with connection.cursor() as cursor:
        others = "FROM pg_stat_activity WHERE datname = current_database()"
        cursor.execute(f"SELECT pg_terminate_backend(pid) {others} AND pid <> pg_backend_pid()")

    beginning.restore()

    assert with_rows() == set(MADE_BY_MIGRATIONS)


@pytest.mark.django_db(transaction=False)
def test_of_several_processes_one_migrates_and_the_others_get_a_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_keep", database._copy)
    first, second = (tmp_path / name / "postgres" for name in ("gw0", "gw1"))

    with database.migrated_once(first) as is_a_copy:
        assert not is_a_copy
        first.mkdir(parents=True)
        (first / "PG_VERSION").write_text("migrated")
    with database.migrated_once(second) as is_a_copy:
        assert is_a_copy
        assert (second / "PG_VERSION").read_text() == "migrated"


@pytest.mark.django_db(transaction=False)
def test_who_fails_to_migrate_leaves_it_to_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_keep", database._copy)
    with suppress(ZeroDivisionError), database.migrated_once(tmp_path / "gw0" / "postgres"):
        raise ZeroDivisionError

    with database.migrated_once(second := tmp_path / "gw1" / "postgres") as is_a_copy:
        assert not is_a_copy
        second.mkdir(parents=True)


def somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # or a transaction sees what it saw first
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return cursor.fetchone() != (0,)


def test_the_server_of_the_tests_waits_for_no_disk():
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("off",)
