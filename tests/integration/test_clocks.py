"""Hosts whose clocks are wrong: they take no work, and everybody can see why."""

import io
import logging
import threading
import time
import uuid
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from events import outbox, queue, subscriptions
from events.delivery import claims, recovery, worker
from events.health import Status
from events.inspection import postgresql, workers
from events.management.commands import task_cluster
from events.models import Delivery
from events.subscriptions import Mode, subscribe
from events.workers import clock, heartbeats, liveness
from tests.acceptance.product import wait_until
from tests.integration.conftest import Ping

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]

HOUR = 3600.0
LEASE = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def _own_clock(monkeypatch):
    monkeypatch.setattr(clock, "_zero", None)
    monkeypatch.setattr(clock, "_agreed", True)
    liveness.stop()
    yield
    liveness.stop()


@pytest.fixture
def set_clock(monkeypatch):
    """Set this host's clock by so many seconds ahead of the right time."""
    wall, now = time.time, timezone.now

    def set_it(seconds):
        monkeypatch.setattr(time, "time", lambda: wall() + seconds)
        monkeypatch.setattr(timezone, "now", lambda: now() + timedelta(seconds=seconds))

    return set_it


@pytest.fixture
def served():
    """Serve the queue as a worker process does; stops at the end of the test."""
    stop = threading.Event()
    loop = threading.Thread(
        target=worker.serve, args=("default",), kwargs={"proceed": lambda: not stop.is_set()}
    )
    yield loop.start
    stop.set()
    if loop.ident:
        loop.join()


@pytest.fixture
def heard():
    """Numbers of the pings that a handler heard, which runs under a lease of ten minutes."""
    subscriptions._registry.clear()
    numbers: list[int] = []

    @subscribe(Ping, name="test.listen", mode=Mode.LEASED, lease=LEASE)
    def note(event, *, now):
        numbers.append(event.number)
        return "heard"

    return numbers


def publish(number: int) -> None:
    with transaction.atomic():
        outbox.publish(Ping(tenant_id="t", idempotency_key=f"ping:{number}", number=number))


def in_the_hands_of_another(number: int) -> uuid.UUID:
    """Publish a ping that a living worker of another host has just leased; returns that worker."""
    publish(number)
    [subscription] = subscriptions.registered(queue="default")
    claims.drop(claims.lease(subscription, limit=1, now=timezone.now()))
    other = uuid.uuid4()
    Delivery.objects.update(leased_by=other)
    return other


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_worker_whose_clock_is_wrong_takes_nothing(heard, served, set_clock, seconds):
    other = in_the_hands_of_another(1)
    publish(2)
    Delivery.objects.filter(leased_by=None).update(due_at=timezone.now() - timedelta(hours=2))
    set_clock(seconds)

    served()
    time.sleep(1)

    assert heard == []
    assert Delivery.objects.get(state="leased").leased_by == other


def test_recoveries_of_a_host_whose_clock_is_ahead_free_nothing(set_clock):
    seen = []
    recovery.register("test", lambda *, now: seen.append(now) or 0)
    try:
        set_clock(HOUR)
        recovery.run_all()
        assert seen == []

        set_clock(0)
        recovery.run_all()
        assert len(seen) == 1
    finally:
        del recovery._recoveries["test"]


def test_the_work_goes_on_as_soon_as_the_clock_is_set(heard, served, set_clock, caplog):
    publish(1)
    set_clock(HOUR)
    with caplog.at_level(logging.WARNING):
        served()
        assert not wait_until(lambda: heard, seconds=1)

        set_clock(1.5)
        assert wait_until(lambda: heard == [1], seconds=5)
        clock.ask()

    assert "the clock of this host is 3600 s ahead of PostgreSQL's: no work is taken" in caplog.text
    assert "agrees with PostgreSQL's again" in caplog.text


def test_a_clock_that_jumps_between_two_deliveries_of_a_batch_stops_the_second(heard, set_clock):
    numbers = iter(range(1, 3))
    subscriptions._registry.clear()

    @subscribe(Ping, name="test.jump", mode=Mode.LEASED, lease=LEASE)
    def jump(event, *, now):
        heard.append(next(numbers))
        set_clock(HOUR)
        return "heard"

    for number in (1, 2):
        publish(number)
    clock.ask()

    worker.drain("default", proceed=clock.agrees)

    assert heard == [1]
    set_clock(0)
    left = Delivery.objects.get(state="pending")
    assert (left.attempts, left.due_at <= timezone.now()) == (0, True)


def test_a_drain_says_why_it_takes_nothing(heard, set_clock):
    in_the_hands_of_another(1)
    set_clock(-HOUR)

    with pytest.raises(
        CommandError, match="3600 s behind PostgreSQL's: let the host set its clock"
    ):
        call_command("drain", stdout=io.StringIO(), stderr=io.StringIO())

    assert heard == []


def test_a_scheduler_whose_clock_is_wrong_begins_nothing(set_clock, monkeypatch):
    monkeypatch.setattr(queue.Conf, "POLL", 0)
    queue.enqueue_once("events.tasks.prune")
    Schedule.objects.update(next_run=timezone.now() - timedelta(minutes=1))
    before = list(Schedule.objects.order_by("pk").values_list("next_run", flat=True))
    set_clock(HOUR)

    task_cluster.schedule_if_the_clock_is_right(broker=queue.Broker())

    assert queue.Broker().dequeue() is None
    assert list(Schedule.objects.order_by("pk").values_list("next_run", flat=True)) == before
    set_clock(0)
    assert queue.Broker().dequeue()


def test_whoever_looks_at_health_learns_which_host_is_wrong(set_clock):
    subscriptions._registry.clear()
    subscribe(Ping, name="test.listen")(lambda event, *, now: "heard")
    set_clock(HOUR)
    heartbeats.beat(["default"])

    found = {finding.step: finding for finding in workers.all_queues_are_served()}

    [seen] = heartbeats.running()
    assert found["clock"].status is Status.FAILED
    assert f"the clock of {seen.host} is 3600 s ahead" in found["clock"].detail
    assert found["default"].status is Status.FAILED
    assert heartbeats.unserved(["default"]) == ["default"]
    assert 3599 <= seen.as_dict()["clock_ahead_seconds"] <= 3601
    assert "whose workers take no work" in postgresql._clock().detail


@pytest.mark.parametrize("seconds", [100.0, -100.0])
def test_a_clock_that_is_wrong_by_less_than_two_minutes_changes_nothing(
    heard, served, set_clock, seconds
):
    publish(1)
    Delivery.objects.update(due_at=timezone.now() - timedelta(minutes=5))
    set_clock(seconds)

    served()

    assert wait_until(lambda: heard == [1], seconds=5)
