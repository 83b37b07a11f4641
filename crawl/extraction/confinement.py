"""What the process that extracts may use, set before it parses anything."""

import ctypes
import os
import resource
import signal
import sys
from typing import Final

_OPEN_FILES: Final = 64
_PR_SET_PDEATHSIG: Final = 1


def confine(*, memory_bytes: int, parent: int) -> None:
    """Limit memory and files of this process, and end it with its parent; time is the parent's."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, hard))
    os.nice(5)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that was set
        sys.exit(1)
