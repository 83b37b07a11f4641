"""`make serve`: what it has started ends with it, in whatever way it ends."""

import os
import pty
import signal
import subprocess
import sys
import time
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
    words = ["setsid", "--ctty", *before, sys.executable, SERVE, "-f", "Procfile", "start"]
    process = subprocess.Popen(words, cwd=folder, stdin=its, stdout=its, stderr=its)
    os.close(its)
    return process, ours


def sleepers(folder):
    found = (one for one in psutil.process_iter(["name", "cwd"]) if one.info["name"] == "sleep")
    return [one for one in found if one.info["cwd"] == str(folder)]


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


def test_nohup_means_what_it_says(started, procfile):
    process, terminal = started("nohup")

    os.close(terminal)
    time.sleep(1)

    assert len(sleepers(procfile)) == 2
    process.terminate()
    assert process.wait(timeout=20) == 128 + signal.SIGTERM
    assert not sleepers(procfile)
