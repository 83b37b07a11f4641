"""A large export is read by a process of its own: the same batches, and no trace of it afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC
from pathlib import Path

import pytest

from media.services.pipeline import batches, reader_process
from media.services.pipeline.batches import read_batches
from media.services.pipeline.reader_process import (
    ReaderEnded,
    batches_from_elsewhere,
    batches_of,
)
from media.sources.export import ExportSource
from media.sources.port import SourceRefused
from tests.unit.exports import chat, message, write

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "telegram_assistant" / "sample" / "ChatExport_2026-11-01"


def source_of(folder: Path) -> ExportSource:
    return ExportSource(folder, zone=UTC)


def here(folder: Path, limit: int | None = None) -> list[batches.Batch]:
    return list(read_batches(source_of(folder), limit=limit))


def elsewhere(folder: Path, limit: int | None = None) -> list[batches.Batch]:
    with closing(batches_from_elsewhere(source_of(folder), limit=limit)) as found:
        return list(found)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.fixture
def many(tmp_path):
    """An export of three batches."""
    return write(tmp_path, chat([message(number) for number in range(1, 5001)]))


def readers_of(pid: int) -> list[int]:
    command = ["pgrep", "-P", str(pid), "-f", reader_process.__name__]
    found = subprocess.run(command, check=False, stdout=subprocess.PIPE)
    return [int(reader) for reader in found.stdout.split()]


def ended(pid: int) -> bool:
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.1)
    return False


def test_the_batches_are_the_same_with_all_that_their_messages_say():
    found = elsewhere(SAMPLE)

    assert found == here(SAMPLE)
    assert sum(len(batch.messages) for batch in found) > 10


@pytest.mark.costly
def test_each_chat_is_one_and_two_that_look_alike_are_two(tmp_path):
    """Who imports asks once about each chat that looks like a conversation."""
    one = {"type": "public_channel", "id": 1, "name": "one"}
    chats = [one | {"messages": [message(n) for n in range(1, 2502)]}, one | {"messages": []}]
    folder = write(tmp_path, {"chats": {"list": chats}})

    found = elsewhere(folder)

    assert found == here(folder)
    first, second, third = [batch.chat for batch in found if batch.chat]
    assert first is second
    assert third is not second


def test_what_cannot_be_read_is_a_problem_there_as_here(tmp_path):
    deep = json.dumps(message(2)).replace("}", f', "new": {nested(900)}}}')
    texts = [json.dumps(message(1)), deep, json.dumps(message(3) | {"date_unixtime": "x"}), "{"]
    head = '{"name": "c", "type": "public_channel", "id": 1, "messages": ['
    (tmp_path / "result.json").write_text(head + ",".join(texts))

    found = elsewhere(tmp_path)

    assert found == here(tmp_path)
    assert found[-1].problems[-1].fatal


@pytest.mark.costly
def test_the_limit_and_the_progress_are_those_of_the_file(many):
    assert elsewhere(many, limit=7) == here(many, limit=7)
    source = source_of(many)
    with closing(batches_from_elsewhere(source, limit=None)) as found:
        seen = [source.bytes_read for _ in found]
    assert 0 < seen[0] < seen[-1] == source.bytes_read == source.total_bytes


def test_the_path_may_be_relative(many, monkeypatch):
    monkeypatch.chdir(many.parent)

    assert elsewhere(Path(many.name), limit=1) == here(many, limit=1)


def test_a_file_that_is_no_export_is_refused_in_the_same_words(tmp_path):
    (tmp_path / "result.json").write_text("[]")

    with pytest.raises(SourceRefused) as there:
        elsewhere(tmp_path)
    with pytest.raises(SourceRefused) as at_home:
        here(tmp_path)

    assert str(there.value) == str(at_home.value)


def test_a_reader_that_is_killed_is_no_end_of_the_export(many):
    with closing(batches_from_elsewhere(source_of(many), limit=None)) as found:
        batch = next(iter(found))
        [reader] = readers_of(os.getpid())
        os.kill(reader, signal.SIGKILL)
        with pytest.raises(ReaderEnded, match="-9"):
            list(found)

    assert len(batch.messages) < 5000
    assert reader_process.ReaderEnded.code == "reader_ended"


def test_who_stops_early_leaves_no_process_and_it_knows_no_secret(many, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    with closing(batches_from_elsewhere(source_of(many), limit=None)) as found:
        next(iter(found))
        [reader] = readers_of(os.getpid())
        assert b"secret" not in Path(f"/proc/{reader}/environ").read_bytes()

    assert ended(reader)


@pytest.mark.costly
def test_the_reader_ends_when_the_import_is_killed(many):
    code = f"""
import time
from datetime import UTC
from pathlib import Path
from media.services.pipeline.reader_process import batches_from_elsewhere
from media.sources.export import ExportSource
found = iter(batches_from_elsewhere(ExportSource(Path({str(many)!r}), zone=UTC), limit=None))
next(found)
print("read", flush=True)
time.sleep(600)
"""
    importing = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    with importing:
        assert importing.stdout.readline() == b"read\n"
        [reader] = readers_of(importing.pid)
        importing.kill()

    assert ended(reader)


@pytest.mark.parametrize(("large_bytes", "readers"), [(10**9, 0), (1000, 1)])
def test_only_a_large_export_pays_for_a_process(many, monkeypatch, large_bytes, readers):
    monkeypatch.setattr(reader_process, "LARGE_BYTES", large_bytes)
    with closing(batches_of(source_of(many), limit=None)) as found:
        next(found)
        assert len(readers_of(os.getpid())) == readers
    assert not readers_of(os.getpid())
