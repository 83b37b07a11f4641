"""
Whether a supervisor is alive on this host: a file that each of them keeps locked.

A lock of a file ends with its process, in whatever way that ends, and needs no PostgreSQL.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings

_held: list[IO[str]] = []
"""The files that this process keeps locked."""


@contextmanager
def counted() -> Iterator[None]:
    """Count this process as a supervisor inside the block; several share the lock."""
    with _lock_file().open("a") as file:
        # Waits only for `any_alive`, which holds the exclusive lock for a moment.
        fcntl.flock(file, fcntl.LOCK_SH)
        _held.append(file)
        try:
            yield
        finally:
            _held.remove(file)


def any_alive() -> bool:
    """Whether any supervisor of this installation is alive on this host."""
    with _lock_file().open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def is_replaced(supervisor_pid: int | None) -> bool:
    """Whether the supervisor that started this process is gone and another one is alive."""
    return supervisor_pid is not None and os.getppid() != supervisor_pid and any_alive()


def _leave_to_parent() -> None:
    """Close a forked child's copy of the file, which would keep the lock after the parent's end."""
    while _held:
        _held.pop().close()


os.register_at_fork(after_in_child=_leave_to_parent)


def _lock_file() -> Path:
    # With the name of the host: hosts may share the folder.
    return Path(settings.VAR_DIR) / f"supervisor.{socket.gethostname()}.lock"
