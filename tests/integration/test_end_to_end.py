"""`e2e_vision` and `doctor`, with everything well and with each of eight faults."""

import io
import json
import socket
import threading
import uuid
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.utils import timezone
from django_q.models import Schedule
from pydantic import SecretStr

from accounts import tenants
from accounts.models import User
from events import subscriptions
from events.delivery import worker
from events.health import registry
from events.models import OutboxEvent
from events.workers import heartbeats, liveness
from media.models import Channel, MediaObject, Post, PostMedia
from media.services import sample_post
from storage_quota.models import ContentType, StoredObject, TenantUsage
from storage_quota.object_store import use
from storage_quota.object_store.s3 import S3Store
from storage_quota.units import GIB
from telegram_assistant.end_to_end import picture
from telegram_assistant.feature_flags import feature_flags
from tests import factories as make
from tests.concurrency import in_threads, wait_until_one_is_blocked
from tests.integration.paid import with_settings
from tests.s3_fixtures import s3_settings
from vision import handlers, providers
from vision.models import TokenBudget
from vision.providers.fake import FakeVision

pytestmark = pytest.mark.django_db(transaction=True)

LINES = (
    "=" * 70,
    "🧪 E2E ТЕСТ VISION + S3 ПАЙПЛАЙНА",
    "📋 Параметры теста",
    "  Post ID: ",
    "  Trace ID: e2e_test_",
    "📊 Шаг 1: Проверка S3 квот...",
    "  ✅ Квота доступна (0.00 GB / 2.00 GB)",
    "📤 Шаг 2: Создание VisionUploadedEventV1...",
    "  Media SHA256: ",
    "  S3 Key: media/",
    "🚀 Шаг 3: Публикация в stream:posts:vision:uploaded...",
    "  ✅ Событие опубликовано: ",
    "  Stream length: 1 messages",
    "⏳ Шаг 4: Ожидание обработки Vision worker (20 секунд)...",
    "🔍 Шаг 5: Проверка результатов в БД...",
    "  ✅ Vision анализ выполнен!",
    "    Analyzed At: ",
    "    Provider: gigachat",
    "    Model: GigaChat-Pro",
    "    Is Meme: ",
    "    Tokens Used: ",
    "🔍 Шаг 6: Проверка через Vision API...",
    "  ✅ API endpoint работает",
    "🔍 Шаг 7: ",
    "✅ E2E ТЕСТ ЗАВЕРШЁН",
)
"""What the contract has the script print (CONTRACT §15), in this order."""


@contextmanager
def working(queues=()):
    """Serve the queues, all without any, from threads, as a worker process does."""
    queues = queues or subscriptions.queues()
    ending = threading.Event()

    def serve(queue):
        try:
            worker.serve(queue, proceed=lambda: not ending.is_set())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=serve, args=(queue,), daemon=True) for queue in queues]
    heartbeats.beat(queues)
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join(20)
        heartbeats.end()
        liveness.stop()


@pytest.fixture
def works(transactional_db):
    # No scheduler runs here, and the migrations that named the next run may be minutes ago.
    Schedule.objects.update(next_run=timezone.now())
    with working():
        yield


@pytest.fixture
def stack(gigachat, s3):
    """GigaChat's stub and a real S3 server."""
    tenants.default_tenant()
    with use(s3):
        yield gigachat


def run(name, *arguments):
    """Run the command; returns its JSON and its exit code."""
    out, code = io.StringIO(), 0
    try:
        call_command(name, *map(str, arguments), "--json", stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        code = end.code
    return json.loads(out.getvalue()), code


def e2e(*arguments, seconds=20):
    return run("e2e_vision", "--no-web", "--seconds", seconds, *arguments)


def failing_steps(report) -> set[str]:
    return {
        f"{name}: {found['step']}" if found["step"] else name
        for name, check in report["checks"].items()
        for found in check["findings"]
        if found["status"] == "failed"
    }


class TestWell:
    def test_fact_111_the_seven_steps_and_the_lines_of_the_contract(self, stack, works):
        out = io.StringIO()

        call_command("e2e_vision", "--no-web", "--seconds", "20", stdout=out)

        text = out.getvalue()
        places = [text.find(line) for line in LINES]
        assert -1 not in places, LINES[places.index(-1)] + "\n" + text
        assert places == sorted(places)
        assert stack.stats()["answers"] == 1

    @pytest.mark.costly
    def test_it_leaves_nothing_behind_but_what_it_cost(self, stack, works, s3):
        report, code = e2e()

        assert (report["passed"], code) == (True, 0)
        assert not Post.objects.exists()
        assert not Channel.objects.exists()
        assert not MediaObject.objects.exists()
        assert not User.objects.exists()
        assert not list(s3.list("media/"))
        assert not StoredObject.objects.filter(content_type=ContentType.MEDIA).exists()
        assert TokenBudget.objects.get().used_tokens == int(report["tokens_used"]) > 0

    def test_each_run_is_about_a_picture_that_nobody_knows(self, stack, works):
        for _ in range(2):
            assert e2e()[1] == 0

        assert stack.stats()["answers"] == 2

    @pytest.mark.costly
    def test_a_post_of_the_archive_is_sent_the_same_way_and_stays(self, stack, works, archive):
        post = archive.post(picture.make(7), tell=False)

        for _ in range(2):
            report, code = e2e("--post-id", post.pk)
            assert (report.get("reason"), code) == (None, 0)
            assert report["post_id"] == str(post.pk)

        assert Post.objects.filter(pk=post.pk).exists()
        assert stack.stats()["answers"] == 1

    def test_without_gigachat_tesseract_is_what_is_expected(self, works, s3):
        with use(s3):
            report, code = e2e()

        assert (report["provider"], code) == ("ocr_fallback", 0)

    @pytest.mark.costly
    def test_doctor_finds_nothing_and_costs_nothing(self, stack, works):
        report, code = run("doctor")

        assert (failing_steps(report), code) == (set(), 0)
        assert stack.stats()["answers"] == 0
        steps = {found["step"] for found in report["checks"]["bucket"]["findings"]}
        assert steps == {"put", "get", "head", "list", "delete", "multipart"}
        steps = {found["step"] for found in report["checks"]["bucket_settings"]["findings"]}
        assert steps == {"clock", "checksums", "versions", "lifecycle"}
        steps = {found["step"] for found in report["checks"]["gigachat"]["findings"]}
        assert steps == {"address and certificate", "token", "model", "balance", "concurrency"}

    @pytest.mark.costly
    def test_what_doctor_pays_is_counted(self, stack, works):
        report, code = run("doctor", "--pay")

        assert (failing_steps(report), code) == (set(), 0)
        assert stack.stats()["answers"] == 1
        day = TokenBudget.objects.get()
        assert day.used_tokens == stack.stats()["tokens"]["total_tokens"]
        assert (day.reserved_tokens, day.lost_tokens) == (0, 0)


class Faults:
    """Each breaks one thing; `step` is what e2e_vision names, `check` what doctor names."""

    def no_token(self, stack, settings):
        settings.GIGACHAT = with_settings(settings.GIGACHAT, client_secret=SecretStr("wrong"))
        return working()

    def wrong_model(self, stack, settings):
        settings.GIGACHAT = with_settings(settings.GIGACHAT, vision_model="GigaChat-9")
        return working()

    def payment_required(self, stack, settings):
        stack.fail("payment_required")
        return working()

    def hanging(self, stack, settings):
        settings.GIGACHAT = with_settings(settings.GIGACHAT, vision_timeout=60)
        stack.fail("timeout", endpoint="any", seconds=6)
        return working()

    @contextmanager
    def s3_down(self, stack, settings):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            with use(S3Store(s3_settings(address))), working():
                yield

    @contextmanager
    def no_worker(self, stack, settings):
        yield

    def flag_off(self, stack, settings):
        settings.VISION = with_settings(settings.VISION, feature_vision_enabled=False)
        for name in (handlers.ANALYZE, handlers.ANALYZE_BACKFILL, "vision.record_failure"):
            subscriptions.unsubscribe(name)
        return working(("default",))

    def budget_gone(self, stack, settings):
        settings.VISION = with_settings(settings.VISION, vision_max_daily_tokens=100)
        return working()


EIGHT = {
    "no_token": ("database", "GIGACHAT_CREDENTIALS", "gigachat: token"),
    "wrong_model": ("database", "GIGACHAT_VISION_MODEL", "gigachat: model"),
    "payment_required": ("database", "402", "gigachat_picture"),
    "hanging": ("wait", "3", "gigachat: token"),
    "s3_down": ("event", "S3_ENDPOINT_URL", "bucket: put"),
    "no_worker": ("wait", "vision", "workers: vision"),
    "flag_off": ("publish", "FEATURE_VISION_ENABLED", "vision"),
    "budget_gone": ("database", "daily_limit", "budget: default"),
}
"""Fault: the step of e2e_vision, a word of its reason, the step of doctor."""


@pytest.mark.parametrize("fault", EIGHT)
class TestEightFaults:
    @pytest.fixture(autouse=True)
    def _ocr(self, monkeypatch):
        """What text recognition reads is not the point here, and takes seconds."""
        fake = FakeVision()
        monkeypatch.setattr(providers, "get_ocr", lambda: fake)

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch):
        """What hangs is given up after two seconds instead of half a minute."""
        for name, check in list(registry._checks.items()):
            if name.startswith("gigachat"):
                monkeypatch.setitem(registry._checks, name, replace(check, seconds=2.0))

    @pytest.mark.sampled(4)
    def test_fact_111_e2e_vision_names_the_step(self, fault, stack, settings):
        step, word, _ = EIGHT[fault]

        with getattr(Faults(), fault)(stack, settings):
            report, code = e2e(seconds=3 if step == "wait" else 20)

        assert (report["step"], code) == (step, 1), report
        assert word in report["reason"], report["reason"]
        assert report["remedy"]

    @pytest.mark.sampled(4)
    def test_doctor_names_the_step(self, fault, stack, settings):
        check = EIGHT[fault][2]

        with getattr(Faults(), fault)(stack, settings):
            report, code = run("doctor", "--pay")

        assert check in failing_steps(report), failing_steps(report)
        assert (report["status"], code) == ("failed", 1)
        bad = [
            found
            for one in report["checks"].values()
            for found in one["findings"]
            if found["status"] == "failed"
        ]
        assert all(found["remedy"] and "\n" not in found["remedy"] for found in bad)


class TestApi:
    """Step 6 asks a web server, as the people who use the API do."""

    @pytest.mark.costly
    def test_the_web_server_is_asked_under_a_name_it_answers_to(
        self, stack, works, live_server, settings
    ):
        settings.ALLOWED_HOSTS = ["archive.example.org"]

        report, code = run("e2e_vision", "--seconds", 20, "--api-url", live_server.url)

        assert (report.get("reason"), code) == (None, 0)
        assert not User.objects.exists()

    @pytest.mark.costly
    def test_without_a_web_server_it_fails_and_the_post_stays_to_be_looked_at(self, stack, works):
        report, code = run("e2e_vision", "--seconds", 20, "--api-url", "http://127.0.0.1:9")

        assert (report["failed_step"], report["step"], code) == (6, "api", 1)
        assert "--api-url" in report["remedy"]
        assert Post.objects.filter(pk=report["post_id"]).exists()
        assert not User.objects.exists()

    def test_what_a_failed_run_has_left_is_deleted_by_a_later_one(self, archive, s3):
        with use(s3):
            for hours in (2, 0):
                at = timezone.now() - timedelta(hours=hours)
                sample_post.create(archive.tenant, picture.make(hours), number=hours, now=at)

            sample_post.delete_left_over(archive.tenant, now=timezone.now())

        assert list(Post.objects.values_list("telegram_message_id", flat=True)) == [0]
        assert len(list(s3.list("media/"))) == MediaObject.objects.count() == 1


class TestDelete:
    def test_workers_that_still_write_to_the_post_are_waited_for(self, archive, s3):
        with use(s3):
            post = sample_post.create(archive.tenant, picture.make(1), number=1, now=timezone.now())
            locked = threading.Event()

            def write() -> None:
                with transaction.atomic():
                    Post.objects.select_for_update(no_key=True).get(pk=post.pk)
                    locked.set()
                    wait_until_one_is_blocked()
                    PostMedia.objects.filter(post=post).update(position=1)

            def delete() -> None:
                locked.wait(10)
                sample_post.delete(post, now=timezone.now())

            in_threads(write, delete)

        assert not Post.objects.exists()
        assert not list(s3.list("media/"))


class TestWrongPosts:
    def test_one_that_is_not_there(self, s3):
        with use(s3):
            report, code = e2e("--post-id", uuid.uuid4())

        assert (report["step"], code) == ("event", 1)

    def test_one_without_media_or_whose_picture_is_gone(self, archive, s3):
        with use(s3):
            bare, gone = archive.post(tell=False), archive.post(picture.make(1), tell=False)
            s3.delete(gone.post_media.get().media_object.s3_key)

            for post, word in ((bare, "файлов"), (gone, "media/")):
                report, code = e2e("--post-id", post.pk)
                assert (report["step"], code) == ("event", 1)
                assert word in report["reason"]
        assert not OutboxEvent.objects.exists()


class TestQuota:
    def test_fact_112_a_tenant_above_its_limit_has_no_check_mark_at_step_1(self, stack, works):
        TenantUsage.objects.create(
            tenant=tenants.default_tenant(), content_type="media", total_bytes=int(2.34 * GIB),
            last_updated=make.NOW, created_at=make.NOW,
        )  # fmt: skip
        out = io.StringIO()

        with pytest.raises(SystemExit) as end:
            call_command("e2e_vision", "--no-web", stdout=out)

        text = out.getvalue()
        assert end.value.code == 1
        assert "✅" not in text
        assert "2.34 GB / 2.00 GB" in text
        assert "шаг 1" in text
        assert not OutboxEvent.objects.exists()


class TestFeatureFlags:
    def test_the_flag_of_the_contract_is_the_setting(self, settings):
        for value in (True, False):
            settings.VISION = with_settings(settings.VISION, feature_vision_enabled=value)
            assert feature_flags.vision_enabled is value
            assert feature_flags.as_dict() == {"vision_enabled": value}
