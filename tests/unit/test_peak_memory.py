"""What is measured is the process, not whoever started it."""

import os
import sys
from pathlib import Path

from tests import peak_memory

MIB = 1024


def peak_of(code: str) -> peak_memory.Ended:
    return peak_memory.run([sys.executable, "-S", "-c", code], env=os.environ, cwd=Path.cwd())


def test_the_memory_of_whoever_measures_does_not_count():
    held = bytearray(b"x") * (300 * MIB * 1024)

    ended = peak_of("pass")

    assert len(held) > 0
    assert ended.code == 0
    assert ended.peak_kib < 60 * MIB


def test_that_of_the_process_does_and_so_does_its_exit_code():
    ended = peak_of("held = bytearray(b'x') * (200 * 1024 * 1024); raise SystemExit(3)")

    assert ended.code == 3
    assert 200 * MIB < ended.peak_kib < 260 * MIB


def test_so_does_that_of_a_process_that_it_starts():
    ended = peak_of(
        "import subprocess, sys;"
        "subprocess.run([sys.executable, '-S', '-c', \"x = bytearray(b'x') * (200 << 20)\"])"
    )

    assert 200 * MIB < ended.peak_kib < 260 * MIB
