"""
The places of the concurrency limit: all for one tenant, a fair share for several, none forgotten.

Calls end when the test says so, never after a time: what is shown is the order of things, which no
load of the machine can change.
"""

import random
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from django.db import Error, connection, connections
from django.utils import timezone

from events.delivery import recovery
from events.postgresql.advisory_locks import key_of
from events.workers import ending, liveness
from tests.acceptance.product import wait_until
from tests.concurrency import end_all_backends, together
from tests.processes import SetUpPython
from vision.limits import places
from vision.limits.concurrency import Caller, LimitReached, acquire
from vision.models import ConcurrencyPlace

pytestmark = pytest.mark.django_db(transaction=True)

PLACES, SHARE = 10, 3
PATIENCE = timedelta(minutes=2)
SOON = 15
"""Seconds after which what should have happened at once has not."""


class Calls:
    """Callers in threads; each holds its place until the test ends its call, and comes again."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.held: dict[threading.Event, str] = {}
        self.order: list[str] = []
        self.most = 0
        self.over = threading.Event()
        self.threads: list[threading.Thread] = []

    def come(self, tenant: str, callers: int, *, most: int = PLACES) -> None:
        for _ in range(callers):
            self.threads.append(threading.Thread(target=self._call, args=(tenant, most)))
            self.threads[-1].start()

    def counts(self) -> Counter[str]:
        with self.guard:
            return Counter(self.held.values())

    def end_one(self, tenant: str) -> str:
        """End a call of the tenant; returns whose call came in its place."""
        with self.guard:
            ended = next(event for event, of in self.held.items() if of == tenant)
            before = len(self.order)
        ended.set()
        assert wait_until(lambda: len(self.order) > before, seconds=SOON, step=0.005)
        return self.order[before]

    def end_all(self) -> None:
        self.over.set()
        for event in list(self.held):
            event.set()
        for thread in self.threads:
            thread.join()

    def _call(self, tenant: str, most: int) -> None:
        of = Caller(tenant, SHARE, most)
        while not self.over.is_set():
            with (
                suppress(LimitReached, Error),
                acquire("places", limit=PLACES, of=of, patience=PATIENCE),
            ):
                self._hold(tenant)
        connections.close_all()

    def _hold(self, tenant: str) -> None:
        ended = threading.Event()
        with self.guard:
            self.held[ended] = tenant
            self.order.append(tenant)
            self.most = max(self.most, len(self.held))
        while not (ended.wait(0.1) or self.over.is_set()):
            pass
        with self.guard:
            del self.held[ended]


@pytest.fixture
def calls():
    calls = Calls()
    yield calls
    calls.end_all()
    assert not ConcurrencyPlace.objects.exists()


def all_taken(calls: Calls) -> bool:
    return wait_until(lambda: calls.counts().total() == PLACES, seconds=SOON, step=0.005)


def is_somebody_first() -> bool:
    """Whether a caller has seen that it goes before others; looks, and takes no lock."""
    with connection.cursor() as cursor:
        cursor.execute(liveness._HELD, [[key_of("places:first")]])
        return cursor.fetchone() is not None


def queued_up(calls: Calls, *tenants: str) -> list[str]:
    """Tenants below their share, once the first of them has seen that it may go before others."""
    short = [tenant for tenant in tenants if calls.counts()[tenant] < SHARE]
    if short:
        assert wait_until(is_somebody_first, seconds=SOON, step=0.005), calls.counts()
    return short


@pytest.mark.parametrize("seed", range(2))
def test_who_is_below_its_share_gets_the_next_place_whichever_calls_end(calls, seed):
    chance = random.Random(seed)
    calls.come("a", 14)
    assert all_taken(calls)
    assert calls.counts() == {"a": PLACES}
    calls.come("b", 5)
    calls.come("c", 5)

    for step in range(36):
        short = queued_up(calls, "a", "b", "c")
        who = "a" if step < 2 * SHARE else chance.choice(list(calls.held.values()))
        came = calls.end_one(who)
        assert not short or came in short, (step, short, came)
        assert calls.counts().total() == PLACES
        if step >= 2 * SHARE:
            missing = sum(max(0, SHARE - calls.counts()[tenant]) for tenant in "abc")
            assert missing <= 1, (step, calls.counts())

    assert calls.most == PLACES


@pytest.mark.costly
def test_one_tenant_has_all_places_and_no_more(calls):
    calls.come("a", 20)
    assert all_taken(calls)

    for _ in range(10):
        assert calls.end_one("a") == "a"

    assert calls.counts() == {"a": PLACES}
    assert calls.most == PLACES


@pytest.mark.costly
def test_a_tenant_with_a_limit_of_its_own_leaves_the_rest_to_others(calls):
    calls.come("a", 6, most=2)
    calls.come("b", 14)
    assert all_taken(calls)
    assert calls.counts() == {"a": 2, "b": 8}

    for who in "abbabbaabbb":
        short = calls.counts()["a"] < 2 and queued_up(calls, "a")
        came = calls.end_one(who if who in calls.held.values() else "b")
        assert calls.counts().total() == PLACES
        assert calls.counts()["a"] <= 2
        assert not short or came == "a"

    assert calls.most == PLACES


@pytest.mark.parametrize("lowered", [{"most": 2}, {"limit": 2}])
def test_a_limit_that_was_lowered_meanwhile_counts_the_calls_in_progress(lowered):
    limits = {"limit": PLACES, "most": PLACES}
    first, *others = [places.take("places", tenant="one", **limits) for _ in range(3)]
    places.give_back(first)

    assert places.take("places", tenant="one", **limits | lowered) is None
    places.give_back(others[0])
    last = places.take("places", tenant="one", **limits | lowered)

    assert last is not None
    for place in (*others[1:], last):
        places.give_back(place)


def test_a_place_that_nobody_else_waits_for_goes_to_whoever_does(calls):
    calls.come("a", 2)
    calls.come("b", 20)

    assert all_taken(calls)
    assert calls.counts() == {"a": 2, "b": 8}


def test_who_waits_too_long_is_told_so_and_leaves_nothing_behind():
    of, taken, over = Caller("a", 3, 1), threading.Event(), threading.Event()

    def hold():
        with acquire("places", limit=1, of=of):
            taken.set()
            over.wait(SOON)

    def give_up():
        taken.wait(SOON)
        try:
            with acquire("places", limit=1, of=of, patience=timedelta(seconds=0.1)):
                pass
        finally:
            over.set()

    raised = together(hold, give_up)

    assert [type(error) for error in raised] == [LimitReached]
    assert together(hold) == []


def _waiting() -> int:
    """How many sessions wait for an advisory lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return cursor.fetchone()[0]


def test_who_waits_gives_up_at_once_when_the_process_is_to_end(monkeypatch):
    monkeypatch.setattr(ending, "_asked", False)
    taken, over, ended = threading.Event(), threading.Event(), []
    of = Caller("a", 3, 1)

    def hold():
        with acquire("places", limit=1, of=of):
            taken.set()
            over.wait(SOON)

    def wait(is_recent):
        taken.wait(SOON)
        try:
            with acquire("places", limit=1, of=of, is_recent=is_recent, patience=PATIENCE):
                pass
        finally:
            ended.append(is_recent)

    def end():
        assert wait_until(lambda: _waiting() >= 3, seconds=SOON)
        ending.ask()
        in_time = wait_until(lambda: len(ended) == 4, seconds=5)
        over.set()
        assert in_time

    raised = together(
        hold, end, *(partial(wait, is_recent) for is_recent in (True, True, False, False))
    )

    assert [str(error) for error in raised] == ["the process is about to end"] * 4
    with pytest.raises(LimitReached), acquire("places", limit=1, of=of):
        pass


class TestBrokenConnections:
    @pytest.mark.costly
    def test_calls_in_progress_keep_their_places_when_all_connections_break(self, calls):
        calls.come("a", 13)
        assert all_taken(calls)
        calls.come("b", 6)
        while queued_up(calls, "b"):  # or the next place would be one of its share
            assert calls.end_one("a") == "b"

        for _ in range(4):
            end_all_backends()
            time.sleep(0.3)  # for whoever would take a place that seems to be free
        calls.come("c", 3)
        queued_up(calls, "c")

        assert calls.most == PLACES
        assert calls.end_one(next(iter(calls.held.values()))) == "c"
        assert calls.most == PLACES

    @pytest.mark.costly
    def test_places_that_nobody_could_give_back_are_free_again_in_a_moment(self, calls):
        calls.come("a", 13)
        assert all_taken(calls)

        def fail(*_, **__):
            raise Error("server closed the connection unexpectedly")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ConcurrencyPlace.objects, "filter", fail)
            for event in list(calls.held)[:5]:
                event.set()
            assert wait_until(lambda: calls.counts().total() == PLACES - 5, seconds=SOON)

        assert all_taken(calls)
        assert calls.most == PLACES

    def test_a_place_whose_taking_looked_like_an_error_is_not_lost(self, monkeypatch):
        """PostgreSQL wrote it, and the connection broke before it could say so."""
        insert = places._insert

        def insert_and_break(*args, **kwargs):
            insert(*args, **kwargs)
            raise Error("server closed the connection unexpectedly")

        monkeypatch.setattr(places, "_insert", insert_and_break)
        with pytest.raises(Error):
            places.take("places", limit=1, tenant="a", most=1)
        monkeypatch.undo()

        assert places.take("places", limit=1, tenant="a", most=1) is None
        assert places.release_forgotten(now=timezone.now()) == 1
        place = places.take("places", limit=1, tenant="a", most=1)
        assert place
        places.give_back(place)


HOLDER = """
import django, sys, time
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from vision.limits.concurrency import Caller, acquire
with acquire("places", limit=1, of=Caller("a", 1, 1)):
    print("held", flush=True)
    sys.stdin.readline()
"""


class TestKilledWorkers:
    @pytest.fixture
    def holder(self):
        holder = SetUpPython(
            "-c", HOLDER, connection.settings_dict["NAME"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()
        holder.communicate()

    @pytest.fixture(autouse=True)
    def _quickly(self, monkeypatch):
        liveness.stop()
        monkeypatch.setattr(liveness, "CHECK_EVERY", 0.05)
        monkeypatch.setattr(liveness, "GONE_AFTER", 1.0)
        yield
        liveness.stop()

    def test_the_place_of_a_killed_worker_is_free_when_it_counts_as_gone(self, holder):
        recovery.run_all()
        assert ConcurrencyPlace.objects.count() == 1
        holder.kill()

        assert wait_until(
            lambda: recovery.run_all() or not ConcurrencyPlace.objects.exists(), seconds=SOON
        )

    @pytest.mark.costly
    def test_who_waits_for_it_sees_that_by_itself(self, holder):
        """All workers may be waiting, and none come to its recoveries."""
        holder.kill()

        with acquire("places", limit=1, of=Caller("b", 1, 1), patience=PATIENCE):
            assert ConcurrencyPlace.objects.get().tenant == "b"
