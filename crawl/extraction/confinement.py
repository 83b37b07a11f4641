"""What the process that extracts may use, set before it parses anything."""

import os
import resource
from typing import Final

_OPEN_FILES: Final = 64


def confine(*, memory_bytes: int) -> None:
    """Limit memory and files of this process."""
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
