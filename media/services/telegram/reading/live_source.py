"""The files of messages from Telegram as the pipeline reads them: downloaded ahead, in parallel."""

import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from media.models import MAX_MEDIA_BYTES
from media.services.pipeline.blobs import FileTooLarge
from media.sources.port import FileRefused, Record
from media.sources.telegram.failures import (
    ChannelClosed,
    FloodWait,
    SignedOut,
    TelegramRefused,
    Unreachable,
)
from media.sources.telegram.port import Peer, RemoteFile, TelegramAccess

_OF_THE_ACCOUNT = (FloodWait, SignedOut, Unreachable, ChannelClosed)
"""What is no fault of the file: the run ends, and the file is tried in the next one."""


class LiveSource:
    """
    A source of the pipeline whose files are on their way.

    `expect` starts downloads, `open` waits for one, `forget` deletes what is not needed any more.
    A file that came in part stays on disk: the next run goes on where it ends.
    """

    def __init__(self, access: TelegramAccess, peer: Peer) -> None:
        self._access, self._peer = access, peer
        self._folder = folder_of(peer)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._files: dict[str, RemoteFile] = {}
        self._coming: dict[str, Future[str]] = {}
        self._targets: dict[str, Path] = {}

    def records(self) -> Iterator[Record]:
        """Nothing: the pages are read by `reading`."""
        return iter(())

    def expect(self, files: Iterable[RemoteFile]) -> None:
        """Start to download these files; what is too large for the archive is not begun."""
        for file in files:
            self._files[file.path] = file
            self._targets[file.path] = target = self._target_of(file)
            if 0 < file.size_bytes <= MAX_MEDIA_BYTES and file.path not in self._coming:
                self._coming[file.path] = self._access.download(self._peer, file, target)

    def are_here(self, files: Iterable[RemoteFile]) -> bool:
        """Whether none of these files is still on its way."""
        coming = (self._coming.get(file.path) for file in files)
        return all(one is None or one.done() for one in coming)

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """Wait for the file. Raises FileRefused, FileTooLarge, and what ends the whole run."""
        file = self._files.get(path)
        if file is None:
            raise FileRefused("missing", f"{path}: Telegram did not give this file")
        if file.size_bytes > MAX_MEDIA_BYTES:
            raise FileTooLarge(path)
        if file.size_bytes <= 0:
            raise FileRefused("empty", f"{path}: the file has no bytes")
        self._wait(path)
        with self._targets[path].open("rb") as stream:
            yield stream

    def forget(self, files: Iterable[RemoteFile]) -> None:
        """Delete what was downloaded of these files: they are stored now, or refused."""
        for file in files:
            self._files.pop(file.path, None)
            coming, target = self._coming.pop(file.path, None), self._targets.pop(file.path, None)
            if coming is not None and coming.done() and target is not None:
                target.unlink(missing_ok=True)

    def close(self) -> None:
        """Stop the downloads that still run."""
        for coming in self._coming.values():
            coming.cancel()
        if not any(self._folder.iterdir()):
            shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self, path: str) -> None:
        try:
            self._coming[path].result()
        except _OF_THE_ACCOUNT:
            raise
        except TelegramRefused as refused:
            raise FileRefused("unreadable", f"{path}: {refused}") from refused

    def _target_of(self, file: RemoteFile) -> Path:
        # The name holds whatever tells files apart, so that a part of another one is never met.
        name = sha256(f"{file.path} {file.size_bytes}".encode()).hexdigest()[:32]
        return self._folder / name


def folder_of(peer: Peer) -> Path:
    """Where the files of a channel are downloaded to."""
    return Path(settings.VAR_DIR) / "downloads" / str(abs(peer.tg_channel_id))
