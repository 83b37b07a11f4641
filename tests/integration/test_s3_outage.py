"""
The S3 server fails at each step of each operation, in each way: nothing is lost, nothing
leaks, and the error says what to do.

Afterwards the server is back, what it was slow with has happened, and the sweep ran: then
ledger, reservations and bucket have to agree.
"""

from datetime import timedelta

import pytest

from accounts.models import Tenant
from storage_quota import services
from storage_quota.models import Reservation
from storage_quota.object_store import StoreForbidden, StoreNotWritable, StoreUnavailable, use
from storage_quota.object_store.errors import OUT_OF_ORDER
from tests.faulty_proxy import FAULTS
from tests.s3_fixtures import PART_BYTES
from tests.storage_fixtures import in_bucket, in_ledger, used

pytestmark = pytest.mark.django_db

SMALL = b"picture"
BIG = bytes(PART_BYTES + 1)
WRITES = [("put", SMALL), ("create", BIG), ("part", BIG), ("complete", BIG)]
REMEDIES = {
    "stopped": "check the network, S3_ENDPOINT_URL",
    "slow": "check the network, S3_ENDPOINT_URL",
    "500": "see the provider's status",
    "403": "S3_ACCESS_KEY_ID",
    "cut": "provider.s status",
    "lost": "check the network, S3_ENDPOINT_URL",
}

every_fault = pytest.mark.parametrize("how", FAULTS)


@pytest.fixture
def tenant():
    return Tenant.objects.create(name="Alice")


@pytest.fixture
def faulty(behind_proxy):
    """Use the store behind the proxy, with short timeouts where the server will be slow."""

    def make(how="", **changes):
        patience = {"read_timeout_sec": 0.5} if how == "slow" else {}
        return behind_proxy(**(patience | changes))

    return make


@pytest.fixture
def put(tenant, now):
    def make(body=SMALL, name="a.jpg"):
        return services.put_object(
            tenant=tenant,
            content_type="media",
            key=f"media/{tenant.pk}/{name}",
            body=body,
            mime="image/jpeg",
            now=now,
        )

    return make


@pytest.fixture
def recovered(proxy, s3, now):
    """The server answers again, and some hours pass with their scheduled releases."""

    def make():
        proxy.carry_out_the_late()
        later = now + timedelta(hours=3)
        services.release_expired(now=later)
        services.abort_uploads(before=later)
        assert in_ledger() == in_bucket(s3)
        assert used() == sum(in_bucket(s3).values())
        assert not Reservation.objects.exists()
        assert list(s3.uploads()) == []

    return make


@pytest.mark.sampled(4)
@every_fault
@pytest.mark.parametrize(("step", "body"), WRITES)
def test_a_put_that_fails_leaves_nothing_and_can_be_repeated(
    faulty, proxy, s3, put, recovered, step, body, how
):
    proxy.fail(step, how)

    with use(faulty(how)), pytest.raises(OUT_OF_ORDER, match=REMEDIES[how]):
        put(body)

    with use(s3):
        recovered()
        assert in_bucket(s3) == {}
        stored = put(body)
        assert in_bucket(s3) == in_ledger() == {stored.key: len(body)}
        recovered()


@pytest.mark.sampled(4)
@every_fault
@pytest.mark.parametrize(("step", "body"), WRITES)
def test_a_put_over_an_older_object_that_fails_loses_neither_object_nor_count(
    faulty, proxy, s3, put, recovered, step, body, how
):
    with use(s3):
        stored = put(b"the older one")
    proxy.fail(step, how)

    with use(faulty(how)), pytest.raises(OUT_OF_ORDER):
        put(body)

    with use(s3):
        recovered()
        assert in_bucket(s3)[stored.key] in {13, len(body)}


@pytest.mark.sampled(4)
@every_fault
@pytest.mark.parametrize(("step", "body"), WRITES)
def test_the_work_repeated_before_any_sweep_counts_once(
    faulty, proxy, s3, put, recovered, step, body, how
):
    proxy.fail(step, how)
    with use(faulty(how)), pytest.raises(OUT_OF_ORDER):
        put(body)
    proxy.heal()

    with use(s3):
        stored = put(body)

        assert in_ledger() == {stored.key: len(body)}
        assert Reservation.objects.count() == 0
        recovered()


@pytest.mark.sampled(3)
@every_fault
def test_an_abort_that_fails_too_leaves_an_upload_the_sweep_finds(
    faulty, proxy, s3, put, recovered, how
):
    proxy.fail("part", "500")
    proxy.fail("abort", how)

    with use(faulty(how)), pytest.raises(StoreUnavailable, match="HTTP 500"):
        put(BIG)

    carried_out = how in {"lost", "cut"}  # only the answer did not arrive
    assert carried_out or list(s3.uploads())
    with use(s3):
        recovered()


@pytest.mark.costly
def test_a_put_carried_out_long_after_its_client_gave_up_is_found(
    faulty, proxy, s3, put, tenant, now
):
    proxy.fail("put", "slow")
    with use(faulty("slow")), pytest.raises(StoreUnavailable):
        put()
    with use(s3):
        services.release_expired(now=now + timedelta(minutes=10))

    proxy.carry_out_the_late()

    [reservation] = Reservation.objects.all()
    assert in_bucket(s3) == {reservation.key: reservation.size_bytes}
    with use(s3):
        services.release_expired(now=now + timedelta(hours=1))
    assert in_bucket(s3) == {}
    assert not Reservation.objects.exists()


@pytest.mark.costly
def test_the_late_one_is_found_also_after_a_repetition_that_was_refused(
    faulty, proxy, s3, put, recovered
):
    proxy.fail("put", "slow", times=1)
    proxy.fail("put", "403")
    with use(faulty("slow")):
        with pytest.raises(StoreUnavailable):
            put()
        with pytest.raises(StoreNotWritable):
            put()
        assert Reservation.objects.count() == 1

    with use(s3):
        recovered()
        assert in_bucket(s3) == {}


@pytest.mark.costly
def test_an_answer_lost_once_costs_a_repetition_and_nothing_else(faulty, proxy, s3, put, recovered):
    proxy.fail("put", "lost", times=1)

    with use(faulty(max_retry_attempts=2)):
        stored = put()
        recovered()

    assert proxy.steps.count("put") == 2
    assert in_bucket(s3) == {stored.key: len(SMALL)}


@pytest.mark.costly
def test_a_completion_whose_answer_was_lost_is_put_again(faulty, proxy, s3, put, recovered):
    proxy.fail("complete", "lost", times=1)
    proxy.fail("complete", "404", times=1)

    with use(faulty(max_retry_attempts=2)):
        with pytest.raises(StoreUnavailable, match="has to be put again"):
            put(BIG)
        stored = put(BIG)
        recovered()

    assert in_bucket(s3) == {stored.key: len(BIG)}


@every_fault
def test_a_get_that_fails_never_gives_a_part_for_the_whole(faulty, proxy, s3, put, how):
    with use(s3):
        stored = put(b"0123456789" * 50_000)
    proxy.fail("get", how)

    with pytest.raises(OUT_OF_ORDER, match=REMEDIES[how]), faulty(how).open(stored.key) as file:
        while file.read(1000):
            pass


@every_fault
def test_a_packed_document_cut_off_is_an_outage_not_a_broken_document(
    faulty, proxy, s3, tenant, now, how
):
    document = {str(number): now.isoformat() for number in range(1000)}
    fields = {"tenant": tenant, "content_type": "album", "key": f"album/{tenant.pk}/1.json"}
    with use(s3):
        stored = services.put_json(**fields, data=document, now=now)
    proxy.fail("get", how)

    with pytest.raises(OUT_OF_ORDER):
        faulty(how).read_json(stored.key)


@every_fault
def test_a_listing_that_fails_is_not_an_empty_bucket(faulty, proxy, s3, put, how):
    with use(s3):
        put()
    proxy.fail("list", how)

    with pytest.raises(OUT_OF_ORDER, match=REMEDIES[how]):
        list(faulty(how).list())


@every_fault
def test_a_list_of_uploads_that_fails_is_not_an_empty_one(faulty, proxy, how):
    proxy.fail("uploads", how)

    with pytest.raises(OUT_OF_ORDER, match=REMEDIES[how]):
        list(faulty(how).uploads())


@every_fault
def test_a_head_that_fails_is_not_an_absence(faulty, proxy, s3, put, how):
    with use(s3):
        stored = put()
    proxy.fail("head", how)

    with pytest.raises(OUT_OF_ORDER, match=REMEDIES[how]):
        faulty(how).head(stored.key)


def test_fact_010_a_head_refused_with_403_is_not_an_absence(faulty, proxy):
    proxy.fail("head", "403")

    with pytest.raises(StoreForbidden, match="denies access"):
        faulty().head("media/t/absent.jpg")


@every_fault
def test_a_deletion_that_fails_is_left_to_the_sweep(faulty, proxy, s3, put, recovered, now, how):
    with use(s3):
        stored = put()
    proxy.fail("delete", how)

    with use(faulty(how)):
        assert not services.remove([stored.key], now=now)
        assert Reservation.objects.get().size_bytes == len(SMALL)

    with use(s3):
        recovered()
        assert in_bucket(s3) == {}


@pytest.mark.sampled(4)
@every_fault
@pytest.mark.parametrize("step", ["head", "delete"])
def test_a_sweep_that_fails_keeps_the_reservation_for_the_next_one(
    faulty, proxy, s3, put, recovered, tenant, now, step, how
):
    with use(s3):
        stored = put()
        name = "a.jpg" if step == "head" else "never-put.jpg"
        services.reserve(
            tenant=tenant,
            content_type="media",
            key=f"media/{tenant.pk}/{name}",
            size_bytes=9,
            now=now,
        )
    proxy.fail(step, how)

    with use(faulty(how)):
        released = services.release_expired(now=now + timedelta(hours=2))
        assert (released.cleared, released.remaining) == (0, 1)
        assert Reservation.objects.count() == 1

    with use(s3):
        recovered()
        assert in_bucket(s3) == {stored.key: len(SMALL)}
