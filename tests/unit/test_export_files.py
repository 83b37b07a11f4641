import os
import socket
from datetime import UTC
from pathlib import Path

import pytest

from media.sources.export import ExportSource
from media.sources.port import FileRefused
from tests.unit.exports import chat, write


@pytest.fixture
def source(tmp_path):
    folder = write(tmp_path / "export", chat([]))
    (folder / "photos").mkdir()
    (folder / "photos" / "a (1).jpg").write_bytes(b"12345")
    (tmp_path / "secret.txt").write_text("secret")
    return ExportSource(folder, zone=UTC)


@pytest.fixture
def folder(tmp_path, source):
    return tmp_path / "export"


def refused(source, path):
    with pytest.raises(FileRefused) as refusal, source.open(path):
        pass
    assert source.size_bytes(path) is None
    return refusal.value.reason


def test_a_file_is_opened_and_measured(source):
    with source.open("photos/a (1).jpg") as stream:
        assert stream.read() == b"12345"
    assert stream.closed
    assert source.size_bytes("photos/a (1).jpg") == 5


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../secret.txt", "photos/../../secret.txt", "photos/..", "..", ".", "",
        "photos//a (1).jpg", "./photos/a (1).jpg", "photos/", "..\\secret.txt", "photos\\a (1).jpg",
        "C:/Windows/win.ini", "c:secret.txt", "\\\\host\\share", "a\x00.jpg", "a\n.jpg", "\ud800",
        "x" * 5000,
    ],
)  # fmt: skip
def test_a_path_that_is_not_plain_is_unsafe(source, path):
    assert refused(source, path) == "unsafe_path"


def test_names_with_any_letters_are_plain(source, folder):
    for name in ("семья 👨‍👩‍👧.jpg", "a\u00a0b.jpg", "a..b.jpg", "...", "ab:c"):
        (folder / name).write_bytes(b"1")

        assert source.size_bytes(name) == 1


def test_a_link_to_a_file_is_not_followed(source, folder, tmp_path):
    (folder / "photos" / "link.jpg").symlink_to(tmp_path / "secret.txt")
    (folder / "inner.jpg").symlink_to(folder / "photos" / "a (1).jpg")
    (folder / "dangling.jpg").symlink_to("nowhere")

    for path in ("photos/link.jpg", "inner.jpg", "dangling.jpg"):
        assert refused(source, path) == "unsafe_path"


def test_a_link_to_a_folder_is_not_followed(source, folder, tmp_path):
    (folder / "files").symlink_to(tmp_path)

    assert refused(source, "files/secret.txt") == "unsafe_path"


def test_the_export_itself_may_be_reached_through_a_link(source, folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)

    assert ExportSource(tmp_path / "link", zone=UTC).size_bytes("photos/a (1).jpg") == 5


def test_pipes_sockets_and_folders_are_no_files(source, folder, monkeypatch):
    os.mkfifo(folder / "pipe")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")

    for path in ("pipe", "socket", "photos"):
        assert refused(source, path) == "unsafe_path"


@pytest.mark.parametrize("path", ["photos/b.jpg", "nowhere/b.jpg", "x" * 300])
def test_what_is_not_there_is_missing(source, path):
    assert refused(source, path) == "missing"


def test_a_file_without_bytes_is_empty(source, folder):
    (folder / "photos" / "b.jpg").touch()

    assert refused(source, "photos/b.jpg") == "empty"


def test_a_file_that_may_not_be_read_is_unreadable(source, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert refused(source, "photos/a (1).jpg") == "unreadable"


def test_the_refusal_names_the_path(source):
    with pytest.raises(FileRefused, match=r"photos/b\.jpg"), source.open("photos/b.jpg"):
        pass


def test_an_exception_of_the_reader_is_its_own(source):
    with pytest.raises(ZeroDivisionError), source.open("photos/a (1).jpg"):
        raise ZeroDivisionError


def test_no_descriptor_is_left_open(source, folder):
    (folder / "photos" / "b.jpg").touch()
    before = len(list(Path("/proc/self/fd").iterdir()))

    for path in (
        "photos/a (1).jpg",
        "photos/b.jpg",
        "photos/c.jpg",
        "no/x",
        "photos/a (1).jpg/x",
        "photos",
    ):
        try:
            with source.open(path):
                pass
        except FileRefused:
            continue

    assert len(list(Path("/proc/self/fd").iterdir())) == before
