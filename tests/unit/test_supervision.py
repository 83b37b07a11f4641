"""How queues are shared out among processes, and when a child is replaced."""

import sys
import time

import pytest

from events.supervision import children, supervisors
from events.supervision.children import Child
from events.supervision.supervisor import shared_out


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        (1, [["a", "b", "c"]]),
        (2, [["a", "c"], ["b"]]),
        (3, [["a"], ["b"], ["c"]]),
        (64, [["a"], ["b"], ["c"]]),
    ],
)
def test_every_queue_is_served_once_by_at_most_so_many_processes(processes, expected):
    assert shared_out(["a", "b", "c"], processes) == expected


def test_without_queues_no_process_is_needed():
    assert shared_out([], 4) == []


@pytest.fixture
def child(monkeypatch, caplog):
    """A child that runs a line of Python instead of a command."""

    def make(line):
        child = Child("the child", ["worker"])
        child._command = [sys.executable, "-c", line]
        made.append(child)
        child.start_if_due()
        return child

    made = []
    yield make
    for child in made:
        child.kill()


def why(child):
    end = time.monotonic() + 10
    while time.monotonic() < end and not child.why_it_must_be_replaced():
        time.sleep(0.01)
    return child.why_it_must_be_replaced()


def test_a_child_that_works_is_left_alone(child):
    assert child("import time; time.sleep(60)").why_it_must_be_replaced() == ""


def test_it_says_how_a_child_ended(child):
    import_os = "import os, signal; "

    assert why(child("raise SystemExit(3)")) == "ended with exit code 3"
    assert why(child(import_os + "os.kill(os.getpid(), 9)")) == "was killed by signal 9"


def test_a_replaced_child_is_logged_with_its_pid_and_the_reason_and_started_again(child, caplog):
    killed = child("import time; time.sleep(60)")
    killed._started_at -= children.QUICK_END
    pid = killed.pid

    killed.replace("was killed by signal 9")
    killed.start_if_due()

    assert f"the child (pid {pid}) was killed by signal 9: replaced" in caplog.text
    assert killed.pid not in {None, pid}


def test_a_child_that_fails_at_each_start_is_started_less_and_less_often(child):
    failing = child("raise SystemExit(1)")
    pauses = []

    for _ in range(9):
        failing.replace("ended with exit code 1")
        pauses.append(failing._start_at - time.monotonic())
        failing._start_at = 0.0
        failing.start_if_due()

    assert [round(p, 1) for p in pauses] == sorted(round(p, 1) for p in pauses)
    assert pauses[0] < 1
    assert children.LONGEST_PAUSE - 1 < pauses[-1] <= children.LONGEST_PAUSE


def test_a_supervisor_is_seen_alive_by_others_until_it_ends(settings, tmp_path):
    settings.VAR_DIR = tmp_path

    before = supervisors.any_alive()
    with supervisors.counted(), supervisors.counted():
        during = supervisors.any_alive()

    assert (before, during, supervisors.any_alive()) == (False, True, False)
