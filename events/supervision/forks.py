"""
Processes that begin as a fork of this one: nothing is imported anew, and memory is shared.

Only for a process with one thread, without connections, and whose open files may be shared.
"""

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

Work = Callable[[], object]
"""What a child does; a number that it returns is the child's exit code, which is 0 otherwise."""

ASKED_TO_END: Final = (signal.SIGTERM, signal.SIGINT)


def share_memory() -> None:
    """Leave what is there now out of the collector's runs, which would copy every page of it."""
    gc.collect()
    gc.freeze()


def begin(work: Work, *, title: str, own_group: bool) -> int:
    """Start `work` in a child that has the signals' usual handlers; returns its pid. Raises OSError."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError):  # nobody reads any more
            stream.flush()  # or the child would print it again
    # A signal for the child waits until this process's handlers are no longer its own.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKED_TO_END)
    try:
        pid = os.fork()
        if pid == 0:
            _live(work, title=title, own_group=own_group)
        if own_group:
            _lead_a_group(pid)  # by both, since either may come first
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _live(work: Work, *, title: str, own_group: bool) -> None:
    """Be the child from its first moment to its end; nothing of the parent's code runs in it."""
    code = 1
    try:
        if own_group:
            _lead_a_group(0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKED_TO_END)
        _name_it(title)
        result = work()
        code = result if isinstance(result, int) else 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        logger.exception("%s crashed", title)
    finally:
        end_at_once(code)


def end_at_once(code: int) -> None:
    """End the process without waiting for threads that are still at work."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:  # also where nobody reads any more: a child must never go on as its parent
        os._exit(code)


def _lead_a_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended
        os.setpgid(pid, 0)


def _name_it(title: str) -> None:
    """Show the title in `top` and in `ps -o comm`; Linux keeps 15 bytes of it."""
    with suppress(OSError):  # other systems have no such file
        Path("/proc/self/comm").write_text(title)
