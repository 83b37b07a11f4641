"""The bus on the real PostgreSQL: each promise once, twice, interrupted and raced."""

import logging
import threading
import time
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone
from django_q.models import OrmQ

from events import outbox, subscriptions, tasks, trace
from events.delivery import claims, dead_letters, stats, worker
from events.errors import DomainError, RetryLater
from events.models import Delivery, DeliveryState, OutboxEvent
from events.outbox import pruning
from events.retry import Backoff
from events.schemas import DeadLetterEventV1
from events.subscriptions import Mode, subscribe
from tests.concurrency import in_threads
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


def publish(*events):
    with transaction.atomic():
        return outbox.publish_many(events)


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


class TestDoorbell:
    def test_many_transactions_ring_a_queue_once(self, ping):
        listen(queue="vision")

        for number in range(5):
            publish(ping(number))

        assert OrmQ.objects.count() == 1

    def test_after_the_queue_was_answered_it_rings_again(self, ping):
        heard = listen()

        publish(ping(1))
        outcome = tasks.drain(queue="default")
        publish(ping(2))

        assert (outcome, heard) == ("1 delivered", [1])
        assert OrmQ.objects.count() == 2

    def test_a_lost_ring_is_made_up_for(self, ping):
        heard = listen()
        publish(ping(1))
        OrmQ.objects.all().delete()

        tasks.redeliver_due()

        assert OrmQ.objects.count() == 1
        assert tasks.drain(queue="default") == "1 delivered"
        assert heard == [1]

    def test_a_second_drain_of_the_same_queue_on_a_host_steps_aside(self, ping):
        listen()
        publish(ping(1))
        entered, leave = threading.Event(), threading.Event()

        def hold():
            try:
                with worker.only_one_on_this_host("default"):
                    entered.set()
                    leave.wait(10)
            finally:
                connections.close_all()

        thread = threading.Thread(target=hold)
        thread.start()
        entered.wait(10)
        outcome = tasks.drain(queue="default")
        leave.set()
        thread.join()

        assert outcome == "already being drained"


@pytest.mark.parametrize("mode", [Mode.TRANSACTIONAL, Mode.LEASED])
class TestFailure:
    def test_a_failure_backs_off_and_is_tried_again(self, mode, ping):
        answers = iter([RuntimeError("oops"), None])

        def flaky(_):
            error = next(answers)
            if error:
                raise error
            return "recovered"

        heard = listen(flaky, mode=mode)
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
            raise Big("x" * 10_000)

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
        self, mode, ping, caplog
    ):
        def chain(event):
            logging.getLogger("test").warning("looking at %s", event.number)
            if event.number < 3:
                with transaction.atomic():
                    outbox.publish(ping(event.number + 1))
            return "ok"

        caplog.handler.addFilter(trace.TraceFilter())
        listen(chain, mode=mode)
        publish(ping(1, trace_id="e2e_test_x"))

        worker.drain("default")

        assert set(OutboxEvent.objects.values_list("trace_id", flat=True)) == {"e2e_test_x"}
        lines = [r for r in caplog.records if r.name == "test"]
        assert [r.trace_id for r in lines] == ["e2e_test_x"] * 3


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
        (lost,) = claims.lease(subscription, limit=10, now=timezone.now())
        during = worker.drain("default")
        time.sleep(max(0, (lost.due_at - timezone.now()).total_seconds()) + 0.01)
        after = worker.drain("default")

        assert (during.settled, after.done, heard) == (0, 1, [1])
        with transaction.atomic():
            assert not claims.still_leased([lost])

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
