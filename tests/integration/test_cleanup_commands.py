"""`emergency_s3_cleanup` and `sync_lifecycle`, as an operator types them."""

import json
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone

from events.postgresql import advisory_locks
from storage_quota import services
from storage_quota.cleanup import lifecycle, runner
from storage_quota.object_store import LifecycleRule, UnfinishedUpload
from storage_quota.units import GIB
from tests import factories
from tests.storage_fixtures import in_bucket, in_ledger, key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]

DAY = timedelta(days=1)
TEN_BYTES = str(10 / GIB)


@pytest.fixture
def put(tenant):
    def make(name, content_type, age, *, size=10):
        at = key(tenant, name, content_type)
        services.put_object(
            tenant=tenant,
            content_type=content_type,
            key=at,
            body=b"x" * size,
            mime="application/pdf",
            now=timezone.now() - age,
        )
        return at

    return make


@pytest.fixture
def run(capsys):
    """Run the command; returns its stdout, stderr and exit code."""

    def call(*arguments):
        code, refusal = 0, ""
        try:
            call_command(*arguments)
        except SystemExit as end:
            code = end.code
        except CommandError as error:
            code, refusal = error.returncode, str(error)
        written = capsys.readouterr()
        return written.out, written.err + refusal, code

    return call


def cleanup(run, *arguments):
    return run("emergency_s3_cleanup", *arguments)


def report(run, *arguments):
    out, _, code = cleanup(run, *arguments, "--json")
    return json.loads(out), code


class TestAuto:
    def test_fact_023_a_dry_run_says_what_would_go_and_changes_nothing(self, put, store, run):
        put("old page", "crawl", 9 * DAY)
        put("old look", "vision", 9 * DAY)
        put("young page", "crawl", DAY)
        before = in_bucket(store)

        out, _, code = cleanup(run, "auto", "--target-gb", TEN_BYTES, "--dry-run")

        lines = dict(line.split(":", 1) for line in out.splitlines())
        assert code == 0
        assert {"Current", "Target", "Need to free", "Plan will free"} <= set(lines)
        assert "1 objects" in lines["  crawl"]
        assert "1 objects" in lines["  vision"]
        assert "Total freed" not in lines
        assert in_bucket(store) == in_ledger() == before

    def test_fact_023_without_it_the_same_objects_go(self, put, store, run):
        young = put("young page", "crawl", DAY)
        put("old page", "crawl", 9 * DAY)
        put("old look", "vision", 9 * DAY)
        planned, _ = report(run, "auto", "--target-gb", TEN_BYTES, "--dry-run")

        done, code = report(run, "auto", "--target-gb", TEN_BYTES)

        assert code == 0
        assert done["planned"] == planned["planned"]
        assert (done["deleted_count"], done["freed_bytes"]) == (2, 20)
        assert set(in_bucket(store)) == {young}

    @pytest.mark.parametrize("is_terminal", [True, False])
    def test_it_prints_what_was_freed_in_all(self, put, run, monkeypatch, is_terminal):
        put("old page", "crawl", 9 * DAY)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)

        out, err, _ = cleanup(run, "auto", "--target-gb", "0")

        assert "Total freed:" in out
        assert ("cleanup" in err) is is_terminal  # the bar, which would cut lines of JSON in two

    def test_a_target_out_of_reach_is_a_failure(self, put, run):
        put("young page", "crawl", DAY)

        _, err, code = cleanup(run, "auto", "--target-gb", "0")

        assert code == 1
        assert "cannot be reached" in err

    def test_nothing_to_do_is_success(self, run):
        assert cleanup(run, "auto")[2] == 0

    def test_a_store_that_is_away_is_a_failure_that_is_named(self, put, store, run):
        put("old page", "crawl", 9 * DAY)
        store.down = True

        _, err, code = cleanup(run, "auto", "--target-gb", "0")

        assert code == 2
        assert "switched off" in err
        assert len(in_ledger()) == 1

    @pytest.mark.parametrize("amount", ["-1", "nan", "inf", "ten"])
    def test_an_amount_that_is_none_is_refused(self, run, amount):
        assert cleanup(run, "auto", f"--target-gb={amount}")[2] == 1


@pytest.mark.django_db(transaction=True)
def test_it_does_not_begin_while_another_one_runs(put, run):
    put("old page", "crawl", 9 * DAY)

    with held_elsewhere(runner.LOCK):
        out, _, code = cleanup(run, "auto", "--target-gb", "0")

    assert code == 2
    assert "Total freed" not in out
    assert len(in_ledger()) == 1


@contextmanager
def held_elsewhere(name):
    """Hold an advisory lock in another connection."""
    held, over = threading.Event(), threading.Event()

    def hold():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [advisory_locks.key_of(name)])
            held.set()
            over.wait(30)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    yield
    over.set()
    thread.join()


class TestOneKind:
    def test_old_pages_go_needed_or_not(self, put, store, run):
        put("four days", "crawl", 4 * DAY)
        young, look = put("two days", "crawl", 2 * DAY), put("look", "vision", 99 * DAY)

        out, _, code = cleanup(run, "crawl", "--max-age-days", "3")

        assert code == 0
        assert out.split() == ["Found:", "1", "Deleted:", "1", "Freed", "GB:", "0.000"]
        assert set(in_bucket(store)) == {young, look}

    def test_a_dry_run_only_says_it(self, put, run):
        put("eight days", "vision", 8 * DAY)

        out, _, _ = cleanup(run, "vision", "--max-age-days", "7", "--dry-run")

        assert "Would delete:    1" in out
        assert len(in_ledger()) == 1

    def test_summaries_of_albums_have_a_lifetime_too(self, put, run):
        put("old", "album", 15 * DAY)
        put("young", "album", 13 * DAY)

        assert report(run, "album")[0]["deleted_count"] == 1

    def test_fact_022_an_upload_of_two_days_ago_is_aborted(self, tenant, store, run):
        now = timezone.now()
        young = UnfinishedUpload(key(tenant, "young"), "2", now)
        store.unfinished = [UnfinishedUpload(key(tenant, "old"), "1", now - 2 * DAY), young]

        out, _, code = cleanup(run, "multipart")

        assert code == 0
        assert out.split() == ["Found:", "1", "Aborted:", "1"]
        assert store.unfinished == [young]


class TestLifecycle:
    def test_fact_011_the_lifetimes_are_listed(self, run):
        shown = json.loads(run("sync_lifecycle", "--show", "--json")[0])

        assert shown["lifetimes_days"] == {
            "media": 30,
            "vision": 14,
            "crawl": 7,
            "album": 14,
            "multipart": 1,
        }

    def test_rules_are_a_day_behind_the_sweep_and_never_delete_media(self, store, run):
        out, _, code = run("sync_lifecycle")

        assert code == 0
        assert out.count("Written:") == 4
        assert store.rules == [
            LifecycleRule("crawl/", 8, 1),
            LifecycleRule("vision/", 15, 1),
            LifecycleRule("album/", 15, 1),
            LifecycleRule("media/", None, 1),
        ]

    def test_a_second_time_there_is_nothing_to_write(self, run):
        run("sync_lifecycle")

        again = json.loads(run("sync_lifecycle", "--json")[0])

        assert (again["missing"], again["written"]) == ([], [])
        assert len(again["in_force"]) == 4

    def test_a_dry_run_writes_nothing(self, store, run):
        out, _, code = run("sync_lifecycle", "--dry-run")

        assert out.count("Would write:") == 4
        assert code == 0
        assert not store.rules

    def test_a_store_without_rules_needs_none(self, store, run):
        store.has_lifecycle = False

        out, _, code = run("sync_lifecycle")

        assert code == 0
        assert "only the daily sweep deletes" in out

    def test_a_store_that_is_away_is_a_failure(self, store, run):
        store.down = True

        assert run("sync_lifecycle")[2] == 2

    def test_the_lifetimes_follow_the_settings(self, settings, store, run):
        ttl = {**settings.CLEANUP.ttl, "vision": 3 * DAY}
        settings.CLEANUP = replace(settings.CLEANUP, ttl=ttl)

        run("sync_lifecycle")

        assert LifecycleRule("vision/", 4, 1) in store.rules


def test_a_post_gone_for_a_month_takes_its_picture_along(store):
    owner = factories.tenant()
    media = factories.media_object(owner=owner, stored=True)
    shown = factories.media_object(owner=owner, stored=True)
    factories.post(of=factories.channel(owner=owner), media=[shown])

    early = lifecycle.sweep(now=factories.NOW + 29 * DAY)
    late = lifecycle.sweep(now=factories.NOW + 31 * DAY)

    assert (early.deleted_count, late.deleted_count) == (0, 1)
    assert set(in_bucket(store)) == {shown.s3_key}
    assert media.s3_key not in in_ledger()
