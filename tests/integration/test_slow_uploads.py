"""An upload that is so slow that its reservation expires meanwhile: never half of it, never lost."""

import time
from datetime import timedelta
from io import BytesIO

import pytest
from django.utils import timezone

from accounts.models import Tenant
from storage_quota import services
from storage_quota.models import Reservation, StoredObject
from storage_quota.object_store import StoreUnavailable, get_store, use
from storage_quota.object_store.adapters import FINISH_WITHIN
from storage_quota.reserve import PUT_WITHIN, RESERVATION_TTL
from tests.concurrency import in_threads
from tests.s3_fixtures import PART_BYTES
from tests.storage_fixtures import in_bucket, key

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = 3 * PART_BYTES


class Slow(BytesIO):
    """Content of which a part comes after something else has happened."""

    def __init__(self, body: bytes, *, meanwhile) -> None:
        super().__init__(body)
        self.meanwhile, self.had = meanwhile, 0

    def read(self, size=-1):
        chunk = super().read(size)
        self.had += len(chunk)
        if self.had >= 2 * PART_BYTES and self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return chunk


@pytest.fixture
def tenant():
    return Tenant.objects.create(name="Alice")


@pytest.fixture(params=["s3", "files"])
def any_store(request):
    with use(request.getfixturevalue(request.param)) as store:
        yield store


def reserve(tenant) -> Reservation:
    return services.reserve(
        tenant=tenant, content_type="media", key=key(tenant, "slow"), size_bytes=SIZE,
        now=timezone.now(),
    )  # fmt: skip


def settled(store) -> None:
    services.release_expired(now=timezone.now() + 3 * RESERVATION_TTL)
    ledger = dict(StoredObject.objects.values_list("key", "size_bytes"))
    assert in_bucket(store) == ledger
    assert not Reservation.objects.exists()
    assert not list(store.uploads())


def test_a_living_writer_stops_by_its_own_clock_before_others_take_it_for_lost(any_store, tenant):
    row = reserve(tenant)

    def too_late():
        row.write_deadline = time.monotonic() - FINISH_WITHIN - 1

    with pytest.raises(StoreUnavailable, match="has to be put again"):
        get_store().put(row, Slow(b"x" * SIZE, meanwhile=too_late), mime="image/png")

    assert list(any_store.uploads()) == []  # its own end, not that of others
    services.release(row)
    settled(any_store)
    assert in_bucket(any_store) == {}


def test_between_that_and_the_end_of_the_reservation_is_time_for_the_last_requests():
    last_read = PUT_WITHIN + timedelta(seconds=FINISH_WITHIN)

    assert RESERVATION_TTL - last_read >= timedelta(seconds=5 * 90)  # CONTRACT §6.1, one part


def test_a_writer_whose_host_stood_still_fails_cleanly_and_may_put_again(any_store, tenant):
    """Its clock could not stop it: a virtual machine was paused, say."""
    row = reserve(tenant)

    def expire():
        # From another connection, as the sweep of another host.
        later = timezone.now() + 2 * RESERVATION_TTL
        in_threads(lambda: services.release_expired(now=later))

    with pytest.raises(StoreUnavailable):  # moto answers 500 where S3 says NoSuchUpload
        get_store().put(row, Slow(b"x" * SIZE, meanwhile=expire), mime="image/png")
    services.release(row)
    Reservation.objects.update(may_land_until=None)
    again = services.put_object(
        tenant=tenant, content_type="media", key=key(tenant, "slow"), body=b"x" * SIZE,
        mime="image/png", now=timezone.now(),
    )  # fmt: skip

    assert again.size_bytes == SIZE
    settled(any_store)
    assert in_bucket(any_store) == {again.key: SIZE}
