"""The bus on the real PostgreSQL: each promise once, twice, interrupted and raced."""

import logging
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone
from django_q.models import OrmQ

from events import outbox, subscriptions
from events.delivery import claims, dead_letters, recovery, run, stats, worker
from events.errors import DomainError, RetryLater
from events.models import Delivery, DeliveryState, OutboxEvent
from events.outbox import pruning
from events.postgresql import one_trip
from events.retry import Backoff
from events.schemas import DeadLetterEventV1
from events.subscriptions import Mode, subscribe
from events.workers import liveness
from tests.concurrency import count_connections, end_all_backends, in_threads
from tests.integration.conftest import Ping

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timedelta(0)


def listen(handler=None, **options):
    """Subscribe to Ping; returns the list of numbers heard."""
    heard = []

    def note(event, *, now):
        heard.append(event.number)
        return handler(event) if handler else "heard"

    subscribe(Ping, name=options.pop("name", "test.listen"), **options)(note)
    return heard


def listen_in_batches(**options):
    """Subscribe a projection in a queue of its own; returns the batches that it was given."""
    batches = []

    def note(events, *, now):
        batches.append(events)
        return "noted"

    subscribe(Ping, name="test.gather", queue="projections", mode=Mode.PROJECTION, **options)(note)
    return batches


def publish(*events):
    with transaction.atomic():
        return outbox.publish_many(events)


def publish_from_elsewhere(*events):
    """Publish as another process does, which handles nothing."""
    in_threads(lambda: publish(*events))


def eventually(reached, *, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if reached():
            return True
        time.sleep(0.05)
    return bool(reached())


def end_other_backends(*pids):
    """End connections from the server's side: those of `pids`, or all but this thread's own."""

    def end():
        with connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> %s"
                " AND (%s OR pid = ANY(%s::int[]))",
                [mine, not pids, list(pids)],
            )

    session = connections["default"].connection
    mine = session.info.backend_pid if session and not pids else 0
    in_threads(end)


@contextmanager
def count_calls(module, name):
    calls, original = [], getattr(module, name)

    def counted(*args, **kwargs):
        calls.append(args)
        return original(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, counted)
        yield calls


def assert_reads_the_due_part(statement):
    sql, values = statement
    [rows] = one_trip.fetch((f"EXPLAIN {sql}", values))
    plan = "\n".join(line for (line,) in rows)
    assert "delivery_due" in plan
    assert "due_at <=" in plan
    assert "Sort" not in plan


def make_due():
    Delivery.objects.update(due_at=timezone.now())


class TestPublishing:
    def test_an_event_and_its_deliveries_are_written_with_the_callers_transaction(self, ping):
        listen()

        with pytest.raises(RuntimeError), transaction.atomic():
            outbox.publish(ping())
            raise RuntimeError

        assert not OutboxEvent.objects.exists()
        assert not Delivery.objects.exists()

    def test_outside_a_transaction_it_refuses(self, ping):
        with pytest.raises(outbox.PublishedOutsideTransaction):
            outbox.publish(ping())

    def test_the_same_event_twice_is_one_event(self, ping):
        heard = listen()

        counts = [publish(ping(1)), publish(ping(1)), publish(ping(2), ping(2))]
        worker.drain("default")

        assert counts == [1, 0, 1]
        assert heard == [1, 2]

    def test_each_subscriber_gets_its_own_delivery_and_only_of_what_it_wants(self, ping):
        first = listen(name="test.first")
        second = listen(name="test.second", when=lambda event: event.number > 1)

        publish(ping(1), ping(2))
        worker.drain("default")

        assert (first, second) == ([1, 2], [2])

    def test_two_subscribers_of_one_name_are_refused(self):
        listen()

        with pytest.raises(ValueError, match=r"test\.listen"):
            listen()

    def test_sixteen_publishers_of_the_same_event_make_one(self, ping):
        listen()

        in_threads(*[lambda: publish(ping(1))] * 16)

        assert Delivery.objects.count() == 1


class TestCommit:
    def test_a_publisher_knows_what_was_committed_since_nothing_happens_afterwards(self, ping):
        """Whatever failed after the commit would look as if it had not been made."""
        listen(queue="vision")

        with transaction.atomic():
            outbox.publish(ping(1))
            afterwards = list(connections["default"].run_on_commit)

        assert afterwards == []
        assert not OrmQ.objects.exists()

    def test_replaying_does_nothing_after_the_commit_either(self, ping):
        listen()
        publish(ping(1))
        worker.drain("default")

        with transaction.atomic():
            dead_letters.replay(Delivery.objects.all(), now=timezone.now())
            afterwards = list(connections["default"].run_on_commit)

        assert afterwards == []


class TestServing:
    @pytest.fixture
    def serving(self):
        """Serve a queue in a thread as a worker process does, until the test ends."""
        ended, threads = threading.Event(), []

        def start(queue="default"):
            thread = threading.Thread(
                target=worker.serve, args=(queue,), kwargs={"proceed": lambda: not ended.is_set()}
            )
            threads.append(thread)
            thread.start()

        yield start
        ended.set()
        for thread in threads:
            thread.join()

    @pytest.mark.costly
    def test_what_is_published_is_delivered_at_once(self, ping, serving):
        heard = listen()
        serving()

        publish(ping(1))

        assert eventually(lambda: heard == [1], seconds=5)

    @pytest.mark.costly
    def test_a_worker_whose_connection_was_ended_goes_on(self, ping, serving):
        heard = listen()
        serving()
        publish(ping(1))
        assert eventually(lambda: heard == [1], seconds=5)

        end_other_backends()
        publish(ping(2))

        assert eventually(lambda: heard == [1, 2], seconds=5)

    @pytest.mark.costly
    def test_outcomes_are_settled_although_the_connection_ended_under_the_handler(
        self, ping, serving
    ):
        def breaks(event):
            if event.number == 2:
                end_other_backends(connections["default"].connection.info.backend_pid)
            return "ok"

        heard = listen(breaks, mode=Mode.LEASED)
        publish(ping(1), ping(2), ping(3))
        serving()

        done = Delivery.objects.filter(state=DeliveryState.DONE)
        assert eventually(lambda: done.count() == 3, seconds=10)
        assert heard == [1, 2, 3]

    @pytest.mark.costly
    def test_threads_of_one_subscriber_go_on_after_their_connections_were_ended(
        self, ping, serving
    ):
        def slow(_):
            time.sleep(0.1)
            return "ok"

        listen(slow, mode=Mode.LEASED, batch=1, threads=3)
        publish(*(ping(n) for n in range(30)))
        serving()
        assert eventually(Delivery.objects.filter(state=DeliveryState.DONE).exists, seconds=5)

        end_other_backends()

        # A worker runs the recoveries as well: a commit may have been done without an answer.
        open_ones = Delivery.objects.exclude(state=DeliveryState.DONE)
        assert eventually(lambda: recovery.run_all() or not open_ones.exists(), seconds=20)

    @pytest.mark.costly
    def test_a_worker_does_not_spin_on_what_another_host_has_locked(self, ping, serving):
        listen()
        publish(ping(1))

        with transaction.atomic():
            claims.lock_due(subscription_of("test.listen"), limit=1, now=timezone.now())
            with count_calls(run, "deliver_batch") as calls:
                serving()
                time.sleep(2)

        assert 2 <= len(calls) <= 2 / worker.IDLE_POLL + 1

    @pytest.mark.costly
    def test_projections_gather_what_comes_soon_after_a_batch(self, ping, serving, monkeypatch):
        monkeypatch.setattr(worker, "GATHER_FOR", 3.0, raising=False)
        batches = listen_in_batches(batch=50)
        serving("projections")

        for number in range(20):
            publish(ping(number))
            time.sleep(0.1)

        assert eventually(lambda: sum(map(len, batches)) == 20, seconds=20)
        assert len(batches) <= 3

    def test_projections_do_not_rest_while_there_is_more_than_a_batch(
        self, ping, serving, monkeypatch
    ):
        monkeypatch.setattr(worker, "GATHER_FOR", 60.0, raising=False)
        batches = listen_in_batches(batch=2)
        publish(*(ping(n) for n in range(11)))

        serving("projections")
        assert eventually(lambda: sum(map(len, batches)) == 11, seconds=20)

    def test_only_who_has_something_due_is_asked_to_claim(self, ping):
        for name in ("test.one", "test.two", "test.three"):
            listen(name=name, when=lambda event, name=name: name == "test.two")
        publish(ping(1))

        with count_calls(run, "deliver_batch") as calls:
            worker.drain("default")

        assert [subscription.name for (subscription,) in calls] == ["test.two"]

    @pytest.mark.costly
    def test_a_busy_subscriber_makes_room_for_the_others_of_its_queue(self, ping, serving):
        """Also one that works in threads, and whose work never ends."""

        def slow(_):
            time.sleep(0.05)
            return "ok"

        listen(slow, name="test.busy", mode=Mode.LEASED, threads=2, when=lambda e: e.number < 1000)
        heard = listen(name="test.quick", when=lambda event: event.number >= 1000)
        publish(*(ping(n) for n in range(400)))
        serving()
        time.sleep(0.5)

        publish(ping(1000))

        assert eventually(lambda: heard == [1000], seconds=5)
        assert Delivery.objects.filter(subscriber="test.busy").exclude(state="done").exists()


class TestInUse:
    def test_it_is_asked_once_for_many_events(self, ping):
        asked = []
        listen(in_use=lambda: not asked.append(1))

        publish(*(ping(n) for n in range(300)))

        assert len(asked) == 1
        assert Delivery.objects.count() == 300

    def test_what_is_not_in_use_gets_no_delivery_and_what_is_gets_the_next(self, ping):
        state = {"on": False}
        listen(in_use=lambda: state["on"], when=lambda event: event.number != 3)

        publish(ping(1))
        state["on"] = True
        publish(ping(2), ping(3))

        assert [d.event.payload["number"] for d in Delivery.objects.all()] == [2]


class TestBackfill:
    def test_what_is_recent_goes_before_backfill_however_old_that_is(self, ping):
        heard = listen(batch=2)
        with transaction.atomic():
            outbox.publish_many([ping(n) for n in range(4)], backfill=True)
        publish(ping(10), ping(11), ping(12))

        worker.drain("default")

        assert heard == [10, 11, 12, 0, 1, 2, 3]

    @pytest.mark.costly
    def test_what_comes_while_a_slow_batch_of_backfill_runs_waits_for_one_turn_only(self, ping):
        def slow(event):
            if event.number == 0:
                publish_from_elsewhere(ping(100))
            time.sleep(0.3)
            return "ok"

        heard = listen(slow, mode=Mode.LEASED, when=None)
        listen(name="test.neighbor")  # who is alone in a queue has no turns
        with transaction.atomic():
            outbox.publish_many([ping(n) for n in range(10)], backfill=True)

        worker.drain("default")

        assert heard.index(100) <= worker.TURN / 0.3 + 1
        assert sorted(heard) == [*range(10), 100]
        assert set(Delivery.objects.values_list("attempts", flat=True)) <= {0, 1}

    @pytest.mark.parametrize("mode", [Mode.TRANSACTIONAL, Mode.LEASED])
    @pytest.mark.parametrize("backfill", [True, False])
    def test_what_is_published_while_backfill_is_handled_is_backfill_too(
        self, ping, mode, backfill
    ):
        def chain(event):
            with transaction.atomic():
                outbox.publish(ping(event.number + 100))
            return "ok"

        listen(chain, mode=mode, when=lambda event: event.number < 100)
        listen(name="test.next", when=lambda event: event.number >= 100)
        with transaction.atomic():
            outbox.publish_many([ping(1), ping(2)], backfill=backfill)

        worker.drain("default")

        following = Delivery.objects.filter(subscriber="test.next")
        assert list(following.values_list("backfill", flat=True)) == [backfill, backfill]

    @pytest.mark.parametrize(("flags", "expected"), [((True, True), True), ((True, False), False)])
    def test_a_projection_that_has_anything_recent_publishes_it_as_recent(
        self, ping, flags, expected
    ):
        def project(events, *, now):
            with transaction.atomic():
                outbox.publish(ping(100))
            return "ok"

        subscribe(
            Ping, name="test.project", mode=Mode.PROJECTION, when=lambda event: event.number < 100
        )(project)
        listen(name="test.next", queue="later", when=lambda event: event.number >= 100)
        for number, backfill in enumerate(flags):
            with transaction.atomic():
                outbox.publish_many([ping(number)], backfill=backfill)

        worker.drain("default")

        assert Delivery.objects.get(subscriber="test.next").backfill is expected

    def test_the_claim_reads_only_the_due_part_of_its_index(self, ping):
        """Thousands that are leased or postponed are not passed over at every look."""
        listen()
        publish(*(ping(n) for n in range(3000)))
        Delivery.objects.update(due_at=timezone.now() + timedelta(hours=1))
        with transaction.atomic():
            outbox.publish_many([ping(5000)], backfill=True)
        with connections["default"].cursor() as cursor:
            cursor.execute("ANALYZE events_delivery")
            cursor.execute("SET enable_seqscan = off")

        for backfill in (False, True):
            with transaction.atomic():
                claim = claims._locking(backfill, 50)
                assert_reads_the_due_part(
                    claim.statement(subscriber="test.listen", now=timezone.now())
                )
        assert_reads_the_due_part((claims._HAVE_DUE, [["test.listen"], timezone.now()]))
        assert_reads_the_due_part((claims._COUNT_DUE, ["test.listen", timezone.now(), 10]))


@pytest.mark.parametrize("mode", [Mode.TRANSACTIONAL, Mode.LEASED])
class TestFailure:
    def test_a_failure_backs_off_and_is_tried_again(self, mode, ping):
        answers = iter([RuntimeError("oops"), None])

        def flaky(_):
            error = next(answers)
            if error:
                raise error
            return "recovered"

        # Longer than any drain takes, on whatever machine.
        heard = listen(flaky, mode=mode, backoff=Backoff(first=timedelta(minutes=1)))
        publish(ping(1))

        first = worker.drain("default")
        waiting = Delivery.objects.get()
        make_due()
        second = worker.drain("default")

        assert (first.failed, second.done, heard) == (1, 1, [1, 1])
        assert (waiting.state, waiting.error_code, waiting.attempts) == (
            DeliveryState.PENDING, "RuntimeError", 1,
        )  # fmt: skip
        assert waiting.due_at > waiting.last_failed_at
        assert Delivery.objects.get().outcome == "recovered"

    def test_after_the_last_attempt_it_is_a_dead_letter_and_says_so(self, mode, ping):
        def broken(event):
            raise RuntimeError(f"no {event.number}\x00")

        listen(broken, mode=mode, backoff=Backoff(max_attempts=2))
        publish(ping(1), ping(2))

        for _ in range(2):
            make_due()
            worker.drain("default")

        dead = Delivery.objects.filter(state=DeliveryState.DEAD)
        letters = OutboxEvent.objects.filter(topic=DeadLetterEventV1.topic)
        assert dead.count() == letters.count() == 2
        letter = DeadLetterEventV1.model_validate(letters.first().payload)
        assert (letter.error_code, letter.retry_count) == ("RuntimeError", 2)
        assert letter.base_event_type == "test.ping"

    def test_one_bad_delivery_does_not_stop_the_others(self, mode, ping):
        def picky(event):
            if event.number == 2:
                raise RuntimeError
            return "ok"

        listen(picky, mode=mode)
        publish(ping(1), ping(2), ping(3))

        tally = worker.drain("default")

        assert (tally.done, tally.failed) == (2, 1)

    def test_a_permanent_no_is_not_tried_again(self, mode, ping):
        class Never(DomainError):
            code = "never"
            permanent = True

        def refuse(_):
            raise Never

        listen(refuse, mode=mode)
        publish(ping(1))

        tally = worker.drain("default")

        assert (tally.dead, Delivery.objects.get().error_code) == (1, "never")

    def test_later_is_not_a_failure(self, mode, ping):
        def busy(_):
            raise RetryLater("busy", after=timedelta(hours=1))

        listen(busy, mode=mode, backoff=Backoff(max_attempts=1))
        publish(ping(1))

        for _ in range(3):
            make_due()
            tally = worker.drain("default")

        delivery = Delivery.objects.get()
        assert (tally.postponed, delivery.state, delivery.attempts) == (1, DeliveryState.PENDING, 0)
        assert delivery.due_at > timezone.now() + timedelta(minutes=59)

    def test_fact_043_a_malformed_payload_is_a_dead_letter_and_the_next_is_processed(
        self, mode, ping
    ):
        heard = listen(mode=mode)
        publish(ping(1), ping(2))
        OutboxEvent.objects.filter(idempotency_key="ping:1").update(payload={"number": "many"})

        tally = worker.drain("default")

        dead = Delivery.objects.get(state=DeliveryState.DEAD)
        assert (tally.done, tally.dead, heard) == (1, 1, [2])
        assert (dead.error_code, dead.event.idempotency_key) == ("invalid_payload", "ping:1")

    def test_fact_044_a_large_payload_that_fails_is_cut_to_a_snippet(self, mode, ping):
        class Big(DomainError):
            permanent = True

        def refuse(_):
            raise Big("too big " * 1_000)

        listen(refuse, mode=mode)
        publish(ping(1))
        OutboxEvent.objects.update(
            payload=OutboxEvent.objects.get().payload | {"text": "ы" * 100_000}
        )

        worker.drain("default")

        letter = OutboxEvent.objects.get(topic="dlq.message").payload
        assert len(letter["payload_snippet"].encode()) <= 1024
        assert len(letter["error_details"]) == 500

    def test_fact_042_the_trace_id_goes_from_event_to_event_and_into_the_log(
        self, mode, ping, log_lines
    ):
        def chain(event):
            logging.getLogger("test").warning("looking at %s", event.number)
            if event.number < 3:
                with transaction.atomic():
                    outbox.publish(ping(event.number + 1))
            return "ok"

        listen(chain, mode=mode)
        publish(ping(1, trace_id="e2e_test_x"))

        worker.drain("default")

        assert set(OutboxEvent.objects.values_list("trace_id", flat=True)) == {"e2e_test_x"}
        assert [line["trace_id"] for line in log_lines("test")] == ["e2e_test_x"] * 3


class TestTransactionalMode:
    def test_the_rows_of_a_failed_handler_are_rolled_back_and_the_others_stay(self, ping):
        def writes(event):
            outbox.publish(ping(event.number + 100))
            if event.number == 2:
                raise RuntimeError
            return "ok"

        listen(writes, when=lambda event: event.number < 100)
        publish(ping(1), ping(2), ping(3))

        worker.drain("default")

        written = OutboxEvent.objects.filter(
            idempotency_key__in=["ping:101", "ping:102", "ping:103"]
        )
        assert {e.idempotency_key for e in written} == {"ping:101", "ping:103"}

    def test_a_violation_that_would_show_only_at_commit_fails_its_own_delivery(self, ping):
        def orphan(event):
            if event.number == 2:
                Delivery.objects.create(
                    event_id=10**9, subscriber="x", queue="x", due_at=timezone.now()
                )
            return "ok"

        listen(orphan)
        publish(ping(1), ping(2), ping(3))

        tally = worker.drain("default")

        assert (tally.done, tally.failed) == (2, 1)


class TestLease:
    def test_fact_045_work_of_a_killed_worker_is_due_again_when_its_lease_ends(self, ping):
        heard = listen(mode=Mode.LEASED, lease=timedelta(seconds=2))
        publish(ping(1))
        subscription = subscription_of("test.listen")
        liveness.worker_id()  # the first time it takes a moment
        (lost,) = claims.lease(subscription, limit=10, now=timezone.now())
        during = worker.drain("default")
        time.sleep(max(0, (lost.due_at - timezone.now()).total_seconds()) + 0.01)
        after = worker.drain("default")

        assert (during.settled, after.done, heard) == (0, 1, [1])
        with transaction.atomic():
            assert not claims.still_leased([lost])

    @pytest.mark.parametrize("count", [1, 2])
    def test_who_lost_its_leases_puts_nothing_off(self, ping, count):
        successor = uuid4()

        def too_slow(event):
            Delivery.objects.update(leased_by=successor)
            raise RetryLater("not now", after=timedelta(hours=1))

        listen(too_slow, mode=Mode.LEASED)
        publish(*map(ping, range(count)))

        assert worker.drain("default").settled == 0
        soon = timezone.now() + timedelta(minutes=30)
        theirs = Delivery.objects.filter(state=DeliveryState.LEASED, leased_by=successor)
        assert theirs.filter(due_at__lt=soon).count() == count

    def test_a_lease_whose_commit_only_seemed_to_fail_is_ended_by_its_own_worker(
        self, ping, monkeypatch
    ):
        """The answer to a COMMIT was lost; it was kept in hand until the lease ran out."""
        heard = listen(mode=Mode.LEASED)
        publish(ping(1))
        commit = connection._commit

        def unheard():
            commit()
            raise OperationalError("server closed the connection unexpectedly")

        with monkeypatch.context() as patch, pytest.raises(OperationalError):
            patch.setattr(connection, "_commit", unheard)
            claims.lease(subscription_of("test.listen"), limit=10, now=timezone.now())
        assert Delivery.objects.get().state == DeliveryState.LEASED

        recovery.run_all()

        assert (worker.drain("default").done, heard) == (1, [1])

    def test_a_worker_that_overran_its_lease_does_not_settle_for_its_successor(self, ping):
        def overrun(_):
            Delivery.objects.update(due_at=timezone.now() + timedelta(minutes=1))
            raise RuntimeError

        listen(overrun, mode=Mode.LEASED)
        publish(ping(1))

        tally = worker.drain("default")

        delivery = Delivery.objects.get()
        assert (tally.settled, delivery.state, delivery.error_code) == (0, DeliveryState.LEASED, "")

    def test_a_delivery_that_kills_every_worker_becomes_a_dead_letter(self, ping):
        listen(mode=Mode.LEASED, backoff=Backoff(max_attempts=2))
        publish(ping(1))
        subscription = subscription_of("test.listen")
        for _ in range(3):
            claims.lease(subscription, limit=1, now=timezone.now())
            make_due()

        dead = Delivery.objects.get()
        assert (dead.state, dead.error_code) == (DeliveryState.DEAD, "worker_lost")

    @pytest.mark.sampled(1)
    @pytest.mark.parametrize("mode", list(Mode))
    def test_eight_workers_handle_each_of_200_deliveries_once(self, mode, ping):
        heard = []

        def note(event, *, now):
            heard.extend([event.number] if isinstance(event, Ping) else [e.number for e in event])
            return "heard"

        subscribe(Ping, name="test.raced", mode=mode, batch=7)(note)
        publish(*(ping(n) for n in range(200)))

        in_threads(*[lambda: worker.drain("default")] * 8)

        assert sorted(heard) == list(range(200))
        assert not Delivery.objects.exclude(state=DeliveryState.DONE).exists()

    def test_threads_of_one_subscription_share_its_work(self, ping):
        names = set()

        def slow(_):
            names.add(threading.current_thread().name)
            time.sleep(0.02)
            return "ok"

        listen(slow, mode=Mode.LEASED, batch=1, threads=4)
        publish(*(ping(n) for n in range(20)))

        tally = worker.drain("default")

        assert tally.done == 20
        assert len(names) > 1

    def test_there_are_no_more_of_them_than_deliveries(self, ping, monkeypatch):
        """Each would open a connection of its own, for nothing."""
        monkeypatch.setattr(worker, "POLL_EVERY", 60)  # a slow claim would pass for work left over
        opened = []
        listen(lambda _: "ok", mode=Mode.LEASED, batch=1, threads=16)
        publish(ping(1), ping(2))

        with count_connections(opened):
            tally = worker.drain("default")

        assert tally.done == 2
        assert len(opened) <= 2

    def test_what_becomes_due_during_a_long_call_does_not_wait_for_its_end(self, ping):
        came = {number: threading.Event() for number in (1, 2, 3)}

        def wait_for_the_next(event):
            came[event.number].set()
            if event.number < 3:
                publish(ping(event.number + 1))
                assert came[event.number + 1].wait(10)
            return "ok"

        listen(wait_for_the_next, mode=Mode.LEASED, batch=1, threads=3)
        publish(ping(1))

        assert worker.drain("default").done == 3

    def test_whoever_looks_for_more_work_outlives_the_end_of_its_connection(self, ping):
        came = threading.Event()

        def long_call(event):
            if event.number == 1:
                end_all_backends()
                publish(ping(2))
                assert came.wait(10)
            came.set()
            return "ok"

        listen(long_call, mode=Mode.LEASED, batch=1, threads=2)
        publish(ping(1))

        assert worker.drain("default").done == 2


class TestProjectionMode:
    def test_a_projection_gets_its_events_at_once_without_the_unreadable(self, ping):
        batches = []

        def project(events, *, now):
            batches.append([e.number for e in events])
            return "projected"

        subscribe(Ping, name="test.project", mode=Mode.PROJECTION)(project)
        publish(*(ping(n) for n in range(5)))
        OutboxEvent.objects.filter(idempotency_key="ping:3").update(payload={"number": []})

        tally = worker.drain("default")

        assert batches == [[0, 1, 2, 4]]
        assert (tally.done, tally.dead) == (4, 1)

    @pytest.mark.parametrize("permanent", [True, False])
    def test_an_event_that_cannot_be_projected_takes_none_along(self, ping, permanent):
        class Poisonous(DomainError):
            pass

        Poisonous.permanent = permanent

        def project(events, *, now):
            if any(event.number == 3 for event in events):
                raise Poisonous
            return f"{len(events)} projected"

        subscribe(Ping, name="test.project", mode=Mode.PROJECTION)(project)
        publish(*(ping(n) for n in range(5)))
        for _ in range(5):
            make_due()
            worker.drain("default")

        [dead] = Delivery.objects.filter(state=DeliveryState.DEAD)
        assert dead.event.idempotency_key == "ping:3"
        assert set(
            Delivery.objects.filter(state=DeliveryState.DONE).values_list("attempts", flat=True)
        ) == {1}

    def test_without_a_connection_a_batch_is_not_tried_event_by_event(self, ping):
        calls = []

        def project(events, *, now):
            calls.append(len(events))
            connection.connection.close()
            connection.cursor().execute("SELECT 1")

        subscribe(Ping, name="test.project", mode=Mode.PROJECTION)(project)
        publish(*(ping(n) for n in range(5)))
        worker.drain("default")

        assert calls == [5]
        assert set(Delivery.objects.values_list("state", "attempts")) == {("pending", 1)}


class TestMaintenance:
    def kill(self, ping, *numbers):
        class Never(DomainError):
            permanent = True

        def refuse(event):
            if self.refusing:
                raise Never
            return "ok"

        self.refusing = True
        heard = listen(refuse)
        publish(*(ping(n) for n in numbers))
        worker.drain("default")
        self.refusing = False
        return heard

    def test_a_replayed_dead_letter_is_delivered_again(self, ping):
        heard = self.kill(ping, 1, 2)
        heard.clear()

        one = Delivery.objects.filter(event__idempotency_key="ping:1")
        replayed = dead_letters.replay(one, now=timezone.now())
        worker.drain("default")

        assert (replayed, heard) == (1, [1])
        assert Delivery.objects.get(state=DeliveryState.DEAD).event.idempotency_key == "ping:2"

    def test_what_is_replayed_while_it_is_pruned_is_delivered_again(self, ping, monkeypatch):
        heard = listen()
        publish(ping(1), ping(2))
        worker.drain("default")
        heard.clear()
        chosen = list(OutboxEvent.objects.values_list("pk", flat=True))

        def prunable(**_):
            """Chosen a moment ago; of one it is asked meanwhile that it be done again."""
            one = Delivery.objects.filter(event__idempotency_key="ping:1")
            if chosen and not dead_letters.replay(one, now=timezone.now()):
                chosen.clear()
            return OutboxEvent.objects.filter(pk__in=chosen)

        monkeypatch.setattr(pruning, "prunable", prunable)
        pruned = pruning.prune(before=timezone.now())
        worker.drain("default")

        assert (pruned, heard) == (1, [1])

    def test_pruning_takes_finished_events_only(self, ping):
        self.kill(ping, 1)
        publish(ping(2))
        worker.drain("default")
        publish(ping(3))

        pruned = pruning.prune(before=timezone.now() + timedelta(days=1))

        left = OutboxEvent.objects.filter(topic="test.ping").values_list(
            "idempotency_key", flat=True
        )
        assert pruned == 2  # ping 2 and the announcement nobody listens to
        assert set(left) == {"ping:1", "ping:3"}

    def test_statistics_name_topic_subscriber_and_the_oldest_waiting(self, ping):
        self.kill(ping, 1)
        publish(ping(2))

        rows = {(r.topic, r.subscriber): r for r in stats.stats(now=timezone.now())}

        row = rows["test.ping", "test.listen"]
        assert (row.length, row.pending, row.dead) == (2, 1, 1)
        assert 0 <= row.oldest_seconds < 60
        assert rows["dlq.message", ""].length == 1

    def test_fact_046_length_pending_and_oldest_age_of_each_subscriber(self, ping, now):
        listen(name="test.other")
        listen(name="test.listen")
        publish(*(ping(number) for number in range(1, 6)))
        for number, minutes in ((1, 50), (2, 40), (3, 30), (4, 20), (5, 10)):
            OutboxEvent.objects.filter(idempotency_key=f"ping:{number}").update(
                created_at=now - timedelta(minutes=minutes)
            )
        states = {1: "done", 2: "dead", 3: "leased", 4: "pending", 5: "pending"}
        for number, state in states.items():
            Delivery.objects.filter(
                event__idempotency_key=f"ping:{number}", subscriber="test.listen"
            ).update(state=state)
        Delivery.objects.filter(subscriber="test.other").update(state="done")

        rows = {r.subscriber: r for r in stats.stats(now=now) if r.topic == "test.ping"}

        mine = rows["test.listen"]
        assert (mine.length, mine.pending, mine.leased) == (5, 2, 1)
        assert (mine.done, mine.dead) == (1, 1)
        assert mine.oldest_seconds == 30 * 60  # neither what is done nor what died waits
        assert (rows["test.other"].length, rows["test.other"].oldest_seconds) == (5, None)


def subscription_of(name):
    return next(s for s in subscriptions.registered() if s.name == name)
