"""Small files of Telegram stay in memory: within a budget, hashed once, and stored as they came."""

import time
from concurrent.futures import Future
from hashlib import sha256

import pytest

from media.services.telegram.reading import small_files
from media.services.telegram.reading.live_source import LiveSource
from media.services.telegram.reading.small_files import SmallFiles
from media.sources.telegram.port import SMALL_FILE_BYTES, Peer, RemoteFile
from storage_quota.models import Reservation
from storage_quota.object_store.adapters import HashedBytes, UploadBody
from storage_quota.object_store.errors import ReservationMismatch
from storage_quota.object_store.files import FileStore


def file(number: int, size_bytes: int) -> RemoteFile:
    return RemoteFile(f"photos/{number}.jpg", number, size_bytes, str(number))


def reservation(content: bytes, *, size_bytes: int | None = None) -> Reservation:
    found = Reservation(
        key="media/t/ab/x.jpg", size_bytes=len(content) if size_bytes is None else size_bytes
    )
    found.write_deadline = time.monotonic() + 60
    return found


def known(content: bytes) -> HashedBytes:
    return HashedBytes(content, sha256(content).hexdigest())


class Access:
    """Notes what is asked for into memory and to the disk; nothing comes by itself."""

    def __init__(self) -> None:
        self.memory: list[str] = []
        self.disk: list[str] = []

    def fetch(self, _peer, file):
        self.memory.append(file.path)
        return Future()

    def download(self, _peer, file, _target):
        self.disk.append(file.path)
        return Future()


def test_what_is_large_or_too_much_comes_to_the_disk(settings, tmp_path, monkeypatch):
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(small_files, "MEMORY_BYTES", 2 * SMALL_FILE_BYTES)
    access = Access()
    source = LiveSource(access, Peer(-100, 1))
    largest = [file(i, SMALL_FILE_BYTES) for i in (1, 2, 3)]

    source.expect([file(9, SMALL_FILE_BYTES + 1), *largest, largest[0]])

    assert access.memory == [largest[0].path, largest[1].path]  # each once
    assert access.disk == ["photos/9.jpg", largest[2].path]
    source.forget(largest[:1])
    source.expect([file(4, 1000)])
    assert access.memory[-1] == "photos/4.jpg"
    assert not source.are_here([largest[1]])
    source.close()


def test_a_small_file_is_read_as_often_as_asked_and_hashed_once(monkeypatch):
    hashed: list[int] = []
    monkeypatch.setattr(
        small_files, "sha256", lambda body: hashed.append(len(body)) or sha256(body)
    )
    small, coming = SmallFiles(), Future[bytes]()
    small.add(file(1, 3), coming)
    coming.set_result(b"abc")

    first, second = small.open("photos/1.jpg"), small.open("photos/1.jpg")

    assert (first.read(), second.read(), first.sha256) == (b"abc", b"abc", known(b"abc").sha256)
    assert hashed == [3]
    small.forget("photos/1.jpg")
    assert small.open("photos/1.jpg") is None
    assert small.have_room_for(file(2, SMALL_FILE_BYTES))


@pytest.mark.parametrize("size", [0, 1, 3 * 1024 * 1024 + 7])
def test_the_store_has_the_bytes_and_their_hash(tmp_path, size):
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    asked = reservation(content)

    receipt = FileStore(tmp_path).put(asked, known(content), mime="image/jpeg")

    assert (receipt.size_bytes, receipt.sha256) == (size, sha256(content).hexdigest())
    assert (tmp_path / asked.key).read_bytes() == content


def test_a_hash_of_the_whole_is_not_that_of_a_part():
    body = UploadBody(known(b"abcdef"), reservation(b"abcdef"))
    body.read(3)

    assert body.receipt(mime="", content_encoding="").sha256 == sha256(b"abc").hexdigest()


def test_more_than_was_reserved_is_refused_as_of_any_file(tmp_path):
    with pytest.raises(ReservationMismatch):
        FileStore(tmp_path).put(reservation(b"abc", size_bytes=2), known(b"abc"), mime="image/jpeg")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
