"""Checks and repairs that run beside uploads and each other, or are killed."""

import io
import random
import subprocess
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Tenant
from storage_quota import services
from storage_quota.integrity import check_runs
from storage_quota.integrity.compare_ledger_and_bucket import CheckOptions
from storage_quota.integrity.errors import CheckRunning
from storage_quota.integrity.verify import VerifyRequest, verify
from storage_quota.models import IntegrityCheck, Orphan, Reservation
from storage_quota.object_store import StoreUnavailable, get_store
from tests.concurrency import in_threads
from tests.integrity_fixtures import ledger_matches_the_bucket, medium, objects, smuggle
from tests.processes import SetUpPython
from tests.storage_fixtures import in_ledger, key, used

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("files")]

UPLOADERS, ROUNDS = 4, 25


@pytest.fixture
def tenant(transactional_db):
    return Tenant.objects.create(name="Alice")


def uploader(tenant, seed):
    """Store and remove a few keys, shared by all uploaders, again and again."""
    chance = random.Random(seed)

    def work():
        for _ in range(ROUNDS):
            name = key(tenant, str(chance.randint(1, 6)))
            if chance.random() < 0.3:
                services.remove([name], now=timezone.now())
                continue
            try:
                services.put_object(
                    tenant=tenant,
                    content_type="media",
                    key=name,
                    body=chance.randbytes(chance.randint(1, 300)),
                    mime="image/png",
                    now=timezone.now(),
                )
            except services.ReservationExpired:
                continue
            except StoreUnavailable as unavailable:
                # Only by the repairer, to whose clock, days ahead, every reservation is over.
                if "was aborted" not in str(unavailable):
                    raise

    return work


def test_an_upload_that_is_aborted_says_that_it_has_to_be_put_again(tenant):
    store, name = get_store(), key(tenant, "1")
    reservation = services.reserve(
        tenant=tenant, content_type="media", key=name, size_bytes=5, now=timezone.now()
    )

    class AbortedAtItsEnd(io.BytesIO):
        def read(self, *size):
            if not (chunk := super().read(*size)):
                for upload in store.uploads(name):
                    store.abort(upload)
            return chunk

    with pytest.raises(StoreUnavailable, match="was aborted: it has to be put again"):
        store.put(reservation, AbortedAtItsEnd(b"12345"), mime="image/png")


@pytest.mark.costly
def test_repairs_without_any_grace_do_no_harm_to_uploads(tenant, later):
    """Repair without grace period and quarantine, so that only the locks protect uploads."""
    working = threading.Event()
    medium(tenant, b"untouched")

    def repairer():
        request = VerifyRequest(percent=100, repair=True, max_missing_percent=100)
        while not working.is_set():
            options = CheckOptions(now=later, grace=timedelta(0))
            verify(get_store(), request=request, options=options)

    def uploaders():
        try:
            in_threads(*(uploader(tenant, seed) for seed in range(UPLOADERS)))
        finally:
            working.set()

    in_threads(repairer, uploaders)
    services.release_expired(now=later)

    assert ledger_matches_the_bucket()
    assert used() == sum(in_ledger().values())
    assert not Reservation.objects.exists()
    assert not Orphan.objects.exists()


def test_an_object_that_is_put_but_not_settled_yet_is_no_orphan(tenant, checked, later):
    reservation = services.reserve(
        tenant=tenant, content_type="media", key=key(tenant, "new"), size_bytes=3, now=later
    )
    get_store().put(reservation, b"new", mime="image/png")

    report = checked(repair=True, grace=timedelta(0), percent=100)
    services.settle(reservation, now=later)

    assert report.clean
    assert sum(report.found.values()) == 0
    assert ledger_matches_the_bucket()


def test_one_check_at_a_time(checked, tenant):
    entered, go_on = threading.Event(), threading.Event()

    def holder():
        with check_runs.only_one():
            entered.set()
            assert go_on.wait(10)

    def second():
        assert entered.wait(10)
        try:
            with pytest.raises(CheckRunning):
                checked()
        finally:
            go_on.set()

    in_threads(holder, second)

    assert not IntegrityCheck.objects.exists()
    assert checked().clean


@pytest.mark.parametrize("steps", [1, 3, 6, 9, 12])
def test_a_check_that_is_killed_anywhere_is_gone_on_with(tenant, files, checked, later, steps):
    stored = [medium(tenant, f"picture {n}".encode()) for n in range(12)]
    checked()
    for name in stored[:3]:
        files.delete(name)
    smuggle(stored[3], b"another")
    strays = [smuggle(f"media/{tenant.pk}/stray{n}") for n in range(2)]

    worker = SetUpPython(
        "-m",
        "tests.integration.integrity_crash_worker",
        connection.settings_dict["NAME"],
        files.root,
        later.isoformat(),
        stdout=subprocess.PIPE,
    )
    for _ in range(steps):
        assert worker.stdout.readline()
    worker.kill()
    worker.wait()
    worker.stdout.close()

    _when_its_lock_is_gone(
        lambda: checked(repair=True, percent=100, grace=timedelta(0), max_missing_percent=100)
    )
    checked(repair=True, percent=100, now=later + timedelta(days=1), grace=timedelta(0))

    assert not set(strays) & set(objects())
    assert set(in_ledger()) == set(stored[3:])
    assert ledger_matches_the_bucket()
    assert used() == sum(in_ledger().values())
    assert not Reservation.objects.exists()


def _when_its_lock_is_gone(work):
    """Wait until PostgreSQL has noticed the death of a client."""
    for _ in range(100):
        try:
            return work()
        except CheckRunning:
            threading.Event().wait(0.1)
    raise AssertionError("the lock of a killed check is still held")
