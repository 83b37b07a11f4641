"""Files on the disk that one reader alone writes: two that append to one file would spoil it, unseen."""

import fcntl
import logging
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from uuid import uuid4

log = logging.getLogger(__name__)


def delete_left(root: Path, *, before: datetime) -> None:
    """Delete the files in folders of `root` that nobody has and nothing was added to since."""
    for folder in root.glob("*/"):
        own = OwnFiles(folder)
        for path in folder.iterdir():
            with suppress(FileNotFoundError):  # somebody has just finished with it
                if path.stat().st_mtime < before.timestamp():
                    own.delete(path)
        own.close()


class OwnFiles:
    """
    Files in a folder, each locked by whoever has it until `give_back`; a lock ends with its process.

    A listener, a pass and somebody at a shell may read a channel at once, for several tenants.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks: dict[Path, int] = {}

    def take(self, name: str) -> Path:
        """The file of this name, with what an earlier run has left of it; another where somebody has it."""
        path = self._folder / name
        if not self._is_locked(path):
            path = self._folder / f"{name}.{uuid4().hex}"
            self._is_locked(path)
        return path

    def give_back(self, path: Path, *, keep: bool) -> None:
        """Let others have the file, if `keep` with what is in it. The file of another name goes."""
        lock = self._locks.pop(path, None)
        if lock is None:
            return
        try:
            if not keep or path.suffix or not os.fstat(lock).st_size:
                path.unlink(missing_ok=True)
        except OSError as error:  # it is in nobody's way, and goes by `delete_left`
            log.warning("a downloaded file was not deleted: %s", error)
        finally:
            os.close(lock)

    def delete(self, path: Path) -> None:
        """Delete the file, unless somebody has it."""
        if self._is_locked(path):
            self.give_back(path, keep=False)

    def close(self) -> None:
        """Give back what is left, for the next run to go on with, and an empty folder."""
        for path in list(self._locks):
            self.give_back(path, keep=True)
        with suppress(OSError):  # others may have files in it
            self._folder.rmdir()

    def _is_locked(self, path: Path) -> bool:
        """Lock the file; False where another reader has it."""
        while True:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue  # another reader has just deleted the folder, which was empty
            if not _locks(lock):
                os.close(lock)
                return False
            if _is_at(path, lock):
                self._locks[path] = lock
                return True
            os.close(lock)  # of a file that whoever had it has deleted meanwhile


def _locks(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False
