"""Open the files of an export folder, none outside of it: a stranger may have packed it."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from events.sentences import gettext_noop
from media.sources.export.file_names import NamesOfFolders
from media.sources.port import FileRefused

_UNSAFE = re.compile(r"^[A-Za-z]:|(?:^|/)\.{0,2}(?:/|$)|[\\\x00-\x1f\x7f\ud800-\udfff]")
"""A drive, an empty step, `.` and `..`, and characters that the exporter removes from names."""
_MAX_PATH_CHARS = 4096
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_REASONS = {
    errno.ENOENT: "missing",
    errno.ENAMETOOLONG: "missing",
    errno.EACCES: "unreadable",
    errno.EPERM: "unreadable",
    errno.EIO: "unreadable",
    errno.ELOOP: "unsafe_path",  # a symbolic link
    errno.ENOTDIR: "unsafe_path",  # a symbolic link, or a file where a folder should be
    errno.ENXIO: "unsafe_path",  # a socket
    errno.ENODEV: "unsafe_path",
}
_NOT_PLAIN = gettext_noop("not a plain path inside the export")
_NOT_REGULAR = gettext_noop("not a regular file")
_NO_BYTES = gettext_noop("the file has no bytes")
SYSTEM_SAYS = (gettext_noop("No such file or directory"), gettext_noop("Permission denied"))
"""What the system says most often of a file; kept here to be translated."""


class ExportFolder:
    """
    Opens no file outside of `root`: follows no link, takes no `..`, waits on no pipe.

    A name is found in any normal form of Unicode, whichever the file and the path have: a Mac, or
    an archive made on one, writes й and ё as two characters.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names = NamesOfFolders()

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """Open `path`. Raises FileRefused: unsafe_path, missing, empty or unreadable."""
        try:
            descriptor = self._descend(self._existing(_steps(path)))
        except OSError as exc:
            if exc.errno not in _REASONS:
                raise
            raise FileRefused(_REASONS[exc.errno], f"{path}: {exc.strerror}") from exc
        try:
            _check(os.fstat(descriptor), path)
        except FileRefused:
            os.close(descriptor)
            raise
        with os.fdopen(descriptor, "rb") as stream:
            yield stream

    def size_bytes(self, path: str) -> int | None:
        """The size of a file without opening it; None where `open` would refuse."""
        try:
            steps = self._existing(_steps(path))
            found = self._stat(steps)
            _check(found, path)
        except (OSError, FileRefused):
            return None
        return found.st_size if os.access("/".join([str(self._root), *steps]), os.R_OK) else None

    def _existing(self, steps: list[str]) -> list[str]:
        """The names on disk for these steps; a step stays as it is where no name fits."""
        if all(map(str.isascii, steps)) or os.path.lexists("/".join([str(self._root), *steps])):
            return steps
        found: list[str] = []
        for step in steps:
            found.append(self._names.in_folder("/".join([str(self._root), *found]), step))
        return found

    def _descend(self, steps: list[str]) -> int:
        """
        Open each folder relative to the one before.

        Checking the path first would leave time to replace a folder by a link.
        """
        current = os.open(self._root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        for step in steps[:-1]:
            try:
                inner = os.open(step, _FLAGS | os.O_DIRECTORY, dir_fd=current)
            finally:
                os.close(current)
            current = inner
        try:
            return os.open(steps[-1], _FLAGS | os.O_NONBLOCK, dir_fd=current)
        finally:
            os.close(current)

    def _stat(self, steps: list[str]) -> os.stat_result:
        path = str(self._root)
        for step in steps[:-1]:
            path = f"{path}/{step}"
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                raise NotADirectoryError(path)
        return os.lstat(f"{path}/{steps[-1]}")


def _steps(path: str) -> list[str]:
    if len(path) > _MAX_PATH_CHARS or _UNSAFE.search(path):
        raise FileRefused("unsafe_path", f"{path[:200]!r}: {_NOT_PLAIN}")
    return path.split("/")


def _check(found: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise FileRefused("unsafe_path", f"{path}: {_NOT_REGULAR}")
    if found.st_size == 0:
        raise FileRefused("empty", f"{path}: {_NO_BYTES}")
