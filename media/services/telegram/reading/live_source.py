"""The files of messages from Telegram as the pipeline reads them: downloaded ahead, in parallel."""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final

from django.conf import settings

from events.errors import RetryLater
from events.sentences import Sentence, gettext_noop
from media.models import MAX_MEDIA_BYTES
from media.services.pipeline.blobs import FileTooLarge
from media.services.telegram.reading import own_files
from media.services.telegram.reading.own_files import OwnFiles
from media.services.telegram.reading.small_files import SmallFiles
from media.sources.port import FileRefused, Record
from media.sources.telegram.failures import (
    ChannelClosed,
    FloodWait,
    SignedOut,
    TelegramRefused,
    Unreachable,
)
from media.sources.telegram.port import Peer, RemoteFile, TelegramAccess

log = logging.getLogger(__name__)
_OF_THE_ACCOUNT = (FloodWait, SignedOut, Unreachable, ChannelClosed)
"""What is no fault of the file: the run ends, and the file is tried in the next one."""
PARTS_ARE_KEPT: Final = timedelta(days=7)
"""Longer than an account rests, or a reader is away, as a rule: else they come from the beginning."""
_NO_PLACE = Sentence(
    gettext_noop("Nothing can be downloaded to %(folder)s (%(why)s): free some, or mend its rights")
)


class DownloadsNotWritable(RetryLater):
    """The disk is full, or the folder cannot be written: no fault of the file, nor of the channel."""


class LiveSource:
    """
    A source of the pipeline whose files are on their way.

    `expect` starts downloads, `open` waits for one, `forget` deletes what is not needed any more.
    Small files are kept in memory, as long as they are few: written once, to their place in the
    store. All others come to the disk; one that came in part stays there, and the next run goes on
    where it ends.
    """

    def __init__(self, access: TelegramAccess, peer: Peer) -> None:
        self._access, self._peer = access, peer
        self._folder = folder_of(peer)
        self._own = OwnFiles(self._folder)
        self._files: dict[str, RemoteFile] = {}
        self._coming: dict[str, Future[str]] = {}
        self._targets: dict[str, Path] = {}
        self._small = SmallFiles()

    def records(self) -> Iterator[Record]:
        """Nothing: the pages are read by `reading`."""
        return iter(())

    def expect(self, files: Iterable[RemoteFile]) -> None:
        """
        Start to download these files; what is too large for the archive is not begun.

        Raises DownloadsNotWritable.
        """
        for file in files:
            self._files[file.path] = file
            if not 0 < file.size_bytes <= MAX_MEDIA_BYTES or self._is_expected(file.path):
                continue
            if self._small.have_room_for(file):
                self._small.add(file, self._access.fetch(self._peer, file))
                continue
            self._targets[file.path] = target = self._target_of(file)
            self._coming[file.path] = self._access.download(self._peer, file, target)

    def are_here(self, files: Iterable[RemoteFile]) -> bool:
        """Whether none of these files is still on its way."""
        return all(one.done() for file in files for one in self._downloads_of(file.path))

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
        target = self._targets.get(path)
        if target is not None and target.stat().st_size != file.size_bytes:
            raise FileRefused("unreadable", f"{path}: the file on the disk is not what came")
        with self._small.open(path) or self._targets[path].open("rb") as stream:
            yield stream

    def forget(self, files: Iterable[RemoteFile]) -> None:
        """Delete what was downloaded of these files: they are stored now, or refused."""
        for file in files:
            self._files.pop(file.path, None)
            self._small.forget(file.path)
            coming, target = self._coming.pop(file.path, None), self._targets.pop(file.path, None)
            if coming is not None and target is not None:
                self._own.give_back(target, keep=not coming.done())

    def close(self) -> None:
        """Stop the downloads that still run."""
        for path in self._files:
            for coming in self._downloads_of(path):
                coming.cancel()
        self._own.close()

    def _is_expected(self, path: str) -> bool:
        return any(True for _ in self._downloads_of(path))

    def _downloads_of(self, path: str) -> Iterator[Future[Any]]:
        """The download of this file, into memory or to the disk; nothing where there is none."""
        for coming in (self._small.coming(path), self._coming.get(path)):
            if coming is not None:
                yield coming

    def _wait(self, path: str) -> None:
        try:
            for coming in self._downloads_of(path):
                coming.result()
        except _OF_THE_ACCOUNT:
            raise
        except TelegramRefused as refused:
            raise FileRefused("unreadable", f"{path}: {refused}") from refused
        except OSError as error:
            raise self._not_writable(error) from error

    def _target_of(self, file: RemoteFile) -> Path:
        # The name holds whatever tells files apart, so that a part of another one is never met.
        name = sha256(f"{file.path} {file.size_bytes}".encode()).hexdigest()[:32]
        try:
            return self._own.take(name)
        except OSError as error:
            raise self._not_writable(error) from error

    def _not_writable(self, error: OSError) -> DownloadsNotWritable:
        why = error.strerror or str(error)
        return DownloadsNotWritable(_NO_PLACE % {"folder": self._folder, "why": why})


def folder_of(peer: Peer) -> Path:
    """Where the files of a channel are downloaded to."""
    return _folder() / str(abs(peer.tg_channel_id))


def delete_left_parts(*, now: datetime) -> None:
    """Delete what came of files that nobody asks for any more, as of messages that are deleted."""
    try:
        own_files.delete_left(_folder(), before=now - PARTS_ARE_KEPT)
    except OSError as error:  # they are in nobody's way until the next time
        log.warning("old parts of downloads were not deleted: %s", error)


def _folder() -> Path:
    return Path(settings.VAR_DIR) / "downloads"
