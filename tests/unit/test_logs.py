"""What one line of the log looks like, and what can never stand in it."""

import json
import logging
import re
import sys
import threading
from contextlib import contextmanager
from importlib import import_module

import pytest
from django.db import DataError, IntegrityError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from events.logs import log_context, redaction, trace
from events.logs.describe import describe
from search.query.parse import MOST_CHARS
from telegram_assistant import config
from telegram_assistant.console.search import find_posts
from telegram_assistant.logs import formatter, setup
from telegram_assistant.logs.fields import OWN
from telegram_assistant.logs.secrets import secrets_of

logger = logging.getLogger("tests.logs")
MESSAGE = "Приходи завтра в семь, ключ под ковриком"
SHA256 = "0123456789abcdef" * 4


@pytest.fixture
def knows():
    """Tells the log which secrets the installation has; forgets them afterwards."""
    before = redaction._known
    yield redaction.know
    redaction._known = before


@contextmanager
def raised(error: Exception):
    try:
        raise error
    except type(error) as caught:
        yield caught


def text_of(record_args, *, level=logging.WARNING, debug=False, **more) -> str:
    message, *args = record_args
    record = logging.LogRecord("room.part", level, "f.py", 1, message, tuple(args), None)
    record.__dict__.update(more)
    return formatter.build(form="text", debug=debug).format(record)


class TestJson:
    def test_a_line_has_the_time_in_utc_the_level_the_logger_and_the_sentence(self, log_lines):
        logger.warning("Спасибо, %s: %d", "Аня", 7)

        [line] = log_lines("tests.logs")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["timestamp"])
        assert (line["level"], line["logger"]) == ("warning", "tests.logs")
        assert line["event"] == "Спасибо, Аня: 7"
        assert "trace_id" not in line

    def test_it_says_what_the_work_is_about_in_every_thread_that_it_was_carried_to(self, log_lines):
        def work():
            with log_context.about(sha256=SHA256):
                logger.info("in a thread")

        with trace.use("e2e_test_x"), log_context.about(tenant_id="t1", post_id=""):
            thread = threading.Thread(target=log_context.carried(work))
        thread.start()
        thread.join()
        logger.info("outside")

        inside, outside = log_lines("tests.logs")
        about = {name: inside[name] for name in ("trace_id", "tenant_id", "sha256")}
        assert about == {"trace_id": "e2e_test_x", "tenant_id": "t1", "sha256": SHA256}
        assert "post_id" not in inside
        assert not {"trace_id", "tenant_id", "sha256"} & outside.keys()

    def test_what_is_inner_wins_and_ends_with_its_block(self, log_lines):
        with log_context.about(sha256="a"):
            with log_context.about(sha256="b"):
                logger.info("inner")
            logger.info("outer")

        assert [line["sha256"] for line in log_lines("tests.logs")] == ["b", "a"]

    def test_an_error_has_its_type_its_lines_and_those_of_its_causes(self, log_lines):
        with raised(OSError("disk")) as cause:
            error = LookupError("no row")
            error.__cause__ = cause
        logger.error("it failed", exc_info=error)

        [line] = log_lines("tests.logs")
        assert line["error_type"] == "LookupError"
        assert "test_logs.py" in line["exception"]
        assert line["exception"].index("OSError: disk") < line["exception"].index("LookupError: no")

    def test_an_error_that_a_warning_only_names_counts(self, log_lines):
        with raised(OSError("disk")) as error:
            logger.warning("%s: %s", "again", error)
            logger.info("later: %s", error)

        warned, informed = log_lines("tests.logs")
        assert warned["error_type"] == "OSError"
        assert "Traceback" in warned["exception"]
        assert "error_type" not in informed

    def test_a_group_shows_each_of_its_errors(self, log_lines):
        with raised(ExceptionGroup("two", [OSError("one"), KeyError("other")])) as error:
            logger.error("failed", exc_info=error)

        [line] = log_lines("tests.logs")
        assert "OSError: one" in line["exception"]
        assert "KeyError: 'other'" in line["exception"]

    def test_a_circle_of_causes_ends(self, log_lines):
        first, second = OSError("one"), OSError("two")
        first.__cause__, second.__cause__ = second, first
        logger.error("failed", exc_info=first)

        assert log_lines("tests.logs")[0]["exception"].count("OSError") == 2

    @pytest.mark.parametrize("args", [("%d", "x"), ("%s %s", "x"), ("100 %", "x"), ("%(a)s", "b")])
    def test_a_sentence_that_cannot_be_filled_in_is_written_all_the_same(self, args):
        assert f"room.part: {args[0]}" in text_of(args)

    @pytest.mark.parametrize("odd", ["a\nb", "\x1b[31m", "\u2028", "\ud800", "\x00", '"}'])
    def test_whatever_it_repeats_it_is_one_line(self, odd, log_lines):
        logger.warning("%s", odd)

        [line] = log_lines("tests.logs")
        assert line["event"] == odd

    def test_of_extras_only_those_that_are_listed_are_written(self, log_lines):
        logger.warning("x", extra={"request": MESSAGE, "text": MESSAGE, "reason": "daily_limit"})

        [line] = log_lines("tests.logs")
        assert line["reason"] == "daily_limit"
        assert MESSAGE not in str(line)
        assert not {"request", "text"} & set(OWN)


class TestTerminal:
    def test_a_line_is_readable_and_ends_with_what_it_is_about(self):
        with trace.use("import-1:7"), log_context.about(tenant_id="t1"):
            line = text_of(("%d posts", 3))

        assert re.fullmatch(
            r"\d\d:\d\d:\d\d WARNING  room\.part: 3 posts  trace_id=import-1:7 tenant_id=t1", line
        )

    @pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
    @pytest.mark.parametrize("debug", [False, True])
    def test_a_traceback_stands_below_errors_and_below_warnings_if_asked_for(self, level, debug):
        with raised(OSError("disk")) as error:
            line = text_of(("failed: %s", error), level=level, debug=debug)

        assert ("Traceback" in line) is (debug or level == logging.ERROR)
        assert "error_type=OSError" in line

    def test_no_control_character_of_a_stranger_reaches_it(self):
        line = text_of(("Not Found: %s", "/a\n12:00:00 ERROR \x1b[2J\x9b2J\x07"))

        assert len(line.splitlines()) == 1
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", line)

    @pytest.mark.parametrize(
        ("form", "is_terminal", "expected"),
        [
            ("auto", True, "text"), ("auto", False, "json"),
            ("json", True, "json"), ("text", False, "text"),
        ],
    )  # fmt: skip
    def test_the_form_is_the_setting_or_by_whether_stderr_is_a_terminal(
        self, monkeypatch, form, is_terminal, expected
    ):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)

        config = setup.settings(level="INFO", form=form)

        assert config["formatters"]["line"]["form"] == expected


BROKEN = 'new row for relation "posts" violates check constraint "c"'
SAID = [
    (f"{BROKEN}\nDETAIL:  Failing row contains (1, {MESSAGE},\nsecond line).\n", BROKEN),
    (f'invalid input syntax for type uuid: "{MESSAGE}"', 'invalid input syntax for type uuid: "…"'),
    (f'no number\nCONTEXT:  COPY posts, line 1, column content: "{MESSAGE}"', "no number"),
    (f'syntax error at or near "x"\nLINE 1: SELECT {MESSAGE}\n  ^', "near"),
    (f'canceled\nQUERY:  INSERT "{MESSAGE}"', "canceled"),
]


class TestDescribe:
    """An error is described without the message that it is about."""

    @pytest.mark.parametrize(("said", "described"), SAID)
    @pytest.mark.parametrize("kind", [IntegrityError, DataError])
    def test_of_what_postgresql_says_only_the_first_sentence_stays(self, kind, said, described):
        assert described in describe(kind(said))
        assert MESSAGE not in describe(kind(said))

    def test_of_a_refused_payload_the_field_is_named_and_not_the_value(self):
        class Form(BaseModel):
            number: int

        with pytest.raises(ValueError) as caught:  # noqa: PT011
            Form.model_validate({"number": MESSAGE})

        assert "number" in describe(caught.value)
        assert MESSAGE not in describe(caught.value)

    def test_of_a_key_a_name_stays_and_anything_else_does_not(self):
        assert describe(KeyError("post_id")) == "'post_id'"
        assert describe(KeyError(MESSAGE)) == "KeyError"

    def test_of_an_answer_that_an_sdk_repeats_the_status_stays(self):
        from gigachat.exceptions import ServerError  # noqa: PLC0415 - slow to import

        error = ServerError("https://x", 500, MESSAGE.encode(), None)

        assert describe(error) == "ServerError: HTTP 500"

    def test_it_is_not_longer_than_a_paragraph(self):
        assert len(describe(OSError("x y " * 1000))) == 500

    def test_an_error_without_words_is_named(self):
        assert describe(OSError()) == "OSError"


PASSWORD = "q7!kuZ"
SECRETS = {
    "a URL": (f"postgresql://app:{PASSWORD}@db.example:5432/x", PASSWORD),
    "a URL with a user that is quoted": (f"redis://a%40b:{PASSWORD}@h/0", PASSWORD),
    "libpq": (f"host=h password={PASSWORD} dbname=x", PASSWORD),
    "libpq in quotes": (f"host=h password='{PASSWORD}' dbname=x", PASSWORD),
    "a sentence": (f"the password: {PASSWORD}", PASSWORD),
    "JSON": (f'{{"client_secret": "{PASSWORD}"}}', PASSWORD),
    "Python": (f"{{'password': '{PASSWORD}', 'a': 1}}", PASSWORD),
    "SecretStr of a careless library": (f"S3(secret_access_key='{PASSWORD}')", PASSWORD),
    "a header": ("Authorization: Bearer abcDEF123456", "abcDEF123456"),
    "headers of httpx": ("{'authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
    "Django's token": ("Token 9944b09199c62bcf9418ad846dd0e4bb", "9944b09199c62bcf9418"),
    "a token of ours": (f"sent ta_{SHA256}.", SHA256[12:]),
    "a link that sets a password": (
        "GET /accounts/password/reset/key/1a-d2xk7s-9944b09199c62bcf9418ad846dd0e4bb/ 302",
        "9944b09199c62bcf",
    ),
    "a cookie": ("Cookie: sessionid=k2jh4k2j3h4; csrftoken=zz9zz9", "k2jh4k2j3h4"),
    "a signed link": ("https://s3/b/k?X-Amz-Signature=ab12cd&X-Amz-Date=1", "ab12cd"),
    "its credential": ("?X-Amz-Credential=AKIA%2F2026&x=1", "AKIA"),
    "a JSON Web Token": (
        "got eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4",
        "SflKxwRJSMeK",
    ),
    "a bot": ("bot 110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1", "AAHdqTcvCH1"),
    "a session of Telethon": ("1" + "ApWz0-_b" * 44, "ApWz0-_bApWz"),
    "a picture in base64": ("/9j/4AAQSk" * 40, "AAQSk/9j/4AAQSk"),
    "a form": ("csrfmiddlewaretoken=sEcReT99&next=/", "sEcReT99"),
    "a phone number": ("call +7 (916) 123-45-67 now", "123-45-67"),
    "without spaces": ("call +79161234567 now", "9161234567"),
    "of another country": ("call +44 20 7946 0958", "7946 0958"),
    "at home": ("звоните 8 (916) 123-45-67", "123-45-67"),
    "at home without spaces": ("звоните 89161234567.", "9161234567"),
    "a named phone": ("phone=9161234", "9161234"),
}
HARMLESS = [
    "ta_0123456789ab… (backup) is revoked",
    f"meta_{SHA256} and data_{SHA256[:12]}",
    "GigaChat does not know these credentials: check GIGACHAT_CREDENTIALS, or GIGACHAT_CLIENT_ID",
    "GigaChat gives no token: check GIGACHAT_SCOPE",
    f"{SHA256} is read with OCR: daily_limit",
    "cleanup (threshold): 3 deleted, 79161234567 bytes freed, 0 in use, 5 remaining",
    "bucket_full: 79161234567 B > 12 B free of 16106127360 B; raised by S3_TOTAL_LIMIT_GB",
    "vision/877193ef-be80-4977-aaeb-8009c3d772ee/" + SHA256 + "_gigachat_GigaChat-2-Pro_v1.json",
    "/var/lib/telegram assistant/objects/media/877193ef-be80-4977-aaeb-8009c3d772ee/01/x.jpg",
    "GET /accounts/password/reset/key/1a-set-password/ 200",
    "channel -1001234567890, message 12345678901",
    "worker 4242 serves default, vision, vision_backfill",
    "Metrics are at http://127.0.0.1:8001/metrics",
    "2026-11-26T03:14:08.123+03:00 took 12.5 s",
    "e2e_test_0123456789abcdef",
    "12 tokens: 5 left",
    "[::1]:8000",
]


class TestSecrets:
    @pytest.mark.parametrize("case", SECRETS)
    def test_what_has_the_shape_of_one_is_hidden(self, case):
        text, secret = SECRETS[case]

        assert secret not in redaction.redact(text)
        assert redaction.HIDDEN in redaction.redact(text)

    @pytest.mark.parametrize("text", HARMLESS)
    def test_what_operators_need_stays(self, text):
        assert redaction.redact(text) == text

    @given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
    def test_any_text_can_be_redacted_and_twice_is_the_same(self, text):
        once = redaction.redact(text)

        assert redaction.redact(once) == once

    @pytest.mark.parametrize(
        "shown",
        ["{0}", "x{0}y", "{0!r}", "{1}", "{2}"],
        ids=["alone", "inside", "repr", "url", "b64"],
    )
    def test_a_known_one_is_hidden_wherever_it_stands(self, knows, shown, log_lines):
        import base64  # noqa: PLC0415
        from urllib.parse import quote  # noqa: PLC0415

        secret = "Pa ss/w'ord+99"
        knows([secret, "Pa ss"])
        forms = (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())

        logger.warning("%s", shown.format(*forms))

        assert all(form not in str(log_lines("tests.logs")) for form in forms)
        assert "w'ord" not in str(log_lines("tests.logs"))

    def test_every_secret_variable_is_known(self, monkeypatch):
        values = {
            "DJANGO_SECRET_KEY": "django-canary", "METRICS_TOKEN": "metrics-canary-16",
            "DATABASE_URL": "postgresql://u:p%40ss-canary@h/d", "S3_ACCESS_KEY_ID": "access-canary",
            "S3_SECRET_ACCESS_KEY": "s3-canary", "S3_BUCKET_NAME": "bucket",
            "GIGACHAT_CREDENTIALS": "Y2xpZW50LWNhbmFyeTpzZWNyZXQtY2FuYXJ5",
        }  # fmt: skip
        for name, value in values.items():
            monkeypatch.setenv(name, value)

        known = set(secrets_of(config.read()))

        assert known >= {*values.values(), "p@ss-canary", "client-canary", "secret-canary"} - {
            "bucket"
        }

    def test_those_of_two_variables_are_known_too(self, monkeypatch):
        monkeypatch.setenv("GIGACHAT_CLIENT_ID", "client-canary")
        monkeypatch.setenv("GIGACHAT_CLIENT_SECRET", "secret-canary")

        known = set(secrets_of(config.read()))

        assert known >= {"secret-canary", "Y2xpZW50LWNhbmFyeTpzZWNyZXQtY2FuYXJ5"}

    def test_the_configuration_of_logging_shows_none(self, knows):
        knows(["canary-secret"])

        assert "canary" not in repr(setup.settings(level="INFO", form="json"))


class TestLibraries:
    @pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
    def test_none_says_more_than_it_may_and_none_more_than_is_asked_for(self, level):
        number = logging.getLevelNamesMapping()
        loggers = setup.settings(level=level, form="json")["loggers"]

        for name, own in setup.LEVELS.items():
            assert number[loggers[name]["level"]] == max(number[own], number[level])
            assert loggers[name]["handlers"] == []
            assert loggers[name]["propagate"]

    def test_those_that_speak_through_handlers_of_their_own_go_through_the_pipe(self):
        for name in ("django", "django.server", "django-q", "gunicorn.error", "gunicorn.access"):
            assert name in setup.LEVELS

    def test_gunicorn_is_told_the_same(self):
        module = import_module("telegram_assistant.logs.gunicorn")

        assert module.logconfig_dict["handlers"].keys() == {"stderr"}
        assert module.logconfig_dict["loggers"]["gunicorn.error"]["handlers"] == []

    def test_the_longest_query_in_russian_fits_into_an_address(self):
        module = import_module("telegram_assistant.logs.gunicorn")
        page = find_posts._link(q="ж" * MOST_CHARS, p=find_posts.LAST_PAGE)

        assert len(f"GET /admin/find/{page} HTTP/1.1") < module.limit_request_line


class TestCrash:
    """What ends a process is a line as well, without values."""

    def test_of_the_process(self, log_lines):
        with raised(IntegrityError(f"no\nDETAIL:  Failing row contains ({MESSAGE})")) as error:
            setup._log_end(type(error), error, error.__traceback__)

        [line] = log_lines("telegram_assistant.crash")
        assert (line["level"], line["error_type"]) == ("critical", "IntegrityError")
        assert MESSAGE not in str(line)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_of_a_thread(self, log_lines, monkeypatch):
        monkeypatch.setattr(threading, "excepthook", setup._log_thread_end)
        thread = threading.Thread(target=lambda: json.loads("{"), name="reader")
        thread.start()
        thread.join()

        [line] = log_lines("telegram_assistant.crash")
        assert line["event"].startswith("thread reader ends: Expecting")

    def test_ctrl_c_is_no_crash(self, log_lines, capsys):
        setup._log_end(KeyboardInterrupt, KeyboardInterrupt(), None)

        assert log_lines("telegram_assistant.crash") == []
        assert "KeyboardInterrupt" in capsys.readouterr().err
