"""What a test commits is gone before the next one begins, and what migrations made is there."""

import threading

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


def somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # or a transaction sees what it saw first
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return cursor.fetchone() != (0,)


def test_the_server_of_the_tests_waits_for_no_disk():
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("off",)
