"""Advisory locks: who gets them, who waits, and what is left of them when a connection breaks."""

import random
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, ProgrammingError, connection, connections, transaction
from django.db.transaction import TransactionManagementError

from events.postgresql import advisory_locks
from events.postgresql.advisory_locks import LockTimeout
from tests.concurrency import in_threads, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _another_connection_afterwards():
    yield
    connection.close()


def held_by_others(name):
    """Whether the lock is taken, as a connection of its own sees it."""
    seen = []
    in_threads(lambda: seen.append(advisory_locks.is_held(name)))
    return seen[0]


def kill_backend():
    """End this thread's connection from the server's side, as a restart or an operator does."""
    pid = connection.connection.info.backend_pid

    def terminate():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    in_threads(terminate)


class Holder:
    """A thread that holds a lock until it is told to let go."""

    def __init__(self, name):
        self._name, self._taken, self._over = name, threading.Event(), threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._hold)
        self._thread.start()
        assert self._taken.wait(10)
        return self

    def _hold(self):
        with advisory_locks.held(self._name):
            self._taken.set()
            self._over.wait(10)
        connections.close_all()

    def let_go(self):
        self._over.set()
        self._thread.join()

    def __exit__(self, *_):
        self.let_go()


class TestHolding:
    @pytest.mark.parametrize("take", [advisory_locks.held, advisory_locks.try_held])
    def test_a_lock_is_held_inside_the_block_only(self, take):
        with take("x"):
            inside = held_by_others("x")

        assert (inside, held_by_others("x")) == (True, False)

    def test_it_is_given_back_when_the_block_fails(self):
        with pytest.raises(KeyError), advisory_locks.held("x"):
            raise KeyError

        assert not held_by_others("x")

    def test_whoever_waits_gets_it_next(self):
        with Holder("x") as holder:
            waiter = threading.Timer(0.2, holder.let_go)
            waiter.start()
            with advisory_locks.held("x"):
                assert held_by_others("x")
            waiter.join()

    def test_waiting_ends_when_its_time_is_over(self):
        with Holder("x"):
            started = time.monotonic()
            with (
                pytest.raises(LockTimeout),
                advisory_locks.held("x", timeout=timedelta(milliseconds=100)),
            ):
                pass

        assert 0.1 <= time.monotonic() - started < 5

    def test_the_time_limit_is_for_that_lock_alone(self):
        with advisory_locks.held("x", timeout=timedelta(seconds=1)), connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")

            assert cursor.fetchone() == ("0",)
            assert held_by_others("x")
        assert not held_by_others("x")

    def test_trying_does_not_wait(self):
        with Holder("x"), advisory_locks.try_held("x") as mine:
            assert mine is False

    def test_what_was_not_taken_is_not_given_back(self):
        with Holder("x"):
            with advisory_locks.try_held("x"):
                pass

            assert held_by_others("x")

    def test_names_are_independent(self):
        with Holder("x"), advisory_locks.try_held("y") as mine:
            assert mine is True


class TestFirstFree:
    def test_it_takes_the_first_that_is_free_and_no_other(self):
        with Holder("a"), advisory_locks.first_free(["a", "b", "c"]) as taken:
            assert taken == "b"
            assert [held_by_others(name) for name in "abc"] == [True, True, False]

        assert not held_by_others("b")

    def test_it_takes_none_where_all_are_held(self):
        with Holder("a"), Holder("b"), advisory_locks.first_free(["a", "b"]) as taken:
            assert taken is None

    def test_it_takes_one_statement(self, django_assert_num_queries):
        names = [f"n{number}" for number in range(20)]

        with django_assert_num_queries(2), advisory_locks.first_free(names):  # take, give back
            pass

    def test_racing_connections_get_different_ones(self):
        taken, everybody = [], threading.Barrier(4)

        def take():
            with advisory_locks.first_free(["a", "b", "c", "d"]) as name:
                taken.append(name)
                everybody.wait(10)

        in_threads(*[take] * 4)

        assert sorted(taken) == ["a", "b", "c", "d"]


class TestTransactions:
    def test_a_turn_ends_with_the_transaction(self):
        with transaction.atomic():
            advisory_locks.in_turn("x")
            inside = held_by_others("x")

        assert (inside, held_by_others("x")) == (True, False)

    def test_outside_a_transaction_there_is_no_turn(self):
        with pytest.raises(TransactionManagementError):
            advisory_locks.in_turn("x")

    def test_waiting_until_a_lock_is_free_keeps_nothing(self):
        with Holder("x") as holder, transaction.atomic():
            waiter = threading.Timer(0.2, holder.let_go)
            waiter.start()
            started = time.monotonic()
            advisory_locks.wait_until_free("x")

            assert time.monotonic() - started >= 0.1
            assert not held_by_others("x")
            waiter.join()

    def test_a_lock_found_free_stays_free_until_the_transaction_ends(self):
        def take():
            with advisory_locks.held("x", timeout=timedelta(milliseconds=50)):
                pass

        with transaction.atomic():
            assert advisory_locks.is_held("x") is False
            raised = together(take)

        assert [type(error) for error in raised] == [LockTimeout]


@pytest.mark.parametrize(
    "take",
    [
        advisory_locks.held,
        advisory_locks.try_held,
        lambda name: advisory_locks.first_free([name]),
        lambda name: advisory_locks.held(name, timeout=timedelta(seconds=1)),
    ],
)
class TestBrokenConnections:
    """Giving back never raises: the first error is the one that is seen."""

    def test_the_first_error_survives_a_killed_backend(self, take):
        with pytest.raises(KeyError, match="the cause"), take("x"):
            kill_backend()
            raise KeyError("the cause")

        assert not held_by_others("x")

    def test_the_error_of_a_query_survives_too(self, take):
        with pytest.raises(OperationalError), take("x"), connection.cursor() as cursor:
            kill_backend()
            cursor.execute("SELECT 1")

        assert not held_by_others("x")

    def test_after_a_killed_backend_django_connects_anew(self, take):
        with take("x"):
            kill_backend()

        connection.close_if_unusable_or_obsolete()
        with take("x"):
            assert held_by_others("x")

    def test_a_closed_connection_has_let_its_locks_go(self, take):
        with take("x"):
            connection.close()

        assert not held_by_others("x")

    def test_a_new_connection_is_not_asked_to_unlock_what_it_never_held(self, take):
        with take("x"):
            connection.close()
            with advisory_locks.held("x"):  # the new connection's own
                pass
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [advisory_locks.key_of("x")])

        assert held_by_others("x")

    def test_the_error_of_a_failed_transaction_survives_and_the_lock_is_free(self, take):
        with (
            pytest.raises(ProgrammingError),
            transaction.atomic(),
            take("x"),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT nothing FROM nowhere")

        assert not held_by_others("x")

    def test_a_transaction_on_a_killed_backend_does_not_pass_for_committed(self, take):
        with pytest.raises(OperationalError), transaction.atomic(), take("x"):
            kill_backend()


class TestTimeRunsOut:
    @pytest.mark.costly
    def test_a_lock_that_was_granted_at_that_moment_is_given_back(self):
        """PostgreSQL reports a timeout then, and leaves the lock: once in some twenty of these."""
        with _lock_that_others_take_in_turn("x"):
            timeouts = [_waits_in_vain("x") for _ in range(1500)].count(True)

        assert timeouts > 100, "the time ran out too seldom to show anything"


def _waits_in_vain(name):
    try:
        with advisory_locks.held(name, timeout=timedelta(milliseconds=1)):
            return False
    except LockTimeout:
        assert not _own_advisory_locks()
        return True


def _own_advisory_locks():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )
        return cursor.fetchall()


@contextmanager
def _lock_that_others_take_in_turn(name):
    over = threading.Event()

    def take_in_turn():
        while not over.is_set():
            with advisory_locks.held(name):
                time.sleep(0.002 * random.random())
            time.sleep(0.0002)
        connections.close_all()

    others = [threading.Thread(target=take_in_turn) for _ in range(2)]
    for thread in others:
        thread.start()
    try:
        yield
    finally:
        connection.close()  # with whatever it holds, or the others would wait for ever
        over.set()
        for thread in others:
            thread.join()
