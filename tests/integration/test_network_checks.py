"""What `doctor --network` finds out about each address, and what it says to do."""

import io
import json
import socket
import socketserver
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from django.core.management import call_command

from events.health import Status, running
from events.outbound import connections, purposes, reachability
from events.outbound.reachability import Cause, Reached, Unreached, reach
from media.services.telegram import network as telegram
from media.sources.telegram import reachability as mtproto
from media.sources.telegram.endpoint import Endpoint, Server
from media.sources.telegram.failures import Unreachable
from telegram_assistant.config import Email, Telegram
from telegram_assistant.health import network
from tests.s3_fixtures import s3_settings

DC = mtproto.DataCenter(2, "149.154.167.51", 443)


class Handler(BaseHTTPRequestHandler):
    ahead = timedelta()

    def do_HEAD(self) -> None:
        self.send_response_only(404)
        self.send_header("Date", format_datetime(datetime.now(UTC) + self.ahead, usegmt=True))
        self.end_headers()

    def log_message(self, *_) -> None: ...


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def web(*, ahead: timedelta = timedelta(), chain=None):
    """A web server whose clock is that far ahead, with TLS where it has a certificate."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Ahead", (Handler,), {"ahead": ahead}), bind_and_activate=True
    )
    if chain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.handle_error = lambda *_: None
    with serving(server) as port:
        yield f"{'https' if chain else 'http'}://127.0.0.1:{port}"


@contextmanager
def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def asked(url: str, **more) -> Reached:
    return reach(purposes.vectors(url, seconds=5), url, **more)


class TestReach:
    def test_one_without_tls_is_reached_and_says_its_time(self):
        with web() as url:
            found = asked(url)

        assert str(found) == f"{url[7:]} without TLS"
        assert abs(found.ahead) < timedelta(seconds=3)

    def test_one_with_a_trusted_certificate(self, certificate_files):
        with web(chain=certificate_files.chain) as url:
            found = asked(url, verify=ssl.create_default_context(cafile=certificate_files.ca))

        assert found.is_verified
        assert "certificate valid until" in str(found)

    def test_one_whose_certificate_is_not_verified_is_a_warning(self, certificate_files):
        careless = ssl.create_default_context()
        careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
        with web(chain=certificate_files.chain) as url:
            found = asked(url, verify=careless)

        assert network.judged(found).status is Status.WARNING

    @pytest.mark.parametrize(
        ("ahead", "status"),
        [(0, Status.OK), (-90, Status.WARNING), (90, Status.WARNING), (1200, Status.FAILED)],
    )
    def test_clocks(self, ahead, status):
        with web(ahead=timedelta(seconds=ahead)) as url:
            finding = network.judged(asked(url))

        assert finding.status is status
        assert ("NTP" in finding.remedy) == (ahead != 0)

    def test_a_certificate_that_nobody_trusts(self, certificate_files):
        with web(chain=certificate_files.chain) as url, pytest.raises(Unreached) as refusal:
            asked(url)

        assert refusal.value.cause is Cause.CERTIFICATE

    def test_tls_where_none_is_spoken(self):
        with web() as url, pytest.raises(Unreached) as refusal:
            asked(url.replace("http:", "https:"))

        assert refusal.value.cause is Cause.TLS

    def test_nobody_listens(self):
        with free_port() as port, pytest.raises(Unreached) as refusal:
            asked(f"http://127.0.0.1:{port}")

        assert refusal.value.cause is Cause.REFUSED

    def test_a_name_that_is_not_known(self, monkeypatch):
        def unknown(*_):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        monkeypatch.setattr(connections, "resolve_host", unknown)
        with pytest.raises(Unreached) as refusal:
            asked("http://qdrant.example:6333")

        assert refusal.value.cause is Cause.NAME

    def test_one_that_says_nothing(self, monkeypatch):
        monkeypatch.setattr(reachability, "TOTAL_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unreached) as refusal:
            asked(f"http://127.0.0.1:{silent.getsockname()[1]}")

        assert refusal.value.cause is Cause.SILENT


class Mail(socketserver.StreamRequestHandler):
    """A mail server that refuses every password."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line.split()[0].upper()
            answers = {b"EHLO": b"250-here\r\n250 AUTH PLAIN\r\n", b"AUTH": b"535 no\r\n"}
            self.wfile.write(answers.get(word, b"250 ok\r\n"))


class TestMail:
    @pytest.fixture
    def given(self, settings):
        def _(port: int, *, user: str = "") -> list[tuple[Status, str]]:
            settings.EMAIL = Email(
                host="127.0.0.1", port=port, sender="a@example.org", security="none", _env_file=None
            )
            settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
            settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = user
            settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
            return [(one.status, one.detail + one.remedy) for one in network.smtp()]

        return _

    def test_it_answers(self, given):
        with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)) as port:
            [(status, said)] = given(port)

        assert status is Status.OK
        assert "without TLS" in said

    def test_it_refuses_the_password(self, given):
        with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)) as port:
            [(status, said)] = given(port, user="me")

        assert status is Status.FAILED
        assert "EMAIL_HOST_USER" in said

    def test_one_that_accepts_and_says_nothing_is_silent(self, given, monkeypatch):
        monkeypatch.setattr(network, "TOTAL_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            [(status, said)] = given(silent.getsockname()[1])

        assert status is Status.FAILED
        assert Cause.SILENT in said
        assert "otherwise" not in said

    def test_nobody_listens(self, given):
        with free_port() as port:
            [(status, said)] = given(port)

        assert status is Status.FAILED
        assert Cause.REFUSED in said


class TestTelegram:
    @pytest.fixture
    def reached(self, monkeypatch, settings, db):
        """What is found where the server answers so."""
        settings.TELEGRAM = Telegram(api_id=1, api_hash="0" * 32, _env_file=None)

        def _(answer):
            def reach(*_):
                if isinstance(answer, Exception):
                    raise answer
                return answer

            door = SimpleNamespace(data_center=lambda *_: DC, reach=reach)
            monkeypatch.setattr(telegram, "_telegram", lambda: door)
            step, finding = telegram.probe()
            assert step == "data center 2 at 149.154.167.51:443"
            return finding

        return _

    def test_before_anybody_has_signed_in_it_is_the_server_where_that_begins(self):
        nobody = mtproto.data_center(Endpoint(api_id=1, api_hash="0" * 32))

        assert str(nobody) == "data center 2 at 149.154.167.51:443"

    def test_it_answers(self, reached):
        assert reached(timedelta(seconds=1)).status is Status.OK

    @pytest.mark.parametrize("seconds", [-90, 90])
    def test_the_clock_is_wrong(self, reached, seconds):
        found = reached(timedelta(seconds=seconds))

        assert (found.status, "NTP" in found.remedy) == (Status.WARNING, True)
        assert f"{seconds:+} s" in found.detail

    @pytest.mark.parametrize(
        "failure", [Unreached("149.154.167.51:443", Cause.SILENT, ""), Unreachable(mtproto.NO_KEY)]
    )
    def test_it_is_blocked(self, reached, failure):
        found = reached(failure)

        assert found.status is Status.FAILED
        assert "TELEGRAM_PROXY" in found.remedy

    def test_without_an_application_nobody_is_asked(self, settings):
        settings.TELEGRAM = Telegram(_env_file=None)

        assert [one.status for one in telegram.probe()] == [Status.SKIPPED]

    def test_another_server_than_telegrams_agrees_on_no_key(self, monkeypatch):
        monkeypatch.setattr(mtproto, "SECONDS", 0.5)

        class Closes(socketserver.BaseRequestHandler):
            def handle(self) -> None: ...

        with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Closes)) as port:
            endpoint, at = own_server(port)
            with pytest.raises(Unreachable, match="no key is agreed on"):
                mtproto.reach(endpoint, at)

    def test_nobody_listens(self):
        with free_port() as port, pytest.raises(Unreached, match="nobody listens"):
            mtproto.reach(*own_server(port))


def own_server(port: int) -> tuple[Endpoint, mtproto.DataCenter]:
    at = mtproto.DataCenter(2, "127.0.0.1", port)
    return Endpoint(1, "0" * 32, server=Server(2, at.host, port, "")), at


def doctor(*arguments) -> tuple[dict, int]:
    out, code = io.StringIO(), 0
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as end:
        code = end.code
    return json.loads(out.getvalue()), code


@pytest.mark.django_db
class TestDoctor:
    def test_only_the_network_and_each_configured_address(self, settings, monkeypatch):
        monkeypatch.setattr(running, "_runs", {})
        with web() as url:
            settings.S3 = s3_settings(url)
            found, code = doctor("--network", "--json")

        assert set(found["checks"]) == {
            f"network_{name}" for name in ("s3", "gigachat", "qdrant", "encoder", "sign_in",
                                           "crawl4ai", "neo4j", "smtp", "telegram")
        }  # fmt: skip
        [s3] = found["checks"]["network_s3"]["findings"]
        assert (s3["step"], s3["status"], code) == ("S3_ENDPOINT_URL", "ok", 0)
        assert found["checks"]["network_qdrant"]["status"] == "skipped"

    def test_one_that_is_not_reached_fails_with_its_remedy(self, settings, monkeypatch):
        monkeypatch.setattr(running, "_runs", {})
        with free_port() as port:
            settings.S3 = s3_settings(f"http://127.0.0.1:{port}")
            found, code = doctor("--network", "--json")

        [s3] = found["checks"]["network_s3"]["findings"]
        assert code == 1
        assert Cause.REFUSED in s3["detail"]
        assert "S3_ENDPOINT_URL" in s3["remedy"]
