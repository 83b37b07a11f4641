import os
from copy import copy
from datetime import UTC
from pathlib import Path

import pytest
from django.utils.translation import gettext, override
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import ListField

from media.services.pipeline.reader_process import ReaderEnded
from media.sources.export import ExportSource
from media.sources.port import SourceRefused
from tests.unit.exports import chat, message, read, write


def refusal(path):
    with pytest.raises(SourceRefused) as refused:
        read(path)
    return str(refused.value)


def test_the_file_itself_may_be_given_under_any_name(tmp_path):
    write(tmp_path, chat([message(1)]))
    other = (tmp_path / "result.json").rename(tmp_path / "канал.json")

    assert len(read(other)) == 2


def test_files_lie_beside_the_json_file(tmp_path):
    write(tmp_path, chat([]))
    (tmp_path / "a.jpg").write_bytes(b"123")

    source = ExportSource(tmp_path / "result.json", zone=UTC)

    assert source.size_bytes("a.jpg") == 3


def test_a_missing_path_is_refused(tmp_path):
    assert "does not exist" in refusal(tmp_path / "nowhere")


def test_a_folder_without_a_result_is_refused(tmp_path):
    assert "contains no result.json" in refusal(tmp_path)


def test_the_folder_above_an_export_says_where_it_lies(tmp_path):
    write(tmp_path / "ChatExport_2026-06-17", chat([]))

    assert f"Did you mean {tmp_path / 'ChatExport_2026-06-17'}?" in refusal(tmp_path)


@pytest.mark.parametrize("page", ["messages.html", "export_results.html"])
def test_an_export_as_html_says_what_to_choose_instead(tmp_path, page):
    (tmp_path / page).write_text("<html>")

    assert "Machine-readable JSON" in refusal(tmp_path)
    assert "Machine-readable JSON" in refusal(tmp_path / page)


def test_an_archive_has_to_be_unpacked(tmp_path):
    (tmp_path / "export.zip").write_bytes(b"PK")

    assert "unpack" in refusal(tmp_path / "export.zip")


def test_an_empty_file_is_refused(tmp_path):
    assert "is empty" in refusal(write(tmp_path, b""))


@pytest.mark.parametrize(
    "content",
    [
        b"   \n", b"\xef\xbb\xbf", b"null", b"[]", b"{}", b'{"a": [1, 2]}', b"<html></html>", b"{",
        b'{"name": "x", "type": "public_channel", "id": 5}', b'{"name": "x", "type": "public_ch',
        '{"name"'.encode("utf-16"), b"\x00\x00", b"\xff", b'"', b"}", b'{"messages": 5}',
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused(tmp_path, content):
    assert refusal(write(tmp_path, content))


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "result.json")

    assert "not a regular file" in refusal(tmp_path)


def test_a_result_that_is_a_link_is_refused(tmp_path):
    write(tmp_path / "elsewhere", chat([]))
    (tmp_path / "result.json").symlink_to(tmp_path / "elsewhere" / "result.json")

    assert "symbolic link" in refusal(tmp_path)


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    write(tmp_path, chat([]))

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)

    assert "Permission denied" in refusal(tmp_path)


@pytest.mark.parametrize("path", ["a\x00b.json", "\ud800.json", "x" * 5000])
def test_what_cannot_be_a_path_is_refused(path):
    assert refusal(Path(path))


def in_russian(path):
    with pytest.raises(SourceRefused) as refused:
        read(path)
    return copy(refused.value).told(gettext)


def test_refusals_are_said_in_the_language_of_whoever_reads_them(tmp_path):
    with override("ru"):
        said = [in_russian(tmp_path), in_russian(tmp_path / "nowhere"), str(ReaderEnded(9))]
        too_few = ListField(min_length=2).run_validation
        with pytest.raises(ValidationError, match="не меньше элементов, чем 2"):
            too_few([1])

    assert "дайте папку, которую записал Telegram Desktop" in said[0]
    assert said[1].endswith("не существует.")
    assert "код завершения 9" in said[2]
