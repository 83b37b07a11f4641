"""What answers say to browsers, what of a request is not even read, and who may read what is kept."""

import http.client
import socket
from threading import Thread
from wsgiref.simple_server import make_server

import gunicorn
import pytest
from csp.middleware import CSPMiddleware
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from telegram_assistant.health import views as health_views
from telegram_assistant.metrics import server
from telegram_assistant.security import file_rights
from tests import factories as make

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

TOO_LARGE = 2_621_441


@pytest.fixture
def signed_in() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("admin", password="right horse"))
    return client


class TestStoredFiles:
    """Bytes that strangers made: their answers have a stricter policy, which nothing replaces."""

    @pytest.mark.parametrize("kind", ["content", "thumbnail"])
    def test_they_stay_in_their_sandbox(self, signed_in, kind):
        stored = make.media_object(body=make.picture("teal"), stored=True)

        answer = signed_in.get(reverse(f"admin:media_mediaobject_{kind}", args=[stored.pk]))

        assert answer.status_code == 200
        assert "sandbox" in answer["Content-Security-Policy"]
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "script-src" not in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "private, max-age=600"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"

    @pytest.mark.parametrize(
        ("mime", "body"),
        [
            ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"),
            ("text/html", b"<script>1</script>"),
            ("application/javascript", b"alert(1)"),
            ("application/pdf", b"%PDF-1.7"),
        ],
    )
    def test_what_could_run_is_a_download_without_a_type(self, signed_in, mime, body):
        stored = make.media_object(mime=mime, body=body, stored=True)

        answer = signed_in.get(reverse("admin:media_mediaobject_content", args=[stored.pk]))

        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Disposition"].startswith("attachment")
        assert "sandbox" in answer["Content-Security-Policy"]

    def test_one_that_is_gone_is_in_the_sandbox_too(self, signed_in):
        stored = make.media_object()

        answer = signed_in.get(reverse("admin:media_mediaobject_content", args=[stored.pk]))

        assert answer.status_code == 404
        assert "sandbox" in answer["Content-Security-Policy"]


class TestWhatIsKept:
    @pytest.mark.parametrize(
        "address", ["/admin/", "/admin/media/post/", "/api/v1/vision/posts", "/api/schema/", "/"]
    )
    def test_what_people_wrote_is_kept_by_nobody(self, signed_in, address):
        told = signed_in.get(address)["Cache-Control"]

        assert "no-store" in told
        assert "private" in told

    def test_signing_out_clears_what_the_browser_keeps(self, signed_in):
        before = signed_in.get("/admin/")
        answer = signed_in.post(reverse("admin:logout"))

        assert "Clear-Site-Data" not in before
        assert answer["Clear-Site-Data"] == '"cache", "storage"'
        assert signed_in.get("/admin/").status_code == 302


class TestPages:
    def test_pages_of_drf_may_write_styles_and_nothing_else(self, signed_in):
        answer = signed_in.get("/api/v1/vision/posts", HTTP_ACCEPT="text/html")

        policy = answer["Content-Security-Policy"]
        assert answer["Content-Type"].startswith("text/html")
        assert policy.count("unsafe-inline") == 1
        assert "style-src-attr 'unsafe-inline'" in policy
        assert b"<style" not in answer.content

    def test_the_description_of_the_api_has_no_script_of_its_own(self, signed_in):
        page = signed_in.get(reverse("api-docs"))
        script = signed_in.get(reverse("api-docs"), {"script": ""})

        assert b"<script>" not in page.content
        assert b"<style" not in page.content
        assert "unsafe" not in page["Content-Security-Policy"]
        assert script["Content-Type"].startswith("application/javascript")

    def test_a_page_may_have_a_script_that_it_marks(self, signed_in, rf):
        marked = []

        def page(request):
            marked.append(str(request.csp_nonce))
            return HttpResponse()

        for _ in range(2):
            answer = CSPMiddleware(page)(rf.get("/"))
            assert f"'nonce-{marked[-1]}'" in answer["Content-Security-Policy"]
        assert len(set(marked)) == 2

    @pytest.mark.parametrize(
        ("language", "words"),
        [("en", "This form was not accepted"), ("ru", "Форма не принята")],
    )
    def test_a_form_of_another_site_is_refused_in_words(self, language, words):
        client = Client(enforce_csrf_checks=True)

        answer = client.post(reverse("admin:login"), {}, HTTP_ACCEPT_LANGUAGE=language)

        assert answer.status_code == 403
        assert words in answer.content.decode()
        assert f'<html lang="{language}">' in answer.content.decode()

    def test_errors_say_nothing_of_the_inside(self, signed_in, monkeypatch):
        def broken(*_):
            raise RuntimeError("postgresql://user:hush@db")

        monkeypatch.setattr(health_views.report, "results", broken)
        signed_in.raise_request_exception = False

        answer = signed_in.get("/health")

        assert answer.status_code == 500
        assert b"hush" not in answer.content
        assert b"RuntimeError" not in answer.content
        for name in ("Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options"):
            assert name in answer


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "status"),
        [
            ("/api/v1/storage/cleanup", 405),
            ("/.git/HEAD", 404),
            ("/.env", 404),
            ("/static/../.git/HEAD", 404),
            ("/static/%2e%2e/manage.py", 404),
            ("/static/console/", 404),
        ],
    )
    def test_nothing_is_done_or_shown_that_should_not(self, signed_in, address, status):
        assert signed_in.get(address).status_code == status

    def test_nobody_is_signed_out_by_a_link(self, signed_in):
        signed_in.get(reverse("account_logout"))
        signed_in.get(reverse("admin:logout"))

        assert signed_in.get("/admin/").status_code == 200


class TestBodies:
    """Nobody signs in for that: a login form is read of everybody."""

    def test_a_large_one_is_refused_before_it_is_read(self):
        answer = Client().generic("POST", reverse("admin:login"), b"", CONTENT_LENGTH=TOO_LARGE)

        assert answer.status_code == 413
        assert answer["X-Content-Type-Options"] == "nosniff"

    def test_the_api_says_so_as_a_problem(self):
        answer = Client().generic(
            "POST", "/api/v1/storage/cleanup", b"", CONTENT_LENGTH=TOO_LARGE
        )  # fmt: skip

        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert answer["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("told", ["-5", "many", "٣", "1e9", "9" * 5000])
    def test_a_length_that_is_none_breaks_nothing(self, told):
        answer = Client().generic("POST", "/api/v1/storage/cleanup", b"", CONTENT_LENGTH=told)

        assert answer.status_code in {400, 413}

    def test_the_largest_that_is_taken_comes_in(self):
        answer = Client().generic(
            "POST", "/api/v1/storage/cleanup", b"", CONTENT_LENGTH=TOO_LARGE - 1
        )  # fmt: skip

        assert answer.status_code in {401, 403}

    def test_files_are_taken_by_no_page(self):
        file = SimpleUploadedFile("a.txt", b"x" * 10)

        assert Client().post(reverse("account_login"), {"file": file}).status_code == 400


class TestServerOfMetrics:
    @pytest.fixture
    def port(self):
        serving = make_server("127.0.0.1", 0, server.application, handler_class=server.Handler)
        Thread(target=serving.serve_forever, daemon=True).start()
        yield serving.server_port
        serving.shutdown()
        serving.server_close()

    @pytest.mark.costly
    def test_it_names_no_versions(self, port):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/nothing")
        answer = connection.getresponse()

        assert answer.headers["Server"] == "metrics"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        connection.close()

    @pytest.mark.costly
    def test_it_names_none_to_those_who_do_not_speak_http(self, port):
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b"one two three four\r\n\r\n")
            told = stranger.recv(4096)

        assert b"Python" not in told
        assert b"WSGIServer" not in told


def test_the_web_server_names_no_version():
    assert not any(char.isdigit() for char in gunicorn.SERVER)


class TestRightsOfFiles:
    def test_what_others_can_open_is_told(self, settings, tmp_path):
        settings.VAR_DIR = tmp_path
        (tmp_path / "secret_key").touch(mode=0o600)
        (tmp_path / "objects").mkdir(mode=0o700)
        assert file_rights.only_the_owner() == []

        (tmp_path / "objects").chmod(0o750)
        [told] = file_rights.only_the_owner()

        assert told.id == "telegram_assistant.W002"
        assert told.hint == f"chmod -R go= {tmp_path / 'objects'}"

    def test_where_others_can_put_a_script_is_told(self, settings, tmp_path):
        settings.VAR_DIR = tmp_path
        (tmp_path / "static").mkdir()
        (tmp_path / "static").chmod(0o777)

        [told] = file_rights.only_the_owner()

        assert told.id == "telegram_assistant.W003"
        assert told.hint == f"chmod go-w {tmp_path / 'static'}"

        (tmp_path / "static").chmod(0o755)
        assert file_rights.only_the_owner() == []

    def test_the_embedded_database_and_the_objects_are_the_owners(self, settings, objects_dir):
        make.media_object(body=make.picture("teal"), stored=True)
        database = settings.DATABASES["default"].get("EMBEDDED_DIR")

        assert objects_dir.stat().st_mode & 0o077 == 0
        assert database is None or database.stat().st_mode & 0o077 == 0
