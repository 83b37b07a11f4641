"""How queues are shared out among processes, how they begin, and when a child is replaced."""

import io
import os
import random
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from events.supervision import children, forks, supervisors, worker_process
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


@pytest.mark.parametrize(
    ("queues", "expected"),
    [
        (["search", "search_meaning", "graph", "tagging"], True),
        (["default"], False),
        (["search_meaning", "vision"], False),  # its threads would hold up those of the pictures
        (["nobody subscribes"], False),
    ],
)
def test_only_who_serves_nothing_but_projections_makes_way(queues, expected):
    assert worker_process.makes_way(queues) is expected


def test_who_makes_way_is_nice_to_others(child):
    made = child(
        "from events.supervision import worker_process as w; w._go_last(); import time; time.sleep(60)"
    )
    end = time.monotonic() + 10
    while (
        time.monotonic() < end and psutil.Process(made.pid).nice() < worker_process.PROJECTIONS_NICE
    ):
        time.sleep(0.01)
    assert psutil.Process(made.pid).nice() >= worker_process.PROJECTIONS_NICE


@pytest.fixture
def child(caplog):
    """A child whose work is a line of Python."""

    def make(line):
        child = Child("the child", lambda: exec(line, {}), title="child")  # noqa: S102 - our own
        made.append(child)
        child.start_if_due()
        return child

    made = []
    yield make
    for child in made:
        child.kill()


def test_a_child_that_cannot_be_started_for_now_ends_nobody(child, monkeypatch, caplog):
    """Its supervisor ended with an error, and left all others alone: no memory, too many processes."""
    fork, refusals = os.fork, [BlockingIOError(11, "Resource temporarily unavailable")]

    def fork_later():
        if refusals:
            raise refusals.pop()
        return fork()

    monkeypatch.setattr(os, "fork", fork_later)
    made = child("import time; time.sleep(60)")
    assert (made.pid, made.why_it_must_be_replaced(), made.has_ended()) == (None, "", True)
    assert "temporarily unavailable" in caplog.text
    made.start_if_due()
    assert made.pid is None  # the next attempt comes after a pause

    made._start_at = 0.0
    made.start_if_due()

    assert psutil.pid_exists(made.pid)


def why(child):
    end = time.monotonic() + 10
    while time.monotonic() < end and not child.why_it_must_be_replaced():
        time.sleep(0.01)
    return child.why_it_must_be_replaced()


def test_a_child_that_works_is_left_alone(child):
    assert child("import time; time.sleep(60)").why_it_must_be_replaced() == ""


def test_it_says_how_a_child_ended(child):
    assert why(child("raise SystemExit(3)")) == "ended with exit code 3"
    assert why(child("raise SystemExit('why')")) == "ended with exit code 1"
    assert why(child("raise SystemExit")) == "ended with exit code 0"
    assert why(child("1 / 0")) == "ended with exit code 1"
    assert why(child("import os; os.kill(os.getpid(), 9)")) == "was killed by signal 9"


def test_a_replaced_child_is_logged_with_its_pid_and_the_reason_and_started_again(child, caplog):
    killed = child("import time; time.sleep(60)")
    killed._started_at -= children.QUICK_END
    pid = killed.pid

    killed.replace("was killed by signal 9")
    killed.start_if_due()

    assert f"the child (pid {pid}) was killed by signal 9: replaced" in caplog.text
    assert killed.pid not in {None, pid}


def test_fact_099_a_child_that_fails_at_each_start_is_started_less_and_less_often(child):
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


@pytest.fixture
def begin():
    """Begins work in a fork, which is killed at the end of the test."""

    def begin(work, *, title="a test", own_group=False):
        begun.append(forks.begin(work, title=title, own_group=own_group))
        return begun[-1]

    begun = []
    yield begin
    for pid in begun:
        os.kill(pid, signal.SIGKILL)  # also one that has ended, since nobody has waited for it
        os.waitpid(pid, 0)


def sleep():
    time.sleep(60)


def test_a_child_never_returns_into_the_code_of_its_parent(begin, tmp_path):
    parent, seen = os.getpid(), tmp_path / "seen"

    try:
        pid = begin(lambda: 1 / 0)
    finally:
        with seen.open("a") as file:
            file.write(f"{os.getpid()}\n")
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    assert seen.read_text() == f"{parent}\n"


class NobodyReads(io.StringIO):
    def flush(self):
        raise BrokenPipeError


def test_nor_does_one_whose_output_nobody_reads(begin, tmp_path):
    parent, seen = os.getpid(), tmp_path / "seen"

    def work():
        sys.stdout = NobodyReads()

    try:
        pid = begin(work)
    finally:
        with seen.open("a") as file:
            file.write(f"{os.getpid()}\n")
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    assert (seen.read_text(), ended.si_status) == (f"{parent}\n", 0)


@pytest.mark.costly
def test_a_signal_at_the_very_start_ends_the_child_and_reaches_no_handler_of_the_parent(begin):
    handled = []
    before = signal.signal(signal.SIGTERM, lambda *_: handled.append(os.getpid()))
    try:
        pids = [begin(sleep) for _ in range(30)]
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        ends = [os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT).si_status for pid in pids]
    finally:
        signal.signal(signal.SIGTERM, before)

    assert set(ends) == {signal.SIGTERM}
    assert handled == []


def test_a_signal_for_the_parent_is_still_heard_by_it(begin):
    handled = []
    before = signal.signal(signal.SIGTERM, lambda *_: handled.append(os.getpid()))
    try:
        begin(sleep)
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert handled == [os.getpid()]


def test_a_child_does_not_keep_the_lock_of_a_supervisor_that_is_gone(begin, settings, tmp_path):
    settings.VAR_DIR = tmp_path
    with supervisors.counted():
        pid = begin(sleep)
        assert supervisors.any_alive()

    assert psutil.pid_exists(pid)
    assert not _within_seconds(supervisors.any_alive, False)


def test_no_two_children_draw_the_same_numbers(begin, tmp_path):
    def draw():
        (tmp_path / str(os.getpid())).write_text(str(random.random()))

    for pid in [begin(draw) for _ in range(3)]:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    assert len({path.read_text() for path in tmp_path.iterdir()}) == 3


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="processes have no such name here")
def test_a_child_is_named_by_what_it_does_and_leads_a_group_where_it_has_to(begin):
    worker, scheduler = begin(sleep, title="worker default"), begin(sleep, own_group=True)

    named = _within_seconds(lambda: psutil.Process(worker).name(), "worker default")
    assert named == "worker default"
    assert os.getpgid(worker) == os.getpgrp()
    assert os.getpgid(scheduler) == scheduler


def _within_seconds(look, wanted):
    """What `look` returns, as soon as that is `wanted`, at the latest after ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end and look() != wanted:
        time.sleep(0.01)
    return look()
