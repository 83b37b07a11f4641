"""What the process that reads may use, set before it opens the file."""

import ctypes
import os
import resource
import signal
import sys
from typing import Final

from vision.documents.limits import Limits

_FILE_BYTES: Final = 512 * 1024**2
_OPEN_FILES: Final = 64
_PR_SET_PDEATHSIG: Final = 1


def confine(limits: Limits, *, parent: int) -> None:
    """Limit memory, time and files of this process, and end it with its parent."""
    seconds = int(limits.seconds) + 5
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(
            what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
        )
    os.nice(5)
    _end_with(parent)


def _end_with(parent: int) -> None:
    """A worker that is killed cannot kill its child."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that was set
        sys.exit(1)
