"""
What the log says while the product works: what each line is about, and never a secret or a message.

Every test feeds marked texts ("canaries") in at one end, and looks for them in all that is
written: the log down to DEBUG, stdout and stderr, rows of failures, answers to strangers.
"""

import io
import json
import logging
import os
import re
from datetime import UTC, timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.urls import path
from PIL import Image
from pydantic import SecretStr
from rest_framework import permissions, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Tenant
from events.delivery import worker
from events.delivery.about import about_delivery
from events.errors import RetryLater
from events.logs import redaction
from events.models import Delivery, OutboxEvent
from events.subscriptions import Mode, subscribe
from media.models import Post
from media.services import imports
from media.sources.export import ExportSource
from storage_quota import services
from storage_quota.models import ContentType
from storage_quota.object_store import StoreForbidden, use
from telegram_assistant import urls as product
from telegram_assistant.config import Limits
from telegram_assistant.management.commands import qcluster
from tests.factories import picture
from tests.gigachat_fixtures import KEY
from tests.gigachat_stub import CLIENT_ID, CLIENT_SECRET
from tests.integration.conftest import Ping
from tests.integration.paid import drain, with_settings
from tests.processes import ROOT, run_python
from tests.unit.exports import chat, message, write
from vision.models import PaidAnalysis

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGE = "канарейка в тексте сообщения"
SECRET = "canary-Zx81-secret"
PHONE = "+7 916 555-44-33"
ABOUT_A_PICTURE = ("trace_id", "tenant_id", "sha256")
"""The fields by which the way of one picture is found (fact 121)."""


def drawn() -> bytes:
    """A picture with something on it: blank ones are not sent to GigaChat."""
    body = io.BytesIO()
    Image.radial_gradient("L").save(body, "PNG")
    return body.getvalue()


def rows_of_failures() -> str:
    """All that the console shows of what failed."""
    deliveries = Delivery.objects.values_list(
        "error_code", "error_details", "error_trace", "outcome"
    )
    analyses = PaidAnalysis.objects.values_list("error", "error_class", "reason")
    return f"{list(deliveries)} {list(analyses)}"


def written(log_lines, capfd) -> str:
    lines = json.dumps(log_lines(), ensure_ascii=False)
    return "\n".join([lines, *capfd.readouterr(), log_of_the_server()])


def log_of_the_server() -> str:
    """What the embedded PostgreSQL has written; one that tests are given keeps its log elsewhere."""
    folder = connection.settings_dict.get("EMBEDDED_DIR")
    return (folder / "log").read_text(errors="replace") if folder else ""


class TestWhatALineIsAbout:
    """Fact 121: every line about an event has trace_id, tenant_id and sha256 as applicable."""

    @pytest.fixture
    def analyzed(self, archive, gigachat, log_lines):
        post = archive.post(drawn(), content=f"{MESSAGE} {PHONE}")
        drain(rounds=2)
        return post

    def test_fact_121_from_the_event_to_the_stored_document(self, analyzed, archive, log_lines):
        rooms = ("vision.", "storage_quota.")
        lines = [
            line for room in rooms for line in log_lines(room) if "subscriber" in line
        ]  # one line more is of the import, which this test leaves out

        assert {line["event"].partition(":")[0] for line in lines} >= {
            "Quota check", "Tenant usage updated for vision result",
        }  # fmt: skip
        media = analyzed.post_media.get().media_object
        about = ("test:1", str(archive.tenant.pk), media.file_sha256)
        assert {tuple(line.get(name) for name in ABOUT_A_PICTURE) for line in lines} == {about}
        assert all(line["post_id"] == str(analyzed.pk) for line in lines)

    def test_fact_121_also_of_what_fails(self, archive, gigachat, log_lines):
        gigachat.fail("server_error")
        archive.post(drawn())

        drain(rounds=2)

        lines = log_lines("vision.") + log_lines("events.delivery")
        assert [line for line in lines if line["level"] == "warning"]
        assert all(line.keys() >= set(ABOUT_A_PICTURE) for line in lines)
        failed = [line for line in lines if line["level"] == "warning"]
        assert all(line["error_type"] and "Traceback" in line["exception"] for line in failed)

    @pytest.mark.parametrize("mode", list(Mode))
    def test_a_handler_that_raises_says_why_where_and_about_what(self, mode, ping, log_lines):
        def fails(event, *, now):
            raise LookupError("no such channel")

        subscribe(Ping, name="test.fails", mode=mode)(fails)
        with transaction.atomic():
            services_event(ping(1, trace_id="e2e_test_x"))

        worker.drain("default")

        [line] = [one for one in log_lines("events.delivery.run") if one["level"] == "warning"]
        assert (line["trace_id"], line["tenant_id"]) == ("e2e_test_x", "t")
        assert (line["error_type"], line["subscriber"]) == ("LookupError", "test.fails")
        assert "no such channel" in line["exception"]
        assert __name__.rpartition(".")[2] in line["exception"]

    def test_an_event_about_several_pictures_names_none_of_them(self, archive):
        archive.post(picture("navy"), picture("red"))
        delivery = Delivery.objects.filter(event__topic="posts.vision.uploaded").first()

        with about_delivery(delivery):
            names = set(redacted_context())

        assert "sha256" not in names
        assert names >= {"tenant_id", "subscriber", "post_id"}

    def test_threads_of_an_import_know_which_import_and_which_file(
        self, tmp_path, archive, log_lines, monkeypatch
    ):
        def put(self, reservation, body, **_):
            logging.getLogger("test.store").info("put")
            raise StoreForbidden("no")

        monkeypatch.setattr("storage_quota.object_store.files.FileStore.put", put)
        folder = write(tmp_path, chat([message(1, photo="photos/a.png")]))
        (folder / "photos").mkdir(exist_ok=True)
        (folder / "photos" / "a.png").write_bytes(picture())
        with pytest.raises(StoreForbidden):
            imports.import_export(
                source=ExportSource(folder, zone=UTC), path=folder, tenant=archive.tenant
            )

        [line] = log_lines("test.store")
        assert line["trace_id"].startswith("import-")
        assert line["tenant_id"] == str(archive.tenant.pk)
        assert re.fullmatch(r"[0-9a-f]{64}", line["sha256"])


class TestWordsOfTheSeeds:
    def test_the_start_of_the_workers(self, monkeypatch, log_lines):
        monkeypatch.setattr(qcluster.Cluster, "handle", lambda *_, **__: None)

        qcluster.Command().handle()

        lines = [line["event"] for line in log_lines("telegram_assistant.management")]
        assert "Vision Analysis task registered with supervisor" in lines
        assert "Vision Analysis task started" in lines
        assert "Registered task vision.analyze with supervisor, queue vision" in lines
        assert any(line.startswith("storage_quota_enabled=true: ") for line in lines)

    def test_without_the_flag_no_vision_is_announced(self, monkeypatch, settings, log_lines):
        settings.VISION = with_settings(settings.VISION, feature_vision_enabled=False)
        monkeypatch.setattr(qcluster.Cluster, "handle", lambda *_, **__: None)

        qcluster.Command().handle()

        assert "Vision Analysis" not in str(log_lines())

    def test_quota_exceeded_says_who_what_and_why_in_one_line_for_a_batch(
        self, archive, settings, now, log_lines
    ):
        settings.LIMITS = Limits(
            total_bytes=100, emergency_bytes=90, tenant_bytes=80,
            by_type={"media": 6, "vision": 50, "crawl": 50, "album": 10},
        )  # fmt: skip
        folder = f"media/{archive.tenant.pk}"
        services.reserve_many(
            tenant=archive.tenant,
            content_type=ContentType.MEDIA,
            requests=[services.ReservationRequest(f"{folder}/{n}", 5) for n in range(4)],
            now=now,
        )

        checked, exceeded = log_lines("storage_quota.reserve")
        assert checked["event"] == "Quota check: 1 of 4 allowed"
        assert exceeded["event"].startswith("Quota exceeded: 3 refused, such as media_limit: 5 B")
        for line in (checked, exceeded):
            assert (line["tenant_id"], line["content_type"]) == (str(archive.tenant.pk), "media")
        assert (exceeded["level"], exceeded["reason"]) == ("warning", "media_limit")

    def test_fact_052_budget_exhausted(self, archive, gigachat, settings, log_lines):
        settings.VISION = with_settings(settings.VISION, vision_max_daily_tokens=0)
        archive.post(drawn())

        drain()

        [line] = [one for one in log_lines("vision.") if "Budget exhausted" in one["event"]]
        assert line.keys() >= set(ABOUT_A_PICTURE)
        assert line["reason"] == "daily_limit"


class TestRequests:
    @pytest.fixture(autouse=True)
    def _addresses(self, settings):
        settings.ROOT_URLCONF = __name__

    def test_each_has_one_line_with_its_trace_id_and_without_its_query(self, client, log_lines):
        client.get(f"/api/echo?q={MESSAGE}&token={SECRET}", headers={"X-Trace-ID": "e2e_test_x"})

        [line] = log_lines("telegram_assistant.logs.access")
        assert line["event"] == "GET /api/echo 405"
        assert (line["method"], line["path"], line["status"]) == ("GET", "/api/echo", 405)
        assert line["trace_id"] == "e2e_test_x"
        assert line["milliseconds"] > 0

    def test_what_is_polled_is_not_shown_unless_it_fails(self, client, log_lines):
        client.get("/health/live")

        [line] = log_lines("telegram_assistant.logs.access")
        assert line["level"] == "debug"

    @pytest.mark.parametrize("fault", ["bug", "row", "refused", "database", "later"])
    def test_of_a_body_nothing_is_written_whatever_becomes_of_it(
        self, fault, log_lines, capfd, archive
    ):
        body = {"text": f"{MESSAGE} {PHONE}", "password": SECRET, "fault": fault}
        client = Client(raise_request_exception=False)

        answer = client.post(
            "/api/echo", body, content_type="application/json",
            headers={"Authorization": f"Bearer {SECRET}", "Cookie": f"sessionid={SECRET}"},
        )  # fmt: skip

        assert answer.status_code in {422, 500, 503}
        everything = written(log_lines, capfd) + answer.content.decode()
        assert answer["X-Trace-ID"] in everything
        for canary in (MESSAGE, SECRET, PHONE, "555-44-33"):
            assert canary not in everything


class TestMessagesAndSecrets:
    """Neither in the log, nor in rows of failures."""

    @pytest.fixture(autouse=True)
    def _known(self):
        before = redaction._known
        redaction.know([SECRET, KEY, CLIENT_ID, CLIENT_SECRET])
        yield
        redaction._known = before

    @pytest.mark.parametrize("mode", [Mode.TRANSACTIONAL, Mode.LEASED])
    @pytest.mark.parametrize("fault", ["row", "copy", "key", "secret", "phone"])
    def test_of_what_a_handler_raises(self, mode, fault, archive, ping, log_lines, capfd):
        def fails(event, *, now):
            FAULTS[fault]()
            return "ok"

        archive.post(content=MESSAGE, tell=False)
        subscribe(Ping, name="test.fails", mode=mode)(fails)
        with transaction.atomic():
            services_event(ping(1), ping(2))

        worker.drain("default")

        everything = written(log_lines, capfd) + rows_of_failures()
        assert "error_type" in everything
        for canary in (MESSAGE, SECRET, PHONE, "555-44-33"):
            assert canary not in everything

    def test_of_a_payload_that_cannot_be_read(self, archive, log_lines, capfd):
        archive.post(drawn(), content=MESSAGE)
        OutboxEvent.objects.filter(topic="posts.vision.uploaded").update(
            payload={"trace_id": "x", "media_files": MESSAGE, "text": PHONE}
        )

        drain()

        everything = written(log_lines, capfd) + rows_of_failures()
        assert "invalid_payload" in everything
        assert MESSAGE not in everything
        assert PHONE not in everything

    @pytest.mark.parametrize(
        "kind",
        ["unauthorized", "server_error", "bad_request", "payment_required", "not_json", "bad_gateway",
         "not_an_object", "cut", "length", "deleted_file"],
    )  # fmt: skip
    def test_of_what_gigachat_answers(self, kind, archive, gigachat, monkeypatch, log_lines, capfd):
        from tests.gigachat_stub import faults, handler  # noqa: PLC0415

        echo = {k: (s, f"{t}: Bearer {KEY} {SECRET} {PHONE}") for k, (s, t) in
                faults.HTTP_FAULTS.items()}  # fmt: skip
        monkeypatch.setattr(handler, "HTTP_FAULTS", echo)
        gigachat.fail(kind, content=MESSAGE)
        archive.post(drawn(), content=MESSAGE)

        drain(rounds=2)

        assert gigachat.stats()["calls"]["chat"]
        everything = written(log_lines, capfd) + rows_of_failures()
        for canary in (MESSAGE, SECRET, KEY, CLIENT_SECRET, "555-44-33"):
            assert canary not in everything
        assert not re.search(r"stub\.[0-9a-f]{16}", everything)  # its tokens

    def test_of_what_s3_refuses(self, behind_proxy, proxy, archive, now, log_lines, capfd):
        store = behind_proxy(access_key_id=SECRET, secret_access_key=SecretStr(f"{SECRET}-2"))
        for how in ("403 SignatureDoesNotMatch", "500", "cut", "lost"):
            proxy.heal()
            proxy.fail("put", how)
            with use(store), pytest.raises(services.NOT_STORED) as refusal:
                services.put_object(
                    tenant=archive.tenant, content_type=ContentType.MEDIA,
                    key=f"media/{archive.tenant.pk}/x", body=MESSAGE.encode(), mime="text/plain",
                    now=now,
                )  # fmt: skip
            logging.getLogger("test").warning("refused: %s", refusal.value)

        everything = written(log_lines, capfd)
        assert MESSAGE not in everything
        assert SECRET not in everything

    def test_of_an_import_with_absurd_messages(self, tmp_path, archive, log_lines, capfd):
        odd = [
            message(1, text=MESSAGE, date="yesterday"),
            message(2, text=[{"type": "bold"}, MESSAGE]),
            message(3, text=MESSAGE, reactions={"a": MESSAGE}),
            message(4, text=f"{MESSAGE}\x00 {PHONE}"),
            {"id": 2**80, "type": "message", "text": MESSAGE},
        ]
        folder = write(tmp_path, chat(odd))

        imports.import_export(
            source=ExportSource(folder, zone=UTC), path=folder, tenant=archive.tenant
        )

        everything = written(log_lines, capfd)
        assert MESSAGE not in everything
        assert "555-44-33" not in everything


class TestProcesses:
    """What a process says that cannot even start."""

    @pytest.mark.parametrize(
        "variables",
        [
            {"DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:nine/x"},
            {"DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:9/x?connect_timeout=1"},
            {"S3_ENDPOINT_URL": f"https://u:{SECRET}@s3.example/x", "S3_ACCESS_KEY_ID": SECRET},
            {"GIGACHAT_CREDENTIALS": f"{SECRET} no base64", "METRICS_TOKEN": SECRET[:9]},
            {"LOG_FORMAT": SECRET, "DJANGO_SECRET_KEY": SECRET},
        ],
    )
    def test_of_settings_nothing_is_shown(self, variables, tmp_path):
        env = os.environ | {"VAR_DIR": str(tmp_path), "LOG_LEVEL": "DEBUG"} | variables

        done = run_python(ROOT / "manage.py", "migrate", env=env)

        assert done.returncode != 0
        assert SECRET[:9] not in done.stdout + done.stderr
        files = [p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.is_file()]
        assert not [text for text in files if SECRET in text and text.strip() != SECRET]


# --- Faults and views of these tests ---------------------------------------------------------------


def services_event(*events) -> None:
    from events import outbox  # noqa: PLC0415

    outbox.publish_many(events)


def redacted_context() -> dict:
    from structlog.contextvars import get_contextvars  # noqa: PLC0415

    return get_contextvars()


def _refused_row():
    """PostgreSQL repeats the whole row, with the message in it."""
    Post.objects.update(channel=None)


def _refused_copy():
    """PostgreSQL repeats the value of a column."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE t (n int) ON COMMIT DROP")
        with cursor.copy("COPY t FROM STDIN") as copy:
            copy.write(f"{MESSAGE}\n")


def _raise(error):
    raise error


FAULTS = {
    "row": _refused_row,
    "copy": _refused_copy,
    "key": lambda: {}[f"{MESSAGE} {SECRET}"],
    "secret": lambda: _raise(OSError(f"cannot reach https://u:{SECRET}@host/?token={SECRET}")),
    "phone": lambda: _raise(RuntimeError(f"flood wait for {PHONE}")),
}


class EchoForm(serializers.Serializer):
    number = serializers.IntegerField()


class EchoView(APIView):
    permission_classes = (permissions.AllowAny,)
    authentication_classes = ()

    def post(self, request):
        fault = request.data["fault"]
        if fault == "refused":
            EchoForm(data=request.data).is_valid(raise_exception=True)
        if fault == "row":
            Tenant.objects.create(name=request.data["text"], settings=None)
        if fault == "database":
            raise OperationalError(f"connection failed\nDETAIL: {request.data['text']}")
        if fault == "later":
            raise RetryLater("the store is away", after=timedelta(seconds=1))
        local = request.data["text"]  # tracebacks must not show it
        return Response(local.nothing)


urlpatterns = [path("api/echo", EchoView.as_view()), *product.urlpatterns]
handler400, handler500 = product.handler400, product.handler500
