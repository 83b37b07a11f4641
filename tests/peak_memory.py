"""The most memory that a process takes."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_IN_BETWEEN = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


class Ended(NamedTuple):
    """The exit code of a process, and the peak of its resident size, or of a child of it, in KiB."""

    code: int
    peak_kib: int


def run(command: Sequence[object], *, env: Mapping[str, str], cwd: Path) -> Ended:
    """
    Run a command and wait for its end. Something small stands in between: the kernel counts for a
    new process what the one that started it had by then, which may be far more.
    """
    between = [sys.executable, "-S", "-c", _IN_BETWEEN, *map(str, command)]
    done = subprocess.run(
        between, env=dict(env), cwd=cwd, stdout=subprocess.PIPE, text=True, check=True
    )
    code, peak = done.stdout.split()
    return Ended(int(code), int(peak))
