"""`make serve`: what it has started ends with it, in whatever way it ends."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

SERVE = Path(__file__).parents[2] / "install" / "serve"


@pytest.fixture
def procfile(tmp_path):
    (tmp_path / "Procfile").write_text("one: exec sleep 61\ntwo: echo busy; exec sleep 62\n")
    return tmp_path


def serve(folder, *before):
    """Start it on a terminal of its own; returns its process and our end of the terminal."""
    ours, its = pty.openpty()
    # Whoever runs the tests by nohup hands that on to all that they start.
    heard = ["env", "--default-signal=HUP"]
    words = [*heard, "setsid", "--ctty", *before, sys.executable, SERVE, "-f", "Procfile", "start"]
    process = subprocess.Popen(words, cwd=folder, stdin=its, stdout=its, stderr=its)
    os.close(its)
    return process, ours


def knows_both(folder, terminal, told):
    """Whether it has told of both processes: until then honcho itself does not know whom to end."""
    with suppress(OSError):  # nohup has closed the other end
        if select.select([terminal], [], [], 0)[0]:
            told += os.read(terminal, 4096)
    log = folder / "nohup.out"  # where nohup leads what is for the terminal
    whole = told + (log.read_bytes() if log.exists() else b"")
    return whole.count(b"started (pid=") == 2


def sleepers(folder):
    found = [
        one for one in psutil.process_iter(["cmdline", "cwd"]) if one.info["cwd"] == str(folder)
    ]
    return [one for one in found if one.info["cmdline"] in (["sleep", "61"], ["sleep", "62"])]


def eventually(reached, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not reached():
        time.sleep(0.05)
    return reached()


@pytest.fixture
def started(procfile):
    made = []

    def start(*before):
        made.append(serve(procfile, *before))
        told = bytearray()
        assert eventually(lambda: knows_both(procfile, made[-1][1], told))
        assert eventually(lambda: len(sleepers(procfile)) == 2)
        return made[-1]

    yield start
    for process in sleepers(procfile):
        process.kill()
    for process, _ in made:
        process.kill()
        process.wait()


def test_a_terminal_that_is_closed_ends_all_of_it(started, procfile):
    """As by a connection of SSH that breaks off: web server and workers went on, out of reach."""
    process, terminal = started()

    os.close(terminal)

    assert process.wait(timeout=20) != 0
    assert eventually(lambda: not sleepers(procfile))


IGNORED = ("sh", "-c", 'trap "" HUP; exec "$@"', "sh")
"""Like nohup, but what is written still goes to the terminal."""


@pytest.mark.costly
@pytest.mark.parametrize("before", [("nohup",), IGNORED], ids=["nohup", "trap"])
def test_who_does_not_care_about_the_terminal_goes_on_without_it(started, procfile, before):
    """A web server writes all the time: by an error of that honcho died alone."""
    writes = "(while :; do echo busy; sleep 0.01; done)"
    (procfile / "Procfile").write_text(f"one: exec sleep 61\ntwo: {writes} & exec sleep 62\n")
    process, terminal = started(*before)

    os.close(terminal)
    time.sleep(1)

    assert len(sleepers(procfile)) == 2
    process.terminate()
    assert process.wait(timeout=20) == 128 + signal.SIGTERM
    assert eventually(lambda: not sleepers(procfile))
