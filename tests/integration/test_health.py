"""`/health`: who learns what, and that nothing that hangs makes it hang."""

import socket
import threading
import time
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone
from pydantic import SecretStr

from accounts.models import User
from albums import health as albums_health
from albums.models import AlbumStatus
from events import subscriptions
from events.health import Scope, Status, failed, ok, register, registered, registry, run, running
from events.inspection import task_facts, workers
from events.models import Heartbeat
from events.workers import heartbeats, liveness
from storage_quota.object_store import use
from storage_quota.object_store.s3 import S3Store
from telegram_assistant import schedules
from telegram_assistant.config import Metrics
from tests import factories as make
from tests.s3_fixtures import s3_settings

pytestmark = pytest.mark.django_db(transaction=True)

ALBUM_FIELDS = {
    "status", "broker_connected", "running", "albums_in_progress", "backlog_size",
    "recent_assembly_rate", "last_error",
}  # fmt: skip
"""Fields of the contract (CONTRACT §10.10); `broker_connected` stands for `redis_connected`."""
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.5"}
TOKEN = "0123456789abcdef"


@pytest.fixture(autouse=True)
def _nothing_is_remembered():
    running._runs.clear()
    yield
    running._runs.clear()
    liveness.stop()


@pytest.fixture
def checks(monkeypatch):
    """A registry of the test's own: `checks(name, probe, …)` adds to it."""
    monkeypatch.setattr(registry, "_checks", {})

    def add(name, probe, *, scope=Scope.READY, seconds=0.3, **how):
        register(name, probe, scope=scope, seconds=seconds, remedy="mend it", **how)

    return add


@pytest.fixture
def black_hole(monkeypatch):
    """New connections to the database go to a server that never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        hole = {"HOST": "127.0.0.1", "PORT": server.getsockname()[1], "EMBEDDED_DIR": None}
        engine = {"ENGINE": "django.db.backends.postgresql"}
        default = connections.settings["default"]
        monkeypatch.setitem(connections.settings, "default", {**default, **hole, **engine})
        for name, check in list(registry._checks.items()):
            monkeypatch.setitem(registry._checks, name, replace(check, seconds=0.5))
        yield


def at_work(*queues):
    heartbeats.beat(queues or subscriptions.queues())


def well(client):
    """The answer with all that needs no worker or outside world in order."""
    return client.get("/health/detailed").json()


class TestWhoLearnsWhat:
    def test_everybody_learns_whether_it_lives_and_is_ready_and_no_more(self, client):
        for path, body in (("live", {"status": "alive"}), ("ready", {"status": "ready"})):
            answer = client.get(f"/health/{path}", **ELSEWHERE)
            assert (answer.status_code, answer.json()) == (200, body)
            assert "no-store" in answer["Cache-Control"]

    def test_a_stranger_sees_which_checks_are_well_but_no_version(self, client):
        answer = client.get("/health", **ELSEWHERE)

        assert answer.status_code == 200
        assert answer.json() == {
            "status": "ready",
            "checks": {"database": "ok", "broker": "ok", "migrations": "ok"},
        }

    def test_the_summary_of_the_contract_is_for_this_host(self, client, settings):
        body = client.get("/health").json()

        assert set(body) == {"status", "version", "environment", "checks"}
        assert body["environment"] == "production"
        assert body["version"][0].isdigit()

    def test_details_are_for_whoever_may_scrape(self, client, settings):
        assert client.get("/health/detailed", **ELSEWHERE).status_code == 401
        client.force_login(User.objects.create_user("bob"))
        assert client.get("/health/detailed", **ELSEWHERE).status_code == 403
        client.force_login(User.objects.create_superuser("operator"))
        assert client.get("/health/detailed", **ELSEWHERE).status_code in {200, 503}
        client.logout()
        settings.METRICS = Metrics(token=SecretStr(TOKEN))
        assert client.get("/health/detailed").status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get("/health/detailed", headers=bearer, **ELSEWHERE).status_code != 401

    def test_a_proxy_that_ends_tls_needs_no_redirect_to_ask(self, client, settings):
        settings.SECURE_SSL_REDIRECT = True

        for path in ("", "/live", "/ready", "/detailed"):
            assert client.get(f"/health{path}").status_code in {200, 503}


class TestReady:
    def test_what_is_needed_decides_and_nothing_else(self, client, checks):
        checks("object_store", lambda: [failed("away", "mend it")], scope=Scope.DETAILED)
        checks("database", lambda: [ok("answers")])
        assert client.get("/health/ready").status_code == 200

        checks("database", lambda: [failed("secret host is away", "mend it")])
        answer = client.get("/health/ready")

        assert (answer.status_code, answer.json()) == (503, {"status": "not ready"})
        assert client.get("/health/live").status_code == 200
        answer = client.get("/health", **ELSEWHERE)
        assert answer.status_code == 503
        assert answer.json() == {"status": "not ready", "checks": {"database": "failed"}}

    def test_what_a_check_raises_is_what_it_has_found(self, client, checks):
        def breaks():
            yield "looking"
            raise OperationalError("secret host is down\nLINE 1")

        checks("database", breaks)

        assert client.get("/health/ready").status_code == 503
        [result] = run(registered(Scope.READY), max_age=60)
        [finding] = result.findings
        assert (finding.step, finding.status, finding.remedy) == ("looking", "failed", "mend it")
        assert finding.detail == "OperationalError: secret host is down"

    def test_missing_tables_are_not_ready(self, client, monkeypatch):
        from events.inspection import postgresql  # noqa: PLC0415

        def missing():
            raise postgresql.MigrationsMissing

        monkeypatch.setattr(postgresql, "_require_migrations", missing)

        answer = client.get("/health")
        assert (answer.status_code, answer.json()["checks"]["migrations"]) == (503, "failed")


class TestWhatHangs:
    def test_a_check_that_hangs_costs_its_time_limit_once_and_one_thread(self, client, checks):
        release, begun = threading.Event(), []

        def hangs():
            begun.append(1)
            yield "connecting"
            release.wait(30)
            yield ok("at last")

        checks("database", hangs)
        started = time.monotonic()
        codes = [client.get("/health/ready").status_code for _ in range(5)]
        passed = time.monotonic() - started

        assert codes == [503] * 5
        assert passed < 1.5
        assert len(begun) == 1
        [result] = run(registered(Scope.READY))
        assert result.findings[-1].detail == "no answer within 0.3 s"
        assert result.findings[-1].step == "connecting"
        release.set()
        assert _wait_for(lambda: client.get("/health/ready").status_code == 200)

    def test_checks_run_side_by_side(self, checks):
        for name in "abcdef":
            checks(name, lambda: [time.sleep(0.2), ok("done")][1:], seconds=5)

        started = time.monotonic()
        results = run(registered(Scope.READY))

        assert {one.status for one in results} == {Status.OK}
        assert time.monotonic() - started < 0.9

    def test_a_database_that_hangs_hangs_no_answer(self, client, black_hole):
        started = time.monotonic()
        ready, detailed = client.get("/health/ready"), client.get("/health/detailed")
        passed = time.monotonic() - started

        assert (ready.status_code, detailed.status_code) == (503, 503)
        assert passed < 5
        body = detailed.json()
        assert body["status"] == "unhealthy"
        assert body["broker_connected"] is False
        assert body["workers"] == []
        task = body["tasks"]["album_assembler"]
        assert (task["status"], task["broker_connected"], task["running"]) == (
            "unhealthy", False, False,
        )  # fmt: skip

    def test_a_bucket_that_hangs_is_told_and_the_rest_is_there(self, client, monkeypatch):
        at_work()
        check = registry._checks["object_store"]
        monkeypatch.setitem(registry._checks, "object_store", replace(check, seconds=0.3))
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(5)
            address = f"http://127.0.0.1:{server.getsockname()[1]}"
            with use(S3Store(s3_settings(address, read_timeout_sec=3))):
                started = time.monotonic()
                answer = client.get("/health/detailed")
                assert time.monotonic() - started < 3

        body = answer.json()
        assert (answer.status_code, body["status"]) == (200, "degraded")
        store = body["checks"]["object_store"]
        assert store["status"] == "failed"
        assert store["findings"][0]["remedy"]
        assert body["tasks"]["album_assembler"]["running"] is True


class TestTasks:
    def test_fact_097_the_album_assembler_has_the_fields_of_the_contract(self, client):
        at_work()

        body = well(client)

        task = body["tasks"]["album_assembler"]
        assert set(task) >= ALBUM_FIELDS
        assert (task["status"], task["running"], task["broker_connected"]) == (
            "healthy",
            True,
            True,
        )
        assert (task["albums_in_progress"], task["backlog_size"]) == (0, 0)
        assert isinstance(task["recent_assembly_rate"], float)
        assert task["last_error"] is None
        assert "vision_analysis" in body["tasks"]

    def test_fact_098_without_a_worker_of_its_queue_it_is_unhealthy(self, client):
        at_work("vision", "vision_backfill")

        answer = client.get("/health/detailed")

        body = answer.json()
        assert (answer.status_code, body["status"]) == (503, "unhealthy")
        assert body["tasks"]["album_assembler"]["status"] == "unhealthy"
        assert body["tasks"]["album_assembler"]["running"] is False
        assert client.get("/health/ready").status_code == 200
        summary = client.get("/health")
        assert (summary.status_code, summary.json()["status"]) == (200, "ready")

    def test_albums_in_progress_and_the_recent_rate_are_counted(self):
        now = timezone.now()
        for minutes in (1, 2, 3, 4, 4, 60):
            make.album(pictures=[], assembled_at=now - timedelta(minutes=minutes))
        for _ in range(3):
            make.album(pictures=[], status=AlbumStatus.WAITING)

        figures = albums_health.figures()

        assert figures["albums_in_progress"] == 3
        assert figures["recent_assembly_rate"] == 1.0

    @pytest.mark.parametrize(("backlog", "status"), [(100, "healthy"), (101, "degraded")])
    def test_fact_098_a_long_backlog_degrades_it(self, backlog, status):
        at_work()
        of = [make.event() for _ in range(backlog)]
        for event in of:
            make.delivery(of=event, subscriber="albums.collect", state="pending")
        make.delivery(subscriber="vision.analyze", state="pending")

        [finding] = task_facts.probe_of(albums_health.SUBSCRIBERS)()

        assert (finding.facts["backlog_size"], finding.facts["status"]) == (backlog, status)

    def test_many_albums_in_progress_degrade_it(self, monkeypatch):
        at_work()
        monkeypatch.setattr(albums_health, "MANY", 1)
        for _ in range(2):
            make.album(pictures=[], status=AlbumStatus.WAITING)

        probe = task_facts.probe_of(albums_health.SUBSCRIBERS, figures=albums_health.figures)
        [finding] = probe()

        assert finding.facts["status"] == "degraded"
        assert "in_progress_is_high" not in finding.facts

    def test_the_last_error_is_that_of_the_newest_failed_task(self):
        at_work()
        make.dead_letter(subscriber="albums.collect", error_code="old", error_details="first")
        make.dead_letter(subscriber="albums.assemble_parsed", error_code="new", error_details="x")
        make.dead_letter(subscriber="vision.analyze", error_code="other", error_details="y")

        [finding] = task_facts.probe_of(albums_health.SUBSCRIBERS)()

        assert finding.facts["last_error"].startswith("new: x (")

    def test_what_is_switched_off_is_no_failure(self):
        [finding] = task_facts.probe_of(("nobody.here",))()

        assert finding.status is Status.SKIPPED
        assert (finding.facts["status"], finding.facts["running"]) == ("disabled", False)


class TestHeartbeats:
    def test_a_worker_is_seen_until_it_ends(self):
        at_work("default", "vision")

        [seen] = heartbeats.running()
        assert seen.queues == ("default", "vision")
        assert seen.seconds_ago < 5
        assert heartbeats.unserved(["default", "other"]) == ["other"]

        heartbeats.end()
        assert heartbeats.running() == []

    def test_one_that_is_silent_does_not_run_whatever_the_clock_of_its_host_says(self):
        at_work("default")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE events_heartbeat SET seen_at = now() - interval '14 seconds'")
        assert heartbeats.unserved(["default"]) == []

        with connection.cursor() as cursor:
            cursor.execute("UPDATE events_heartbeat SET seen_at = now() - interval '16 seconds'")
        assert heartbeats.unserved(["default"]) == ["default"]
        at_work("default")
        assert heartbeats.unserved(["default"]) == []

    def test_rows_of_killed_processes_are_forgotten_after_a_day(self):
        for hours in (23, 25):
            at = timezone.now() - timedelta(hours=hours)
            Heartbeat.objects.create(
                pk=uuid.uuid4(), host="h", pid=1, queues=[], started_at=at, seen_at=at
            )

        at_work("default")

        assert Heartbeat.objects.count() == 2

    def test_the_scheduler_is_late_when_a_job_is(self):
        from django_q.models import Schedule  # noqa: PLC0415

        Schedule.objects.update(next_run=timezone.now() + timedelta(minutes=1))
        assert [found.status for found in workers.scheduler_runs()] == [Status.OK]

        first = Schedule.objects.first()
        Schedule.objects.filter(pk=first.pk).update(next_run=timezone.now() - timedelta(minutes=5))
        [found] = workers.scheduler_runs()
        assert (found.status, first.name in found.detail) == (Status.FAILED, True)

    @pytest.mark.parametrize(("minutes", "status"), [(1, Status.WARNING), (5, Status.FAILED)])
    def test_workers_that_have_just_begun_are_given_time(self, minutes, status):
        """After a night without them each job is late; the scheduler begins after half a minute."""
        from django_q.models import Schedule  # noqa: PLC0415

        now = timezone.now()
        Schedule.objects.update(next_run=now - timedelta(hours=9))
        for begun in (minutes, 0):
            Heartbeat.objects.create(
                pk=uuid.uuid4(), host="h", pid=begun, queues=[], seen_at=now,
                started_at=now - timedelta(minutes=begun),
            )  # fmt: skip

        [found] = workers.scheduler_runs()

        assert found.status == status
        assert found.remedy

    def test_a_job_that_is_put_off_far_is_told_and_comes_back_by_migrating(self):
        """A machine that starts with a clock years ahead leaves each job until then."""
        from django_q.models import Schedule  # noqa: PLC0415

        now = timezone.now()
        Schedule.objects.filter(minutes=1).update(next_run=now + timedelta(days=400))
        Schedule.objects.filter(minutes__gt=1).update(next_run=now + timedelta(minutes=1))

        found = {one.step: one for one in workers.scheduler_runs()}
        schedules.install()

        assert (found["next"].status, "9600.0 h" in found["next"].detail) == (Status.WARNING, True)
        assert not Schedule.objects.filter(next_run__gt=timezone.now() + timedelta(days=1)).exists()
        assert [one.status for one in workers.scheduler_runs()] == [Status.OK]

    def test_jobs_that_fail_each_time_are_told(self):
        from django_q.models import Schedule, Task  # noqa: PLC0415

        now = timezone.now()
        Schedule.objects.update(next_run=now + timedelta(seconds=30))
        job = Schedule.objects.get(name="media.read_channels")
        for pk in ("1" * 32, "2" * 32):
            Task.objects.create(
                id=pk, name="x", func=job.func, group=job.name, started=now, stopped=now,
                success=False, result="KeyError: 'a' : Traceback",
            )  # fmt: skip
        assert [one.status for one in workers.scheduler_runs()] == [Status.OK]

        Schedule.objects.filter(pk=job.pk).update(task="2" * 32)

        found = {one.step: one for one in workers.scheduler_runs()}
        assert found["runs"].status == Status.WARNING
        assert found["runs"].detail == "the last run failed: media.read_channels"

    @pytest.mark.parametrize(("minutes", "steps"), [(15, {""}), (25, {"", "queue"})])
    def test_runs_that_nobody_begins_are_told(self, minutes, steps):
        from django_q.models import OrmQ, Schedule  # noqa: PLC0415

        now = timezone.now()
        Schedule.objects.update(next_run=now + timedelta(seconds=30))
        OrmQ.objects.create(key="k", payload="x", lock=now + timedelta(minutes=16))
        OrmQ.objects.create(key="k", payload="x", lock=now - timedelta(minutes=minutes))

        assert {one.step for one in workers.scheduler_runs()} == steps


def _wait_for(reached):
    until = time.monotonic() + 5
    while not reached() and time.monotonic() < until:
        time.sleep(0.05)
    return reached()
