"""Texts that are kept in English are told in Russian, with their figures."""

import re
from datetime import UTC, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation import gettext

from events.console import said, translated
from events.sentences import _known
from media.imaging.decode import TOO_MANY
from media.services.telegram.accounts.rests import Resting
from media.services.telegram.passes import PassOutcome
from media.sources.export.source import ExportSource
from media.sources.port import Problem, SourceRefused
from media.sources.telegram.failures import JOIN, FloodWait, MethodWait
from telegram_assistant import schedules
from tests.factories import NOW

HANDLERS = [
    *map(Path, ("albums/services/assemble.py", "albums/services/collect.py")),
    *map(Path, ("vision/services/read_documents.py", "vision/analysis/document_enrichment.py")),
    *(
        path
        for room in ("albums", "graph", "search", "vision")
        for path in Path(room).glob("*handlers.py")
    ),
]


@pytest.fixture(autouse=True)
def russian():
    with translation.override("ru"):
        yield


def test_every_sentence_with_figures_is_translated_and_keeps_its_figures():
    for job in schedules.JOBS:
        import_module(job.func.rpartition(".")[0])
    for number, sentence in enumerate(_known):
        names = re.findall(r"%\((\w+)\)s", sentence.text)
        figures = {name: f"{at}{number}" for at, name in enumerate(names)}

        told = translated(sentence % figures)

        assert re.search("[а-я]", told), sentence.text
        assert all(value in told for value in figures.values()), sentence.text


def test_what_a_job_answers_is_made_of_known_sentences():
    """No job hands back an English text of its own: that would be shown as it is."""
    for path in {job.func.rpartition(".")[0].replace(".", "/") for job in schedules.JOBS}:
        text = Path(f"{path}.py").read_text()
        assert not re.search(r"return f?\"[^\"{}]*[a-z]{3}", text), path


def test_what_a_handler_answers_is_made_of_known_sentences():
    texts = (path.read_text() for path in HANDLERS)
    bare = [found for text in texts for found in re.findall(r"return f?\"[^\"]* [^\"]*\"", text)]

    assert bare == []


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("2 of 10 awaited", "ожидается 2 из 10"),
        ("1 of 1 analyzed", "проанализировано 1 из 1"),
        ("1 of 2 read", "прочитано 1 из 2"),
        ("73 changed", "изменено: 73"),
        ("no album", "не из альбома"),
        ("later: the encoder has not answered within 3 s", "позже: кодировщик не ответил за 3 с"),
    ],
)
def test_the_outcome_of_a_task_is_told_in_the_readers_language(outcome, told):
    assert translated(outcome) == told


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (FloodWait(90), "Telegram просит подождать: 0:01:30"),
        (MethodWait(JOIN, 60), "Telegram просит подождать: 0:01:00 (вступление в каналы)"),
        (Resting(NOW + timedelta(hours=1), "flood_wait"), r"Отдыхает до .* \(flood_wait\)"),
        (ValueError("nobody knows it: 5"), "nobody knows it: 5"),
    ],
)
def test_a_refusal_with_figures_is_told_in_the_readers_language(refusal, told):
    assert said(refusal) == told or re.match(told, said(refusal))
    assert not re.search("[а-я]", str(refusal))  # the log stays English


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"name": "x"}', "в нём нет чата"),
        ("nonsense", "ожидается один из знаков {"),
        ('{"name": ', "ожидается значение"),
        (
            '{"type": "personal_chat", "id": 5, "messages": []}',
            "экспорт чата (личный чат): импортируются только каналы",
        ),
    ],
)
def test_why_a_file_is_no_export_is_told_whole(tmp_path, text, told):
    (tmp_path / "result.json").write_text(text)

    with pytest.raises(SourceRefused) as refusal:
        list(ExportSource(tmp_path, zone=UTC).records())

    said = refusal.value.told(gettext).removeprefix(str(tmp_path))
    assert told in said
    assert not re.search("[а-я]", refusal.value.reason)  # the log stays English


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ('{"id": 1, "type": "message", "date": "2021-13-01", "text": ""}', "date: не время"),
        ('{"id": "x", "type": "message", "text": ""}', "id: ожидается целое число"),
        ('{"id": 1, "text": [5], "date_unixtime": "1600000000"}', "ни текст, ни объект с текстом"),
        ("[1, 2]", "сообщение должно быть объектом"),
        ('{"id": 1, "text": "' + "x" * 30_000 + '"}', "одно значение длиннее 2000 символов"),
        ('{"id": 1, "text": }', "не JSON: ожидается значение"),
        ('{"id": 1, "te', "файл обрывается посреди значения"),
    ],
)
def test_problems_of_messages_are_told(tmp_path, messages, told):
    chat = '{"name": "a", "type": "public_channel", "id": 5, "messages": ['
    end = "" if messages.endswith("te") else "]}"
    (tmp_path / "result.json").write_text(chat + messages + end)

    source = ExportSource(tmp_path, zone=UTC, chunk_bytes=500, max_value_chars=2000)
    [problem] = [record for record in source.records() if isinstance(record, Problem)]

    assert told in translated(problem.detail)
    assert not re.search("[а-я]", problem.detail)


def test_parts_and_names_of_files_are_told_part_by_part():
    problem = f"photos/a: b.jpg: {TOO_MANY % {'pixels': '30 × 40', 'limit': 7}}"

    assert translated(problem) == "photos/a: b.jpg: пикселей: 30 × 40, а предел – 7"
    assert translated("x.jpg: No such file or directory") == "x.jpg: нет такого файла"
    assert translated(f"{PassOutcome(2, 1, 0)}; postponed: disk") == (
        "прочитано каналов: 2, не удалось: 1, отдыхают аккаунтов: 0; отложено: disk"
    )
    with translation.override("en"):
        assert translated(problem) == problem
