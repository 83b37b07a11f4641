"""What commands refuse and report, they say in Russian where the language is Russian."""

import argparse
import io
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.utils.translation import gettext, override

from accounts.models import User
from events.sentences import retold
from graph.store import connection
from media.management.commands import telegram_login
from media.services import import_words
from media.services.problem_codes import PROBLEMS
from search.embeddings import paying
from search.embeddings.fastembed import FastEmbedEncoder
from search.embeddings.gigachat import GigaChatEncoder
from search.embeddings.port import EncoderUnavailable
from search.embeddings.requested import Preparation
from telegram_assistant.config import GigaChat
from telegram_assistant.management.help_in_language import translate_help
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
