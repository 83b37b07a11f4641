"""
The folder in which the processes of this host keep their counts.

prometheus_client decides at its first import whether it keeps counts in files, so settings call
`prepare` before anything imports it. Files are named after process ids, which mean something on
one host only: containers that share VAR_DIR have a folder each, named after the host.
"""

import fcntl
import os
import re
import shutil
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured

from events.sentences import Sentence
from events.sentences import gettext_noop as _

_CLOSED: Final = Sentence(
    _(
        "%(path)s cannot be written and read (%(why)s): set VAR_DIR to a folder that this user can"
        " write to"
    )
)

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Read by the library. Always set here: an inherited value may belong to another installation."""
LEFT_ALONE: Final = 86_400.0
"""Seconds that the folder of another host is kept after its last process: it may come again."""
_SIGN: Final = ".in-use"

role = "worker"
"""`web` in processes that answer requests; wsgi.py and asgi.py set it before settings load."""


def prepare(var_dir: Path) -> Path:
    """
    Make the folder of this role and host, and show for the life of the process that it is used.

    It is the first thing that a process writes. Raises ImproperlyConfigured where it cannot.
    """
    folder = var_dir / "metrics" / role / host()
    try:
        for private in (var_dir, var_dir / "metrics"):  # other users of the host stay out
            private.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        # Never closed: the lock lasts as long as this process, or a fork of it, lives.
        sign = os.open(folder / _SIGN, os.O_RDONLY | os.O_CREAT)
    except OSError as error:
        told = {"path": error.filename or folder, "why": error.strerror or error}
        raise ImproperlyConfigured(f"VAR_DIR: {_CLOSED % told}") from error
    os.environ[VARIABLE] = str(folder)
    with suppress(OSError):  # a file system without locks: then nobody removes a folder either
        fcntl.flock(sign, fcntl.LOCK_SH)
    return folder


def host() -> str:
    """Return the name of this host, as far as it can name a folder."""
    return re.sub(r"[^\w.-]", "_", socket.gethostname()).lstrip(".") or "host"


def remove_abandoned(folder: Path) -> None:
    """Remove the folders of hosts that are gone: every container that is made anew has a new name."""
    for other in folder.parent.iterdir():
        if other != folder and _is_abandoned(other):
            shutil.rmtree(other, ignore_errors=True)  # another host may do the same


def _is_abandoned(folder: Path) -> bool:
    try:
        with (folder / _SIGN).open("a") as sign:
            fcntl.flock(sign, fcntl.LOCK_EX | fcntl.LOCK_NB)
            newest = max(path.stat().st_mtime for path in folder.iterdir())
            return time.time() - newest > LEFT_ALONE
    except OSError:  # it is in use, is no folder, or has just been removed
        return False
