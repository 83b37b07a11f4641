"""Who counts as alive: workers that were killed, restarted servers, broken connections."""

import io
import os
import signal
import subprocess
import time
import uuid
from datetime import timedelta

import psycopg
import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from albums.models import MediaGroup
from albums.services import claims as album_claims
from events import outbox, subscriptions
from events.delivery import claims, recovery, worker
from events.models import Delivery, DeliveryState
from events.postgresql import advisory_locks
from events.retry import Backoff
from events.subscriptions import Mode, subscribe
from events.workers import liveness
from tests import factories
from tests.acceptance.product import wait_until
from tests.concurrency import in_threads
from tests.integration.conftest import Ping
from tests.processes import SetUpPython

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = """
import django, sys
django.setup()
from django.db import connections
connections["default"].settings_dict["NAME"] = sys.argv[1]
from events.workers import liveness
print(liveness.worker_id(), flush=True)
sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def _own_keeper():
    liveness.stop()
    yield
    liveness.stop()


@pytest.fixture
def quickly(monkeypatch):
    """Seconds become tenths, where what counts is the order of things."""
    monkeypatch.setattr(liveness, "CHECK_EVERY", 0.05)
    monkeypatch.setattr(liveness, "GONE_AFTER", 1.0)


@pytest.fixture
def other():
    """Another worker, in a process of its own; its id is in `id`."""
    process = SetUpPython(
        "-c", OTHER, connection.settings_dict["NAME"], text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    process.id = uuid.UUID(process.stdout.readline().strip())
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def backends() -> list[int]:
    """The server processes of all keepers of this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s",
            [liveness.APPLICATION_NAME],
        )
        return [pid for (pid,) in cursor.fetchall()]


def end(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def is_locked(worker_id: uuid.UUID) -> bool:
    """Whether the lock of the worker is held, without taking it."""
    with connection.cursor() as cursor:
        cursor.execute(liveness._HELD, [[advisory_locks.key_of(f"worker:{worker_id}")]])
        return cursor.fetchone() is not None


class TestWorkerId:
    def test_it_stays_the_same_and_its_lock_is_held(self):
        mine = liveness.worker_id()

        assert liveness.worker_id() == mine
        assert is_locked(mine)

    def test_closing_every_connection_of_django_lets_nothing_go(self):
        mine = liveness.worker_id()

        connections.close_all()

        assert is_locked(mine)

    def test_stopping_lets_the_lock_go_and_the_next_id_is_another(self):
        mine = liveness.worker_id()

        liveness.stop()

        # The server learns of it a moment later.
        assert wait_until(lambda: not is_locked(mine), seconds=5)
        assert liveness.worker_id() != mine

    def test_a_forked_process_is_a_worker_of_its_own_and_keeps_nothing_of_its_parent(self):
        mine = liveness.worker_id()
        read, write = os.pipe()

        if not (child := os.fork()):
            os.write(write, str(liveness._keeper).encode())
            time.sleep(60)
            os._exit(0)
        said = os.read(read, 100)
        liveness.stop()
        let_go = wait_until(lambda: not is_locked(mine), seconds=5)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)

        assert said == b"None"
        assert let_go, "the child kept the connection of its parent open"

    def test_without_a_connection_there_is_no_id_but_an_error_of_the_database(self, monkeypatch):
        def refuse(*_):
            raise psycopg.OperationalError("sorry, too many clients already")

        monkeypatch.setattr(liveness, "RETAKEN_WITHIN", 0.2)
        monkeypatch.setattr(type(connections["default"]), "get_new_connection", refuse)

        with pytest.raises(OperationalError):
            liveness.worker_id()


class TestGone:
    def test_a_living_worker_is_not_gone(self, other, quickly):
        assert not wait_until(lambda: liveness.is_gone(other.id), seconds=3)

    def test_a_killed_worker_is_gone_after_ten_seconds_and_not_before(self, other):
        liveness.is_gone(other.id)
        time.sleep(2)
        other.kill()
        killed = time.monotonic()

        gone = wait_until(lambda: liveness.is_gone(other.id), seconds=20)
        seconds = time.monotonic() - killed

        assert gone
        assert 9.5 <= seconds <= 15

    @pytest.mark.costly
    def test_a_worker_never_seen_alive_is_gone_after_ten_seconds_too(self, quickly):
        assert not liveness.is_gone(nobody := uuid.uuid4())
        assert wait_until(lambda: liveness.is_gone(nobody), seconds=5)

    @pytest.mark.costly
    def test_this_worker_is_never_gone_to_itself(self, quickly):
        assert not wait_until(lambda: liveness.is_gone(liveness.worker_id()), seconds=2)

    @pytest.mark.costly
    def test_a_lock_that_was_free_for_less_than_that_counts_from_the_start_again(
        self, quickly, monkeypatch
    ):
        someone = uuid.uuid4()
        liveness.is_gone(someone)
        time.sleep(0.7)

        with advisory_locks.held(f"worker:{someone}"):
            time.sleep(0.3)
        back = time.monotonic()
        assert not liveness.is_gone(someone)
        assert wait_until(lambda: liveness.is_gone(someone), seconds=5, step=0.02)

        assert time.monotonic() - back >= 0.9

    @pytest.mark.costly
    def test_what_was_not_watched_without_a_break_counts_for_nothing(self, quickly, monkeypatch):
        monkeypatch.setattr(liveness, "MAX_GAP", 0.01)

        assert not wait_until(lambda: liveness.is_gone(uuid.UUID(int=1)), seconds=3)

    @pytest.mark.costly
    def test_looking_takes_no_lock_so_that_the_owner_can_always_take_it(self, quickly):
        someone = uuid.uuid4()
        liveness.is_gone(someone)
        end_at = time.monotonic() + 2

        while time.monotonic() < end_at:
            with advisory_locks.try_held(f"worker:{someone}") as taken:
                assert taken


class TestBrokenConnection:
    @pytest.mark.costly
    def test_the_lock_is_taken_again_within_five_seconds(self):
        mine = liveness.worker_id()

        for _ in range(3):
            [backend] = backends()
            end(backend)
            assert not is_locked(mine)
            assert wait_until(lambda: is_locked(mine), seconds=liveness.RETAKEN_WITHIN)

        assert liveness.worker_id() == mine

    @pytest.mark.parametrize(
        ("gone_after", "seconds"), [(5, 6), pytest.param(10, 13, marks=pytest.mark.long)]
    )
    def test_others_do_not_count_it_as_gone_meanwhile(
        self, other, gone_after, seconds, monkeypatch
    ):
        monkeypatch.setattr(liveness, "GONE_AFTER", gone_after)
        liveness.is_gone(other.id)
        mine = liveness.worker_id()
        seen = []

        end_at = time.monotonic() + seconds
        while time.monotonic() < end_at:
            for backend in backends():
                end(backend)
            time.sleep(2)
            seen += [liveness.is_gone(other.id), liveness.is_gone(mine)]

        assert not any(seen)

    def test_the_server_notices_by_itself_that_a_host_has_no_power(self):
        """The settings of the session, which count for TCP only."""
        liveness.worker_id()
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
        settings = liveness._SERVER

        idle, interval, count = (
            int(settings.split(f"tcp_keepalives_{name}', '")[1][0])
            for name in ("idle", "interval", "count")
        )

        assert idle + interval * count <= 10


def listen(handler=None, **options):
    heard = []

    def note(event, *, now):
        heard.append(event.number)
        return handler(event) if handler else "heard"

    subscribe(Ping, name="test.listen", **options)(note)
    return heard


def publish(*events):
    with transaction.atomic():
        return outbox.publish_many(events)


@pytest.fixture
def leased_by_other(ping, other):
    """A delivery that the other worker has leased for an hour."""

    def lease(**options):
        heard = listen(mode=Mode.LEASED, lease=timedelta(hours=1), **options)
        publish(ping(1))
        again()
        return heard

    def again():
        [subscription] = subscriptions.registered(queue="default")[-1:]
        leased = claims.lease(subscription, limit=10, now=timezone.now())
        claims.drop(leased)
        Delivery.objects.filter(state="leased").update(leased_by=other.id)

    lease.again = again
    return lease


@pytest.fixture
def only_ping():
    subscriptions._registry.clear()


@pytest.mark.usefixtures("only_ping")
class TestLeases:
    @pytest.mark.long  # the next one does the same in a second
    def test_the_delivery_of_a_killed_worker_goes_on_within_twenty_seconds(
        self, leased_by_other, other
    ):
        heard = leased_by_other()
        other.kill()
        killed = time.monotonic()

        def go_on():
            recovery.run_all()
            worker.drain("default")
            return heard

        assert wait_until(go_on, seconds=20, step=recovery.EVERY)
        assert time.monotonic() - killed >= 9
        assert Delivery.objects.get().attempts == 2

    @pytest.mark.costly
    def test_a_drain_until_idle_takes_up_what_a_killed_worker_had(
        self, leased_by_other, other, quickly
    ):
        heard = leased_by_other()
        other.kill()
        started = time.monotonic()

        call_command("drain", "--until-idle", stdout=io.StringIO(), stderr=io.StringIO())

        assert heard == [1]
        assert time.monotonic() - started <= 20

    def test_the_delivery_of_a_living_worker_is_left_alone(self, leased_by_other, quickly):
        heard = leased_by_other()
        end_at = time.monotonic() + 4

        while time.monotonic() < end_at:
            recovery.run_all()
            worker.drain("default")
            time.sleep(0.1)

        assert heard == []
        assert Delivery.objects.get().state == DeliveryState.LEASED

    @pytest.mark.costly
    def test_a_delivery_that_kills_its_workers_becomes_a_dead_letter(
        self, leased_by_other, other, quickly
    ):
        heard = leased_by_other(backoff=Backoff(max_attempts=2))
        other.kill()
        released = Delivery.objects.filter(state="pending")
        for _ in range(2):
            assert wait_until(lambda: recovery.run_all() or released.exists(), seconds=10)
            leased_by_other.again()

        dead = Delivery.objects.get(subscriber="test.listen")
        assert (dead.state, dead.error_code, heard) == ("dead", "worker_lost", [])

    @pytest.mark.costly
    def test_the_killed_worker_that_lives_after_all_settles_nothing_of_its_successor(
        self, leased_by_other, other, quickly
    ):
        leased_by_other()
        before = list(Delivery.objects.all())
        other.kill()
        assert wait_until(
            lambda: recovery.run_all() or Delivery.objects.filter(state="pending"), seconds=10
        )

        with transaction.atomic():
            assert claims.still_leased(before) == set()

    def test_a_lease_whose_commit_looked_like_an_error_is_not_kept_for_its_whole_time(
        self, ping, monkeypatch
    ):
        """PostgreSQL wrote it, the worker saw a broken connection: it lives, and knows nothing."""
        heard = listen(mode=Mode.LEASED, lease=timedelta(hours=1))
        publish(ping(1))
        [subscription] = subscriptions.registered(queue="default")
        claims.drop(claims.lease(subscription, limit=1, now=timezone.now()))

        recovery.run_all()
        worker.drain("default")

        assert heard == [1]

    def test_what_a_thread_of_this_process_works_at_is_left_to_it(self, ping):
        recovered = []

        def slow(_):
            in_threads(recovery.run_all)
            recovered.append(Delivery.objects.get().state)
            return "ok"

        heard = listen(slow, mode=Mode.LEASED)
        publish(ping(1))

        worker.drain("default")

        assert (heard, recovered) == ([1], ["leased"])

    def test_what_was_not_begun_when_a_worker_ends_is_due_at_once_and_was_no_attempt(self, ping):
        heard = listen(mode=Mode.LEASED)
        publish(ping(1), ping(2), ping(3))

        worker.drain("default", proceed=lambda: not heard)

        assert heard == [1]
        left = Delivery.objects.filter(state="pending", due_at__lte=timezone.now())
        assert list(left.values_list("attempts", "leased_by")) == [(0, None)] * 2


def album(**claim) -> MediaGroup:
    group = factories.album(pictures=[])
    until = timezone.now() + timedelta(hours=1)
    MediaGroup.objects.filter(pk=group.pk).update(claimed_until=until, **claim)
    return group


class TestAlbums:
    def test_the_album_of_a_killed_worker_is_free_as_soon_as_that_is_gone(self, other, quickly):
        group = album(claimed_by=other.id)
        other.kill()

        free = wait_until(
            lambda: (
                recovery.run_all()
                or MediaGroup.objects.filter(pk=group.pk, claimed_until=None, claimed_by=None)
            ),
            seconds=20,
        )

        assert free
        assert album_claims.claim(MediaGroup.objects.get(), now=timezone.now())

    @pytest.mark.costly
    def test_the_album_of_a_living_worker_stays_its_own(self, other, quickly):
        album(claimed_by=other.id)

        for _ in range(20):
            recovery.run_all()
            time.sleep(0.1)

        assert not album_claims.claim(MediaGroup.objects.get(), now=timezone.now())
