"""Sixty-four processes and space for ten: the limit holds, whichever of them are killed."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Tenant
from storage_quota import selectors, services
from storage_quota.models import Reservation
from storage_quota.reserve import RESERVATION_TTL
from telegram_assistant.config import Limits
from tests.processes import SetUpPython
from tests.storage_fixtures import in_bucket, in_ledger, used

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS, PLACES, SIZE = 64, 10, 300_000
LIMIT = PLACES * SIZE


@pytest.fixture
def tenant(transactional_db):
    return Tenant.objects.create(name="Alice")


@pytest.fixture
def limits(settings):
    settings.LIMITS = Limits(
        total_bytes=LIMIT,
        emergency_bytes=LIMIT,
        tenant_bytes=LIMIT,
        by_type=dict.fromkeys(("media", "vision", "crawl", "album"), LIMIT),
    )


@pytest.fixture
def run(tenant, files, limits):
    """
    Run the writers, and compare bucket and ledger all the time; returns how often.

    Nothing leaves the bucket meanwhile, so reading it first and the ledger second is as good as
    reading both at once.
    """
    started = []

    def make(*, count=WRITERS, doomed=0):
        arguments = [files.root, tenant.pk, LIMIT, SIZE, count, doomed]
        name = connection.settings_dict["NAME"]
        writers = SetUpPython("-m", "tests.integration.quota_writers", name, *arguments)
        started.append(writers)
        comparisons = 0
        while writers.poll() is None:
            compare(files)
            comparisons += 1
            time.sleep(0.02)
        assert writers.returncode == 0
        compare(files)
        return comparisons

    yield make
    for writers in started:
        writers.kill()
        writers.wait()


def compare(files):
    stored, drafts = sum(in_bucket(files).values()), half_written(files)
    taken = selectors.taken_in_all()
    assert stored + drafts <= taken <= LIMIT


def half_written(files):
    """Bytes of drafts, which take space as well; each is counted as a draft or as an object."""
    size = 0
    for path in (files.root / ".uploads").rglob("*"):
        try:
            size += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return size


def reserved():
    return sum(Reservation.objects.values_list("size_bytes", flat=True))


def test_of_sixty_four_processes_exactly_ten_get_a_place(files, run):
    comparisons = run()

    assert len(in_bucket(files)) == PLACES
    assert in_bucket(files) == in_ledger()
    assert used() == LIMIT
    assert reserved() == 0
    assert comparisons > PLACES


def test_a_quarter_is_killed_and_after_an_hour_the_ledger_is_right_to_the_byte(files, run):
    run(doomed=WRITERS // 4)

    assert used() + reserved() == LIMIT
    assert reserved() >= 4 * SIZE

    later = timezone.now() + RESERVATION_TTL + timedelta(seconds=1)
    released = services.release_expired(now=later)

    assert released.remaining == 0
    assert in_bucket(files) == in_ledger()
    assert used() == sum(in_bucket(files).values()) < LIMIT
    assert reserved() == half_written(files) == 0

    run(count=2 * PLACES)

    assert len(in_bucket(files)) == PLACES
    assert in_bucket(files) == in_ledger()
    assert used() == LIMIT
