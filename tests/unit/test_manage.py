"""`manage.py` as part of a pipe: whoever reads may have seen enough."""

import os
import signal
import subprocess
import sys

import manage
from tests.processes import ROOT


def test_who_has_seen_enough_ends_a_command_without_a_word():
    reads, writes = os.pipe()
    os.close(reads)

    done = subprocess.run(
        [sys.executable, "manage.py", "version"],
        cwd=ROOT, stdout=writes, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writes)

    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_a_pipe_that_broke_elsewhere_is_no_reader_that_left():
    reads, writes = os.pipe()
    assert not manage._has_no_reader(writes)
    os.close(reads)
    assert manage._has_no_reader(writes)
    os.close(writes)
