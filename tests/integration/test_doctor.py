"""What the checks of `doctor` find, one at a time, and what the command makes of it."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone, translation

from events import health
from events.health import Scope, Status, failed, ok, registry, running, warning
from events.inspection import postgresql, workers
from storage_quota import health as storage
from storage_quota.integrity import marker
from storage_quota.object_store import use
from storage_quota.object_store.memory import MemoryStore
from storage_quota.units import MIB
from telegram_assistant.config import environment
from telegram_assistant.health import host
from tests import factories as make
from tests.gigachat_stub import Stub
from tests.integration.paid import with_settings
from vision import providers
from vision.health import gigachat as checks
from vision.health import installation
from vision.models import ProviderHealth

pytestmark = pytest.mark.django_db


def doctor(*arguments):
    out = io.StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


def found(probe) -> dict[str, health.Finding]:
    """The findings of a probe by their steps, as the runner would note them."""
    steps, step = {}, ""
    for one in probe():
        if isinstance(one, str):
            step = one
        else:
            steps[one.step or step] = one
    return steps


@pytest.fixture
def only(monkeypatch):
    """A registry with these findings and nothing else."""
    monkeypatch.setattr(registry, "_checks", {})
    monkeypatch.setattr(running, "_runs", {})

    def add(name, *findings, scope=Scope.DOCTOR, needs=""):
        health.register(name, lambda: findings, scope=scope, remedy="mend it", needs=needs)

    return add


@pytest.mark.usefixtures("in_english")
class TestCommand:
    def test_warnings_are_shown_with_their_remedy_and_are_no_failure(self, only):
        only("disk", warning("1 GiB left", "free space"))
        only("queue", ok("fine", step="default"))

        text, code = doctor()

        assert code == 0
        assert "WARNING  disk" in text
        assert "→ free space" in text
        assert "ok       queue: default" in text
        assert "Nothing has failed. 2 steps" in text

    def test_what_failed_is_named_at_the_end(self, only):
        only("disk", failed("full", "free space"))
        only("bucket", ok("fine", step="put"), failed("gone", "look", step="get"))

        text, code = doctor()

        assert code == 1
        assert "Failed: disk, bucket: get." in text

    def test_json_is_one_object(self, only):
        only("bucket", ok("fine", step="put"), failed("gone", "look", step="get"))

        text, code = doctor("--json")

        report = json.loads(text)
        assert (report["status"], code) == ("failed", 1)
        assert report["checks"]["bucket"]["findings"] == [
            {"step": "put", "status": "ok", "detail": "fine", "remedy": ""},
            {"step": "get", "status": "failed", "detail": "gone", "remedy": "look"},
        ]

    def test_only_what_is_named_and_nothing_that_costs_unless_asked(self, only):
        only("cheap", ok("fine"))
        only("dear", ok("paid"), scope=Scope.PAID)

        assert "paid" not in doctor()[0]
        assert "paid" in doctor("--pay")[0]
        assert "fine" not in doctor("--pay", "--only", "dear")[0]
        with pytest.raises(CommandError, match="no check dear; there are: cheap") as refusal:
            doctor("--only", "dear")
        assert refusal.value.returncode == 2

    def test_every_check_has_a_limit_and_a_remedy_of_one_line(self):
        for check in health.registered(Scope.PAID):
            assert 0 < check.seconds <= 60
            assert check.remedy
            assert "\n" not in check.remedy

    def test_what_only_follows_from_another_failure_is_not_checked(self, only):
        refused = failed("OperationalError: refused", "start it", step="PostgreSQL")
        only("database", refused)
        for name in ("workers", "broker"):
            only(name, failed("OperationalError: refused", "start it"), needs="database")
        only("policy", ok("fine"), needs="database")
        only("disk", failed("full", "free space"))

        text, code = doctor()
        report = json.loads(doctor("--json")[0])["checks"]

        assert (text.count("refused"), text.count("start it"), code) == (1, 1, 1)
        assert text.count("not checked: needs PostgreSQL") == 2
        assert "Failed: database: PostgreSQL, disk." in text
        states = {name: one["status"] for name, one in report.items()}
        assert states == {
            "database": "failed", "workers": "skipped", "broker": "skipped", "policy": "ok",
            "disk": "failed",
        }  # fmt: skip
        assert "OperationalError: refused" in doctor("--only", "workers")[0]

    def test_without_postgresql_its_refusal_is_said_once(self, monkeypatch):
        def refuses(*_, **__):
            raise OperationalError("connection refused")

        asking = ("connect", "cursor")
        for method in asking:
            monkeypatch.setattr(BaseDatabaseWrapper, method, refuses)
        monkeypatch.setattr(running, "_runs", {})
        monkeypatch.setattr(postgresql, "_connected", refuses)

        text, code = doctor()

        assert (text.count("connection refused"), code) == (1, 1), text
        assert text.count(postgresql.REMEDY) == 1


class PooledSession:
    """A connection through a pooler with one backend after the other, per transaction."""

    def __init__(self, pool):
        self._pool, self._own = pool, None

    def execute(self, statement):
        backend = self._own or self._pool[0]
        return type("Rows", (), {"fetchone": staticmethod(lambda: (backend,))})

    def transaction(self):
        session = self

        class Transaction:
            def __enter__(self):
                session._own = session._pool.pop(0)

            def __exit__(self, *_):
                session._pool.insert(0, session._own)
                session._own = None

        return Transaction()

    def close(self):
        pass


class TestPostgresql:
    def test_this_one_is_well(self):
        assert {
            step: one.status for step, one in found(postgresql.server).items()
        } == dict.fromkeys(
            ("version", "extensions", "connections", "clock", "time zone"), Status.OK
        )
        assert found(postgresql.pool_mode)[""].status is Status.OK

    def test_a_pooler_of_transactions_is_found_out(self, monkeypatch):
        pool = [100, 101, 102]
        monkeypatch.setattr(postgresql, "_connected", lambda: PooledSession(pool))

        [finding] = found(postgresql.pool_mode).values()

        assert finding.status is Status.FAILED
        assert "pool_mode = session" in finding.remedy

    def test_an_old_server_another_clock_and_an_unknown_zone_are_failures(
        self, monkeypatch, settings
    ):
        monkeypatch.setattr(postgresql, "OLDEST", 990000)
        monkeypatch.setattr(postgresql.time, "time", lambda: timezone.now().timestamp() + 60)
        settings.TIME_ZONE = "Mars/Olympus"

        steps = found(postgresql.server)

        failing = {step for step, one in steps.items() if one.status is Status.FAILED}
        assert failing == {"version", "clock", "time zone"}

    def test_failed_tasks_are_a_warning_with_their_number(self):
        assert found(workers.no_task_has_failed)[""].status is Status.OK
        for _ in range(3):
            make.dead_letter()

        finding = found(workers.no_task_has_failed)[""]

        assert (finding.status, finding.detail) == (Status.WARNING, "3 failed tasks")


class TestBucket:
    def test_files_and_memory_pass_every_operation_and_nothing_stays(self):
        with use(MemoryStore()) as store:
            steps = found(storage.operations)
            left = list(store.list())

        assert {one.status for one in steps.values()} == {Status.OK}
        assert left == []

    def test_a_bucket_that_is_not_that_of_the_ledger_is_a_failure(self):
        """Of a wrong S3_BUCKET_NAME every operation works: doctor found nothing, imports went on."""
        with use(MemoryStore()) as right:
            fresh = found(storage.mark)[""]
            left = list(right.list())
            marker.confirm(right, now=timezone.now())
            ours = found(storage.mark)[""]
        with use(MemoryStore()):
            wrong = found(storage.mark)[""]

        assert (fresh.status, left) == (Status.OK, [])
        assert (ours.status, ours.detail) == (Status.OK, "ours")
        assert wrong.status is Status.FAILED
        assert "another bucket" in wrong.detail

    def test_bytes_that_come_back_changed_are_a_failure(self, monkeypatch):
        monkeypatch.setattr(storage, "_read", lambda store, key: b"other")

        with use(MemoryStore()) as store:
            steps = found(storage.operations)
            left = list(store.list())

        failing = {step for step, one in steps.items() if one.status is Status.FAILED}
        assert failing == {"get", "multipart"}
        assert left == []

    @pytest.mark.parametrize(
        ("apart", "status"), [(0, "ok"), (-61, "warning"), (61, "warning"), (901, "failed")]
    )
    def test_the_clock_of_the_bucket(self, apart, status):
        there = timezone.now() + timedelta(seconds=apart)

        assert storage._clock(there).status == status

    def test_versions_cost(self):
        assert storage._versions("Enabled").status is Status.WARNING
        assert storage._versions("").status is Status.OK


class TestHost:
    @pytest.mark.parametrize(
        ("left", "status"), [(99, "failed"), (100, "warning"), (199, "warning"), (200, "ok")]
    )
    def test_what_is_left_decides(self, left, status):
        finding = host._judged("left", left, fails=100, warns=200, remedy="free some")

        assert finding.status == status

    def test_the_limit_of_a_container_counts(self, monkeypatch, tmp_path):
        (tmp_path / "memory.max").write_text(str(300 * MIB))
        (tmp_path / "memory.current").write_text(str(200 * MIB))
        monkeypatch.setattr(host, "CGROUP", tmp_path)

        [finding] = host.memory()

        assert (finding.status, finding.detail) == (Status.FAILED, "100.00 MiB available")

    def test_a_policy_that_is_no_policy_is_named_with_its_path(self, settings, tmp_path):
        path = tmp_path / "policy.yml"
        path.write_text("limits: {max_image_mb: much}")
        settings.VISION = with_settings(settings.VISION, vision_policy_config_path=path)

        [finding] = installation.policy()

        assert finding.status is Status.FAILED
        assert str(path) in finding.detail


class TestGigachat:
    def test_a_certificate_that_nobody_trusts_says_what_to_set(
        self, gigachat, settings, certificate_files
    ):
        with Stub(chain=certificate_files.chain) as secure:
            settings.GIGACHAT = with_settings(
                settings.GIGACHAT, base_url=secure.base_url, auth_url=secure.auth_url
            )
            running._runs.clear()
            text, code = doctor("--only", "gigachat")

        assert code == 1
        assert "gigachat: address and certificate" in text
        assert "GIGACHAT_CA_BUNDLE_FILE" in text

    def test_the_model_is_looked_for_in_the_list(self):
        assert checks._model("GigaChat-Pro", ["GigaChat", "GigaChat-Pro"]).status is Status.OK
        missing = checks._model("GigaChat-9", ["GigaChat"])
        assert (missing.status, "GigaChat-9" in missing.detail) == (Status.FAILED, True)

    @pytest.mark.parametrize(
        ("left", "status"),
        [(None, "ok"), ({"GigaChat": 5}, "ok"), ({"GigaChat": 0}, "failed"), ({}, "failed")],
    )
    def test_a_package_that_is_used_up_is_a_failure(self, left, status):
        assert checks._balance(left).status == status

    def test_more_calls_than_the_scope_allows_are_a_warning(self, settings):
        for scope, calls, status in (
            ("GIGACHAT_API_PERS", 1, "ok"),
            ("GIGACHAT_API_PERS", 2, "warning"),
            ("GIGACHAT_API_CORP", 10, "ok"),
            ("GIGACHAT_API_CORP", 11, "warning"),
        ):
            settings.GIGACHAT = with_settings(
                settings.GIGACHAT, scope=scope, max_concurrent_requests=calls
            )
            assert checks._concurrency().status == status, (scope, calls)

    def test_a_variable_that_is_nearly_one_of_ours_is_named(self, tmp_path, monkeypatch):
        file = tmp_path / ".env"
        file.write_text("GIGACHAT_CREDENTIAL=abc\nHTTPS_PROXY=\nPORT=8001\nDEBUG=false\n")
        monkeypatch.setattr(environment, "ENV_FILE", file)

        findings = [one for one in host.configuration() if one.status is Status.WARNING]

        assert [(one.detail, one.remedy) for one in findings] == [
            (
                ".env sets GIGACHAT_CREDENTIAL, which nothing reads",
                "GIGACHAT_CREDENTIALS is probably meant",
            )
        ]

    def test_a_reason_stands_in_the_language_of_its_sentence(self, gigachat):
        ProviderHealth.objects.create(
            provider="gigachat", paused_until=timezone.now() + timedelta(minutes=10),
            pause_reason="non_retryable_quota",
        )  # fmt: skip

        with translation.override("ru"):
            [finding] = checks.state()

        assert finding.detail.isascii()
        assert "Use the provider again now" in finding.remedy

    def test_what_workers_have_noted_is_told_without_asking_anybody(self, gigachat):
        until = timezone.now() + timedelta(minutes=10)
        ProviderHealth.objects.create(
            provider="gigachat", paused_until=until, pause_reason="non_retryable_quota",
            details="HTTP 402: Payment Required",
        )  # fmt: skip

        [finding] = checks.state()

        assert finding.status is Status.FAILED
        assert "402" in finding.detail
        assert gigachat.stats()["calls"] == {}

    def test_without_gigachat_there_is_nothing_to_check(self):
        assert providers.get_gigachat() is None
        for probe in (checks.state, checks.account, checks.picture):
            assert found(probe)[""].status is Status.SKIPPED
