"""What commands refuse and report, they say in Russian where the language is Russian."""

import io
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import gettext, override

from accounts.models import User
from events.sentences import retold
from search.embeddings import paying
from search.embeddings.fastembed import FastEmbedEncoder
from search.embeddings.gigachat import GigaChatEncoder
from search.embeddings.port import EncoderUnavailable
from search.embeddings.requested import Preparation
from telegram_assistant.config import GigaChat
from tests.unit.exports import chat, message, write

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
