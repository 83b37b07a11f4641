"""What commands refuse and report, they say in Russian where the language is Russian."""

import argparse
import ast
import io
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command, load_command_class
from django.utils.translation import gettext, override

from accounts.models import User
from events import health
from events.health import Scope
from events.sentences import retold
from graph.store import connection
from media.management.commands import channels, telegram_login
from media.models import ChannelFeed, ChannelGap, TelegramAccount
from media.services import import_words
from media.services.problem_codes import PROBLEMS
from media.services.telegram.channels import status
from search.embeddings import paying
from search.embeddings.fastembed import FastEmbedEncoder
from search.embeddings.gigachat import GigaChatEncoder
from search.embeddings.port import EncoderUnavailable
from search.embeddings.requested import Preparation
from storage_quota.models import BucketState
from storage_quota.object_store import warnings
from telegram_assistant.config import GigaChat, environment
from telegram_assistant.config.told import told
from telegram_assistant.management.help_in_language import translate_help
from tests import factories as make
from tests.unit.exports import chat, message, write
from tools import texts_of_help

pytestmark = pytest.mark.django_db

HOW = Preparation(chars=100, batch=1)


@pytest.fixture(autouse=True)
def _in_russian():
    with override("ru"):
        yield


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as refusal:
        call_command(*arguments, stdout=io.StringIO(), stderr=io.StringIO())
    return str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("growth", "--tenant", "nosuch"), "Нет арендатора 'nosuch' (есть: пока ни одного)"),
        (("retag", "--tenant", "nosuch"), "Нет арендатора 'nosuch'"),
        (("growth", "--as", "nosuch"), "действующего пользователя с таким именем нет"),
        (("growth", "--day", "nosuch"), "'nosuch' – не дата"),
        (("audit", "--since", "nosuch"), "'nosuch' – не дата, не время и не число дней"),
        (("audit", "--since", "999999d"), "такого времени нет"),
        (("audit", "--event", "nosuch"), "Нет события 'nosuch'"),
        (("reanalyze", "--from", "nosuch"), "'nosuch' – не дата"),
    ],
)
def test_refusals(arguments, words):
    assert words in refused(*arguments)


def test_a_user_without_the_right_learns_which_one():
    User.objects.create_user("anna")

    said = refused("verify_storage", "--as", "anna")

    assert "у anna нет права «работа» на всех арендаторов" in said


def test_the_figures_of_an_import(tmp_path):
    folder, out = write(tmp_path, chat([message(1)])), io.StringIO()

    call_command("import_export", str(folder), "--dry-run", stdout=out, stderr=io.StringIO())

    labels = [line.split("  ")[0] for line in out.getvalue().splitlines()]
    assert [label for label in labels if not re.search("[а-я]", label)] == []
    assert "ничего не записано" in out.getvalue()


def test_every_kind_of_problem_of_an_import_has_a_name():
    for code in PROBLEMS:
        [(name, _)] = import_words.rows({code: 1})
        assert re.search("[а-я]", str(name)), code


def test_the_help_of_every_command(monkeypatch):
    untold = [text for text in texts_of_help.collected() if gettext(text) == text]

    assert untold == []
    monkeypatch.setattr(argparse, "_", argparse._)
    monkeypatch.setattr(argparse, "ngettext", argparse.ngettext)
    command = load_command_class("events", "events")
    translate_help(command)
    shown = command.create_parser("manage.py", "events").format_help()
    assert shown.startswith("использование: manage.py events")
    assert "задачи, сначала новые" in shown
    with pytest.raises(CommandError, match="неизвестные параметры: --nosuch"):
        command.create_parser("manage.py", "events").parse_args(["stats", "--nosuch"])


def test_the_budget():
    out = io.StringIO()

    call_command("diag_vision", "budget", stdout=out)

    labels = [re.split("  +", line)[0] for line in out.getvalue().splitlines()]
    assert "Лимит на день" in labels
    assert [label for label in labels if not re.search("[а-я]", label)] == []


def test_steps_of_signing_in_to_telegram_and_tokens_and_channels():
    assert {word for word in map(str, telegram_login._WORDS.values()) if word.isascii()} == set()
    assert "аккаунта с таким именем нет" in refused("telegram_login", "--sign-out")
    assert "Нет пользователя 'nosuch'" in refused(
        "api_token", "create", "--user", "nosuch", "--name", "n"
    )
    out = io.StringIO()
    call_command("channels", "gaps", stdout=out)
    assert out.getvalue() == "нет\n"


def test_why_the_graph_cannot_be_asked(settings):
    settings.NEO4J = settings.NEO4J.model_copy(update={"url": "bolt://graph.example:7687"})

    assert "не отвечает уже несколько секунд" in connection._silent()
    assert "запустите его или исправьте NEO4J_URL" in connection._explained(OSError("refused"))


def test_the_audit_has_a_russian_head():
    out = io.StringIO()

    call_command("audit", stdout=out, stderr=io.StringIO())

    assert out.getvalue().split()[:3] == ["Запись", "Время", "Событие"]


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        (FastEmbedEncoder(folder=Path("/nowhere"), pooling="mean", how=HOW), "нет model.onnx"),
        (GigaChatEncoder(GigaChat(), model="E", how=HOW, seconds=1), "GigaChat не настроен"),
    ],
)
def test_why_an_encoder_cannot_work(encoder, words):
    with pytest.raises(EncoderUnavailable) as failure:
        encoder.encode_queries(["снег"])

    assert words in retold(str(failure.value), gettext)


def test_why_nobody_pays():
    with pytest.raises(EncoderUnavailable) as failure:
        paying.current()

    assert "некому платить" in retold(str(failure.value), gettext)


def _untold(text: str) -> bool:
    """Whether a part of it has neither a Russian word nor is a single value, as a version or a path."""
    parts = text.split("; ")
    values = re.compile(r"\S+|\d+ B")
    return any(
        not re.search("[а-я]", part) and not values.fullmatch(part) for part in parts if part
    )


def test_every_finding_of_doctor_and_its_remedy():
    results = health.run(health.registered(Scope.DOCTOR))

    texts = [text for one in results for found in one.findings
             for text in (found.detail, found.remedy)]  # fmt: skip
    assert len(texts) > 100
    assert [text for text in texts if _untold(retold(text, gettext))] == []


def test_the_remedies_of_checks_that_break():
    remedies = {check.remedy for check in health.registered(Scope.PAID)}

    assert [one for one in remedies if _untold(retold(one, gettext))] == []


def test_no_finding_is_written_in_bare_english():
    """What a check says where nobody can make it happen here, as of a bucket that keeps versions."""
    makers = {"ok", "warning", "failed", "skipped"}
    bare = [
        f"{path.relative_to(settings.BASE_DIR)}:{call.lineno}"
        for path in settings.BASE_DIR.glob("*/**/*.py")
        if path.parts[len(settings.BASE_DIR.parts)] not in {"tests", "bench", "tools", ".venv"}
        and re.search(r"import Finding|import .*\b(ok|failed), ", source := path.read_text())
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in makers
        and any(map(_is_bare, call.args))
    ]

    assert bare == []


def _is_bare(text: ast.expr) -> bool:
    """Whether words stand in it that no `gettext_noop` marks."""
    pieces = text.values if isinstance(text, ast.JoinedStr) else [text]
    return any(
        isinstance(piece, ast.Constant) and re.search("[a-z] [a-z]", str(piece.value))
        for piece in pieces
    )


def test_doctor_prints_russian_and_its_json_stays_english():
    out, as_json = io.StringIO(), io.StringIO()

    call_command("doctor", "--only", "policy", "--only", "pooling", stdout=out)
    call_command("doctor", "--only", "pooling", "--json", stdout=as_json)

    assert "у каждого соединения свой сеанс" in out.getvalue()
    assert "Всё удалось. Шагов: 2, время: " in out.getvalue()
    assert "each connection has a session of its own" in as_json.getvalue()
    with pytest.raises(CommandError, match="Проверки nosuch нет; есть: "):
        call_command("doctor", "--only", "nosuch")


def test_findings_that_hold_figures_and_causes():
    said = {
        retold(text, gettext)
        for text in (
            "OperationalError: the embedded PostgreSQL has not started: AssertionError()",
            "host:443: its certificate is not trusted (self-signed certificate)",
            "name the bundle of the authority that signed it; check this host's clock; see S3_URL",
            "the clock of worker-1 is 130 s ahead of PostgreSQL's: its workers take no work",
            "no worker serves the queue 'crawl'",
            "host:443 TLSv1.3, certificate valid until Nov 27 13:04:17 2027 GMT; the clocks agree",
        )
    }

    assert said == {
        "OperationalError: встроенный PostgreSQL не запустился: AssertionError()",
        "host:443: его сертификату нет доверия (self-signed certificate)",
        "укажите файл сертификатов того центра, который его подписал; проверьте часы этой машины; см. S3_URL",
        "часы машины worker-1 спешат на 130 с относительно часов PostgreSQL: её обработчики не берут работу",
        "очередь 'crawl' не обслуживает ни один обработчик",
        "host:443 TLSv1.3, сертификат действителен до Nov 27 13:04:17 2027 GMT; часы совпадают",
    }


def test_warnings_about_a_bucket():
    state = BucketState(
        lacks={"ListObjectVersions": "denied", "lifecycle rules": "not there"},
        versioning="Enabled", old_count=3, old_bytes=5, uploads_count=2, upload_bytes=7,
    )  # fmt: skip

    found = [retold(text, gettext) for text in warnings.of(state)]

    assert found[0] == (
        "ListObjectVersions: запрещено, поэтому неизвестно, сколько занимают старые версии, и квота"
        " провайдера может исчерпаться: выключите версии."
    )
    assert [text for text in found if not re.search("[а-я] [а-я]", text)] == []


@pytest.mark.parametrize(
    "arguments",
    [("drain",), ("events", "stats"), ("events", "list"), ("diag_s3", "quota"),
     ("diag_s3", "usage"), ("diag_s3", "server"), ("diag_s3", "list"), ("local", "status")],
)  # fmt: skip
def test_what_is_printed(arguments):
    make.dead_letter()
    out = io.StringIO()

    call_command(*arguments, stdout=out, stderr=io.StringIO())

    first = out.getvalue().splitlines()[0]
    assert re.search("[а-я]", first), first


def test_heads_of_the_channels():
    account = TelegramAccount.objects.create(name="one", tenant=make.tenant())
    feed = ChannelFeed.objects.create(channel=make.channel(), account=account, access_hash=1)

    for row in (status.of_feed(feed), status.of_gap(ChannelGap(channel=feed.channel))):
        assert [name for name in row if str(channels.HEADS[name]) == name] == []


def test_what_is_wrong_with_the_environment(monkeypatch):
    monkeypatch.setenv("LANGUAGE_CODE", "ru")
    monkeypatch.setenv("TIME_ZONE", "Mars/Olympus")
    monkeypatch.setenv("Q_WORKERS", "0")
    monkeypatch.setenv("S3_BUCKET_NAME", "own")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    with pytest.raises(ImproperlyConfigured) as refusal:
        environment.read()

    lines = told(str(refusal.value)).splitlines()

    assert sorted(lines) == sorted(
        [
            "Переменные окружения заданы неверно:",
            "  TIME_ZONE: это не часовой пояс; нужно имя, например Europe/Moscow",
            "  LOG_LEVEL: ожидается строка по образцу '^(DEBUG|INFO|WARNING|ERROR)$'",
            "  Q_WORKERS: ожидается число не меньше 1",
            "  S3 настроен наполовину: задайте и S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY",
        ]
    )
    monkeypatch.setenv("LANGUAGE_CODE", "en")
    assert told(str(refusal.value)) == str(refusal.value)
