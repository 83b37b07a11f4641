"""Real threads and killed processes against one ledger."""

import random
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts.models import Tenant
from storage_quota import services
from storage_quota.models import Reservation, TenantUsage
from storage_quota.reserve import RESERVATION_TTL
from storage_quota.services import QuotaExceeded, ReservationRequest
from tests.concurrency import wait_for_backends
from tests.processes import SetUpPython
from tests.storage_fixtures import in_bucket, in_ledger, key, used

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16


@pytest.fixture
def tenant(transactional_db):
    return Tenant.objects.create(name="Alice")


def at_once(work, count=THREADS):
    """Run `work(n)` in threads that start together, each with its own connection."""
    start = threading.Barrier(count)

    def run(number):
        try:
            start.wait()
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.usefixtures("limits", "store")
def test_sixteen_threads_get_exactly_the_bytes_that_are_left(tenant, now):
    def reserve(number):
        try:
            services.reserve(
                tenant=tenant, content_type="media", key=key(tenant), size_bytes=10, now=now
            )
        except QuotaExceeded:
            return False
        return True

    granted = at_once(reserve)

    assert sum(granted) == 6
    assert sum(Reservation.objects.values_list("size_bytes", flat=True)) == 60


@pytest.mark.usefixtures("limits", "store")
def test_fact_038_parallel_batches_never_pass_the_limit(tenant, now):
    def reserve(number):
        wants = [ReservationRequest(key(tenant), size) for size in (7, 5, 3, 1)]
        answers = services.reserve_many(
            tenant=tenant, content_type="media", requests=wants, now=now
        )
        return sum(a.size_bytes for a in answers if isinstance(a, Reservation))

    granted = at_once(reserve)

    assert sum(granted) == 60


@pytest.mark.usefixtures("limits")
def test_the_same_object_stored_by_all_is_charged_once(tenant, store, now):
    def put(number):
        return _put_until_granted(tenant, key(tenant, "same"), b"x" * 4, now)

    at_once(put)

    assert in_bucket(store) == in_ledger() == {key(tenant, "same"): 4}
    assert used() == 4
    assert not Reservation.objects.exists()


def _put_until_granted(tenant, name, body, now):
    while True:
        try:
            return services.put_object(
                tenant=tenant, content_type="media", key=name, body=body, mime="image/png", now=now
            )
        except QuotaExceeded:
            time.sleep(0.01)


@pytest.mark.usefixtures("limits")
def test_puts_overwrites_removals_and_sweeps_at_once_leave_the_ledger_right(tenant, store, now):
    chances = [random.Random(seed) for seed in range(THREADS)]

    def work(number):
        chance = chances[number]
        for _ in range(12):
            name = key(tenant, str(chance.randint(1, 4)))
            if chance.random() < 0.25:
                services.remove([name], now=now)
            elif chance.random() < 0.1:
                services.release_expired(now=now)
            else:
                try:
                    body = b"x" * chance.randint(1, 9)
                    _put(tenant, name, body, now)
                except (QuotaExceeded, services.ReservationExpired):
                    continue

    at_once(work)
    services.release_expired(now=now + 2 * RESERVATION_TTL)

    bucket, ledger = in_bucket(store), in_ledger()
    assert set(bucket) == set(ledger)
    assert all(ledger[name] >= size for name, size in bucket.items())
    assert used() == sum(ledger.values()) <= 60
    assert not Reservation.objects.exists()


def _put(tenant, name, body, now):
    return services.put_object(
        tenant=tenant, content_type="media", key=name, body=body, mime="image/png", now=now
    )


@pytest.mark.usefixtures("limits")
def test_a_settle_in_a_long_transaction_keeps_nobody_from_reserving(tenant, store, now):
    first = services.reserve(
        tenant=tenant, content_type="media", key=key(tenant), size_bytes=10, now=now
    )
    store.put(first, b"x" * 10, mime="image/png")

    def reserve(_):
        return services.reserve(
            tenant=tenant, content_type="media", key=key(tenant), size_bytes=10, now=now
        )

    with transaction.atomic():
        services.settle(first, now=now)
        [other] = at_once(reserve, count=1)

    assert other.size_bytes == 10
    assert used() == 10


@pytest.mark.usefixtures("limits")
def test_a_key_that_is_being_cleared_is_not_put_until_that_is_over(tenant, store, now):
    name = key(tenant, "a")
    dead = services.reserve(
        tenant=tenant, content_type="media", key=name, size_bytes=5, now=now - timedelta(days=1)
    )
    store.put(dead, b"old!!", mime="image/png")
    deleting, go_on = threading.Event(), threading.Event()
    original = store.delete

    def slow_delete(name):
        deleting.set()
        assert go_on.wait(10)
        original(name)

    store.delete = slow_delete

    def work(number):
        if number == 0:
            return services.release_expired(now=now)
        assert deleting.wait(10)
        threading.Timer(0.3, go_on.set).start()
        return _put(tenant, name, b"new", now)

    at_once(work, count=2)

    assert in_bucket(store) == in_ledger() == {name: 3}


@pytest.fixture
def start(tenant, files):
    """Start workers; those that still run are killed at the end of the test."""
    workers = []

    def make(mode, count=4):
        database = connection.settings_dict["NAME"]
        arguments = [str(database), str(files.root), str(tenant.pk), mode]
        for _ in range(count):
            worker = SetUpPython(
                "-m",
                "tests.integration.storage_crash_worker",
                *arguments,
                stdout=subprocess.PIPE,
            )
            workers.append(worker)
        return workers

    yield make
    _kill(workers)


def _wait_until_all_put(workers):
    for worker in workers:
        assert worker.stdout.readline() == b"put\n"


def _kill(workers):
    for worker in workers:
        worker.kill()
        worker.wait()
        worker.stdout.close()


def test_workers_killed_between_put_and_settle_leave_no_byte_unaccounted(tenant, files, start):
    kept = _put(tenant, key(tenant, "kept"), b"kept", timezone.now())
    workers = start("between")
    _wait_until_all_put(workers)
    _kill(workers)

    reserved = sum(Reservation.objects.values_list("size_bytes", flat=True))
    assert len(in_bucket(files)) == 5
    assert used() + reserved == sum(in_bucket(files).values())

    released = services.release_expired(now=timezone.now() + RESERVATION_TTL)

    assert released.cleared == 4
    assert in_bucket(files) == in_ledger() == {kept.key: 4}
    assert used() == 4


def test_workers_killed_at_any_moment_leave_a_ledger_that_covers_the_bucket(files, start):
    workers = start("loop")
    _wait_until_all_put(workers)
    time.sleep(1.5)
    _kill(workers)
    wait_for_backends()

    reserved = sum(Reservation.objects.values_list("size_bytes", flat=True))
    assert sum(in_bucket(files).values()) <= used() + reserved

    services.release_expired(now=timezone.now() + 2 * RESERVATION_TTL)

    bucket, ledger = in_bucket(files), in_ledger()
    assert set(bucket) == set(ledger)
    assert all(ledger[name] >= size for name, size in bucket.items())
    assert (
        used()
        == sum(ledger.values())
        == sum(TenantUsage.objects.values_list("total_bytes", flat=True))
    )
    assert not Reservation.objects.exists()
