import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import tenants
from accounts.models import Tenant
from events.workers import liveness
from storage_quota import selectors, services, tasks
from storage_quota.models import Purpose, Reservation, StoredObject, TenantUsage
from storage_quota.object_store import StoreUnavailable, UnfinishedUpload
from storage_quota.reserve import RESERVATION_TTL
from storage_quota.services import QuotaExceeded, ReservationExpired, ReservationRequest
from storage_quota.units import GIB
from tests.storage_fixtures import in_bucket, in_ledger, key, used

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("limits", "store")]


@pytest.fixture
def bob():
    return Tenant.objects.create(name="Bob")


@pytest.fixture
def put(reserve, store, now):
    def make(size_bytes, name="", **changes):
        reservation = reserve(size_bytes, name, **changes)
        store.put(reservation, b"x" * size_bytes, mime="image/png")
        return services.settle(reservation, now=now)

    return make


def test_reserved_bytes_count_against_the_limit_before_they_are_uploaded(reserve):
    reserve(50)

    with pytest.raises(QuotaExceeded) as refusal:
        reserve(20)

    outlook = refusal.value.forecast
    assert (outlook.reason, outlook.requested, outlook.available) == ("media_limit", 20, 10)
    assert refusal.value.http_status == 507


def test_fact_014_landing_exactly_on_a_limit_is_allowed_and_one_byte_more_is_not(reserve):
    reserve(60)

    with pytest.raises(QuotaExceeded):
        reserve(1)


def test_fact_015_a_type_limit_counts_all_tenants(put, reserve, bob):
    put(40)
    put(15, tenant=bob)

    with pytest.raises(QuotaExceeded, match="media_limit: 6 B > 5 B"):
        reserve(6, tenant=bob)


@pytest.mark.parametrize(
    ("content_type", "most"), [("media", 60), ("vision", 50), ("crawl", 50), ("album", 10)]
)
def test_every_type_has_its_own_limit(reserve, content_type, most):
    with pytest.raises(QuotaExceeded, match=f"{content_type}_limit"):
        reserve(most + 1, content_type=content_type)

    assert reserve(most, content_type=content_type).size_bytes == most


def test_fact_013_a_tenant_has_a_limit_over_all_types(reserve):
    reserve(60)
    reserve(20, content_type="vision")

    with pytest.raises(QuotaExceeded, match="tenant_limit: 1 B > 0 B"):
        reserve(1, content_type="crawl")


def test_a_tenant_may_have_a_limit_of_its_own(reserve, tenant):
    tenant.limit_bytes = 5
    tenant.save()

    with pytest.raises(QuotaExceeded, match="tenant_limit"):
        reserve(6)


def test_a_tenants_own_limit_may_be_nothing(reserve, tenant):
    tenant.limit_bytes = 0
    tenant.save()

    with pytest.raises(QuotaExceeded, match="tenant_limit"):
        reserve(1)


def test_the_bucket_counts_ledger_and_reservations_of_everyone(put, reserve, bob):
    put(50)
    put(20, content_type="vision")
    reserve(30, content_type="crawl", tenant=bob)

    with pytest.raises(QuotaExceeded, match="bucket_full: 1 B > 0 B"):
        reserve(1, content_type="album", tenant=bob)


def test_the_bucket_is_asked_first_then_the_tenant_then_the_type(reserve):
    def reason(size):
        with pytest.raises(QuotaExceeded) as refusal:
            reserve(size)
        return refusal.value.forecast.reason

    assert [reason(101), reason(81), reason(61)] == ["bucket_full", "tenant_limit", "media_limit"]


def test_a_forecast_reserves_nothing(tenant):
    outlook = services.forecast(tenant=tenant, content_type="media", size_bytes=60)

    assert outlook.allowed
    assert outlook.available == 60
    assert not Reservation.objects.exists()


def test_fact_017_an_upload_refused_writes_nothing(tenant, store, now):
    with pytest.raises(QuotaExceeded):
        services.put_object(
            tenant=tenant,
            content_type="media",
            key=key(tenant),
            body=b"x" * 61,
            mime="image/png",
            now=now,
        )

    assert in_bucket(store) == {}
    assert not Reservation.objects.exists()


def test_a_batch_that_does_not_fit_is_granted_in_order(tenant, now):
    wants = [
        ReservationRequest(key(tenant, str(n)), size) for n, size in enumerate([30, 40, 20, 20, 10])
    ]

    answers = services.reserve_many(tenant=tenant, content_type="media", requests=wants, now=now)

    assert [isinstance(a, Reservation) for a in answers] == [True, False, True, False, True]
    assert answers[0].key == wants[0].key
    assert answers[1].forecast.available == 30


def test_a_limit_that_is_lowered_during_an_import_holds_for_its_next_batch(reserve, tenant):
    reserve(10, "first")
    Tenant.objects.filter(pk=tenant.pk).update(limit_bytes=15)

    with pytest.raises(QuotaExceeded, match="tenant_limit: 10 B > 5 B"):
        reserve(10, "second")


def test_a_type_limit_that_is_lowered_during_an_import_holds_for_its_next_batch(reserve, tenant):
    reserve(10, "first")
    Tenant.objects.filter(pk=tenant.pk).update(settings={"limits": {"media_gb": 15 / GIB}})

    with pytest.raises(QuotaExceeded, match="media_limit: 10 B > 5 B"):
        reserve(10, "second")


def test_a_limit_that_is_raised_during_an_import_lets_its_next_batch_in(reserve, tenant):
    tenant.limit_bytes = 15
    tenant.save()
    reserve(10, "first")
    Tenant.objects.filter(pk=tenant.pk).update(limit_bytes=20)

    assert reserve(10, "second").size_bytes == 10


def test_a_batch_of_nothing_is_granted(tenant, now):
    assert services.reserve_many(tenant=tenant, content_type="media", requests=[], now=now) == []


@pytest.mark.parametrize("size", [0, -1])
def test_a_reservation_is_of_at_least_one_byte(reserve, size):
    with pytest.raises(ValueError, match="at least one byte"):
        reserve(size)


def test_a_key_outside_of_the_tenants_folder_is_refused(tenant, bob, now):
    with pytest.raises(ValueError, match="outside of"):
        services.reserve(tenant=tenant, content_type="media", key=key(bob), size_bytes=1, now=now)


@pytest.mark.django_db(transaction=True)
def test_nobody_reserves_inside_a_transaction(tenant, now):
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        services.reserve(
            tenant=tenant, content_type="media", key=key(tenant), size_bytes=1, now=now
        )


def test_fact_033_settling_enters_the_object_and_moves_the_usage(put, tenant, now):
    stored = put(7, "a")

    usage = TenantUsage.objects.get()
    assert (usage.tenant, usage.content_type) == (tenant, "media")
    assert (usage.total_bytes, usage.objects_count, usage.last_updated) == (7, 1, now)
    assert usage.total_gb == 7 / 1024**3
    assert in_ledger() == {stored.key: 7}
    assert not Reservation.objects.exists()


def test_fact_034_settling_twice_counts_once(reserve, store, now):
    reservation = reserve(7)
    store.put(reservation, b"x" * 7, mime="image/png")

    services.settle(reservation, now=now)
    services.settle(reservation, now=now)

    assert used() == 7
    assert TenantUsage.objects.get().objects_count == 1


def test_less_than_reserved_is_charged_as_it_is(reserve, store, now):
    reservation = reserve(50)
    store.put(reservation, b"x" * 7, mime="image/png")

    services.settle(reservation, now=now)

    assert used() == 7


def test_a_key_stored_again_moves_the_usage_by_the_difference(put):
    put(7, "a")
    put(20, "a")
    put(3, "a")

    assert used() == 3
    assert TenantUsage.objects.get().objects_count == 1


def test_settling_is_undone_with_the_callers_transaction(reserve, store, now):
    reservation = reserve(7)
    store.put(reservation, b"x" * 7, mime="image/png")

    with transaction.atomic():
        services.settle(reservation, now=now)
        transaction.set_rollback(True)

    assert in_ledger() == {}
    assert used() == 0
    assert Reservation.objects.count() == 1


def test_many_are_settled_over_types_at_once(reserve, store, now):
    reservations = [reserve(5), reserve(6), reserve(7, content_type="vision")]
    for reservation in reservations:
        store.put(reservation, b"x" * reservation.size_bytes, mime="image/png")

    services.settle_many(reservations, now=now)

    usage = selectors.bucket_usage()
    assert usage.total_bytes == 18
    assert usage.by_type["media"].objects_count == 2
    assert usage.by_type["vision"].total_bytes == 7
    assert usage.by_type["crawl"].total_bytes == 0
    assert usage.reserved_bytes == 0


def test_what_was_not_put_cannot_be_settled(reserve, now):
    with pytest.raises(ValueError, match="nothing was put"):
        services.settle(reserve(7), now=now)


def test_settling_what_does_not_belong_to_the_reservation_is_refused(reserve, store, now):
    reservation = reserve(7)
    store.put(reservation, b"x", mime="image/png")
    reservation.receipt = replace(reservation.receipt, size_bytes=8)

    with pytest.raises(ValueError, match="was not put on the reservation"):
        services.settle(reservation, now=now)


def test_of_two_puts_at_once_the_ledger_keeps_the_larger(reserve, store, now):
    short, long = reserve(3, "a"), reserve(9, "a")
    store.put(long, b"x" * 9, mime="image/png")
    store.put(short, b"x" * 3, mime="image/png")

    services.settle(long, now=now)
    services.settle(short, now=now)

    assert list(in_ledger().values()) == [9]
    assert used() == 9


def test_released_bytes_are_free_again(reserve):
    reservation = reserve(60)

    assert services.release(reservation)

    reserve(60)


def test_a_release_deletes_what_a_failed_put_left(reserve, store):
    reservation = reserve(7)
    store.put(reservation, b"x" * 7, mime="image/png")

    services.release(reservation)

    assert in_bucket(store) == {}
    assert not Reservation.objects.exists()


def test_which_of_two_puts_at_once_came_last_is_found_out_by_the_sweep(reserve, store, now):
    short, long = reserve(3, "a"), reserve(9, "a")
    store.put(long, b"x" * 9, mime="image/png")
    store.put(short, b"x" * 3, mime="image/png")
    services.settle_many([long], now=now)
    services.settle_many([short], now=now)

    assert selectors.taken_in_all() == 10
    assert Reservation.objects.get().purpose == Purpose.RECHECK
    services.release_expired(now=now)

    assert in_ledger() == in_bucket(store) == {short.key: 3}
    assert used() == 3
    assert not Reservation.objects.exists()


def test_two_live_reservations_for_one_content_are_charged_twice_until_one_of_them_ends(
    reserve, now
):
    reserve(40, "a")

    with pytest.raises(QuotaExceeded):
        reserve(40, "a", now=now + RESERVATION_TTL - timedelta(seconds=1))

    assert reserve(20, "a").contested


def test_a_release_leaves_the_object_somebody_else_stored(put, reserve, store):
    put(7, "a")
    late = reserve(7, "a")
    store.put(late, b"y" * 7, mime="image/png")

    services.release(late)

    assert list(in_bucket(store).values()) == [7]
    assert used() == 7


def test_a_release_leaves_the_object_somebody_else_is_storing(reserve, store, now):
    mine, theirs = reserve(7, "a"), reserve(7, "a")
    store.put(theirs, b"x" * 7, mime="image/png")

    assert not services.release(mine)

    services.settle(theirs, now=now)
    assert list(in_bucket(store).values()) == [7]
    services.release_expired(now=now)
    assert used() == 7
    assert not Reservation.objects.exists()


def test_releasing_an_unused_reservation_deletes_what_the_one_it_took_over_left(
    reserve, store, now
):
    killed = reserve(7, "a")
    store.put(killed, b"x" * 7, mime="image/png")

    services.release(reserve(7, "a", now=now + RESERVATION_TTL))

    assert in_bucket(store) == {}
    assert not Reservation.objects.exists()


def test_while_the_store_is_down_a_released_reservation_still_counts(reserve, store, now):
    reservation = reserve(60)
    store.put(reservation, b"x" * 60, mime="image/png")
    store.down = True

    assert not services.release(reservation)
    with pytest.raises(QuotaExceeded):
        reserve(1)

    store.down = False
    assert services.release_expired(now=now).cleared == 1
    assert in_bucket(store) == {}


def test_retries_during_an_outage_do_not_fill_the_bucket_with_reservations(tenant, store, now):
    store.down = True
    for _ in range(10):
        with pytest.raises(StoreUnavailable):
            services.put_object(
                tenant=tenant,
                content_type="media",
                key=key(tenant, "a"),
                body=b"x" * 40,
                mime="image/png",
                now=now,
            )

    assert [r.size_bytes for r in Reservation.objects.all()] == [40]


def test_an_expired_reservation_counts_until_the_bucket_was_looked_at(reserve, store, tenant, now):
    reserve(60)
    store.down = True

    with pytest.raises(QuotaExceeded):
        reserve(1, now=now + 2 * RESERVATION_TTL)

    store.down = False
    reserve(1, now=now + 2 * RESERVATION_TTL)


def test_the_sweep_deletes_what_no_ledger_knows(reserve, store, now):
    reservation = reserve(7)
    store.put(reservation, b"x" * 7, mime="image/png")

    released = services.release_expired(now=now + RESERVATION_TTL)

    assert (released.cleared, released.remaining) == (1, 0)
    assert in_bucket(store) == {}
    assert not Reservation.objects.exists()


def test_the_sweep_aborts_what_the_missing_writer_left_half_written(reserve, store, now):
    killed = reserve(7)
    store.unfinished = [
        UnfinishedUpload(killed.key, "1", now),
        UnfinishedUpload(f"{killed.key}2", "2", now),
    ]

    services.release_expired(now=now + RESERVATION_TTL)

    assert [upload.upload_id for upload in store.unfinished] == ["2"]


def test_the_sweep_keeps_what_the_ledger_knows_and_corrects_its_size(put, reserve, store, now):
    put(7, "a")
    killed = reserve(20, "a")
    store.put(killed, b"x" * 20, mime="image/png")

    services.release_expired(now=now + RESERVATION_TTL)

    assert list(in_bucket(store).values()) == [20]
    assert list(in_ledger().values()) == [20]
    assert used() == 20


def test_the_sweep_leaves_a_key_to_a_reservation_that_is_still_good(reserve, store, now):
    reserve(7, "a")
    fresh = reserve(9, "a", now=now + timedelta(minutes=59))
    store.put(fresh, b"x" * 9, mime="image/png")

    released = services.release_expired(now=now + RESERVATION_TTL)

    assert (released.cleared, released.remaining) == (0, 1)
    assert list(in_bucket(store).values()) == [9]


def test_a_reservation_that_was_swept_is_not_settled(reserve, store, now):
    reservation = reserve(7)
    store.put(reservation, b"x" * 7, mime="image/png")
    services.release_expired(now=now + RESERVATION_TTL)

    with pytest.raises(ReservationExpired):
        services.settle(reservation, now=now)

    assert in_ledger() == {}
    assert used() == 0


def test_an_object_put_after_the_sweep_is_deleted_by_the_release(reserve, store, now):
    reservation = reserve(7)
    services.release_expired(now=now + RESERVATION_TTL)
    store.put(reservation, b"x" * 7, mime="image/png")

    with pytest.raises(ReservationExpired):
        services.settle(reservation, now=now)
    services.release(reservation)

    assert in_bucket(store) == {}
    assert not Reservation.objects.exists()


def test_a_swept_reservation_is_settled_if_the_same_bytes_were_stored_meanwhile(
    put, reserve, store, now
):
    late = reserve(7, "a")
    store.put(late, b"x" * 7, mime="image/png")
    services.release_expired(now=now + RESERVATION_TTL)
    put(7, "a")

    services.settle(late, now=now)

    assert used() == 7


def test_the_scheduled_task_says_what_it_did(reserve):
    reserve(7)

    assert tasks.release_expired(unknown="argument") in {
        "cleared 0, left 0; 0 uploads aborted",
        "cleared 1, left 0; 0 uploads aborted",
    }


def test_the_scheduled_task_says_so_when_the_store_is_out_of_order(reserve, store):
    reserve(7)
    store.down = True

    assert tasks.release_expired() in {
        "cleared 0, left 0; The store in memory is switched off",
        "cleared 0, left 1; The store in memory is switched off",
    }


def test_a_new_reservation_clears_away_what_a_killed_writer_left_half_written(reserve, store, now):
    """The killed writer's reservation is replaced, so nothing would count its bytes any more."""
    killed = reserve(20, "a")
    store.unfinished = [
        UnfinishedUpload(killed.key, "1", now),
        UnfinishedUpload(killed.key + "b", "2", now),
    ]

    again = reserve(20, "a", now=now + RESERVATION_TTL)

    assert [upload.upload_id for upload in store.unfinished] == ["2"]
    assert Reservation.objects.get() == again


def test_what_a_killed_writer_left_counts_until_the_store_has_aborted_it(reserve, store, now):
    """While the store is away nothing can be put either; replaced, its upload would count no more."""
    killed = reserve(20, "a")
    store.down = True

    with pytest.raises(StoreUnavailable):
        reserve(20, "a", now=now + RESERVATION_TTL)

    assert Reservation.objects.get() == killed


@pytest.fixture
def gone(monkeypatch):
    """Another worker that is not alive; that is certain after some tenths of a second here."""
    liveness.stop()
    monkeypatch.setattr(liveness, "CHECK_EVERY", 0.05)
    monkeypatch.setattr(liveness, "GONE_AFTER", 0.3)
    yield uuid.uuid4()
    liveness.stop()


def test_a_worker_killed_again_and_again_reserves_once(reserve, store, now, gone):
    for attempt in range(5):
        killed = reserve(20, "a")
        Reservation.objects.update(writer=gone)
        store.unfinished.append(UnfinishedUpload(killed.key, str(attempt), now))
        assert selectors.taken_in_all() == 20

    again = reserve(20, "a")

    assert Reservation.objects.get() == again
    assert store.unfinished == []
    assert not again.contested
    assert again.may_land_until == killed.expires_at  # a late put may still be carried out


def test_what_a_killed_worker_reserved_is_aborted_before_it_is_settled(reserve, store, now, gone):
    killed = reserve(20, "a")
    Reservation.objects.update(writer=gone)
    store.unfinished = [UnfinishedUpload(killed.key, "1", now)]

    again = reserve(20, "a")
    store.put(again, b"x" * 20, mime="image/png")
    services.settle(again, now=now)

    assert store.unfinished == []
    assert not Reservation.objects.exists()
    assert in_ledger() == in_bucket(store)


def test_a_key_that_somebody_alive_writes_too_is_left_to_both(reserve, store, now, gone):
    killed = reserve(7, "a")
    Reservation.objects.update(writer=gone)
    alive = Reservation.objects.create(
        **{field: getattr(killed, field) for field in ("tenant", "content_type", "key")},
        size_bytes=7,
        created_at=now,
        expires_at=killed.expires_at,
        writer=liveness.worker_id(),
    )
    store.unfinished = [UnfinishedUpload(killed.key, "theirs", now)]

    reserve(7, "a")

    assert [upload.upload_id for upload in store.unfinished] == ["theirs"]
    assert {killed, alive} < set(Reservation.objects.all())


def test_the_scheduled_task_aborts_what_is_ours_and_old(store):
    old, young = timezone.now() - timedelta(hours=3), timezone.now()
    store.unfinished = [
        UnfinishedUpload("media/t/old.mp4", "1", old),
        UnfinishedUpload("media/t/young.mp4", "2", young),
        UnfinishedUpload("backup/theirs.tar", "3", old),
    ]

    assert tasks.release_expired().endswith("1 uploads aborted")
    assert [upload.upload_id for upload in store.unfinished] == ["2", "3"]


def test_removing_subtracts_and_deletes(put, store, now):
    stored = put(7)
    put(8)

    assert services.remove([stored.key, "media/absent"], now=now)

    assert used() == 8
    assert stored.key not in in_bucket(store)
    assert not Reservation.objects.exists()


def test_forgotten_bytes_stay_counted_until_the_object_is_gone(put, store, reserve, now):
    stored = put(60)
    store.down = True

    tombstones = services.forget([stored.key], now=now)

    assert [row.purpose for row in tombstones] == [Purpose.TOMBSTONE]
    assert used() == 0
    with pytest.raises(QuotaExceeded):
        reserve(1)
    store.down = False
    services.release_many(tombstones)
    reserve(60)
    assert in_bucket(store) == {}


def test_a_key_that_is_forgotten_and_stored_again_survives_the_sweep(put, store, now):
    services.forget([put(7, "a").key], now=now)
    stored = put(9, "a")

    services.release_expired(now=now)

    assert in_bucket(store) == {stored.key: 9}
    assert used() == 9


def test_a_failed_put_gives_its_bytes_back(tenant, store, now):
    class Torn:
        def read(self, size=-1):
            raise ValueError("torn")

        def tell(self):
            return 0

        def seek(self, offset):
            return 0

        def readinto(self, buffer):
            return 0

        def readable(self):
            return True

    with pytest.raises(ValueError, match="torn"):
        services.put_object(
            tenant=tenant,
            content_type="media",
            key=key(tenant),
            body=Torn(),
            mime="image/png",
            now=now,
        )

    assert not Reservation.objects.exists()


def test_an_empty_object_can_be_stored_and_removed(tenant, store, now):
    stored = services.put_object(
        tenant=tenant, content_type="media", key=key(tenant), body=b"", mime="text/plain", now=now
    )

    assert stored.size_bytes == 0
    assert services.remove([stored.key], now=now)
    assert in_bucket(store) == {}


def test_json_is_stored_packed_and_charged_as_stored(tenant, store, now):
    data = {"text": "привет " * 20}

    services.put_json(
        tenant=tenant,
        content_type="vision",
        key=key(tenant, "a.json", "vision"),
        data=data,
        now=now,
    )

    [(name, size)] = in_bucket(store).items()
    assert store.read_json(name) == data
    assert used() == size


def test_fact_029_the_usage_of_a_tenant_is_the_sum_of_its_types(put, tenant, bob):
    put(7)
    put(8, content_type="vision")
    put(9, tenant=bob)

    assert selectors.tenant_usage(tenant_id=tenant.pk).total_bytes == 15
    assert selectors.bucket_usage().total_bytes == 24
    assert selectors.bucket_usage().last_updated is not None


def test_the_database_refuses_a_key_in_a_strangers_folder(tenant, bob, now):
    with pytest.raises(IntegrityError, match="stored_object_key_in_own_folder"):
        StoredObject.objects.create(
            key=key(bob),
            tenant=tenant,
            content_type="media",
            size_bytes=1,
            mime="image/png",
            created_at=now,
            updated_at=now,
        )


def test_the_database_knows_the_purposes_and_lets_only_uploads_last(reserve, now):
    reservation = reserve(1)
    assert reservation.purpose == Purpose.UPLOAD

    with pytest.raises(IntegrityError, match="reservation_purpose_known"), transaction.atomic():
        Reservation.objects.update(purpose="other", expires_at=now)
    with (
        pytest.raises(IntegrityError, match="reservation_other_purposes_expired"),
        transaction.atomic(),
    ):
        Reservation.objects.update(purpose=Purpose.TOMBSTONE)


@pytest.mark.parametrize("column", ["total_bytes", "objects_count"])
def test_the_database_refuses_usage_below_zero(tenant, now, column):
    with pytest.raises(IntegrityError, match="not_negative"):
        TenantUsage.objects.create(
            tenant=tenant, content_type="media", last_updated=now, created_at=now, **{column: -1}
        )


def test_the_default_tenant_is_made_once(settings):
    assert tenants.default_tenant() == tenants.default_tenant()
    assert tenants.default_tenant().pk == settings.S3.default_tenant_id
    assert tenants.default_tenant().name == "default"


def test_a_tenant_is_found_by_name_or_by_id(tenant):
    assert tenants.find_tenant("Alice") == tenant
    assert tenants.find_tenant(str(tenant.pk)) == tenant
    assert tenants.find_tenant(None) == tenants.default_tenant()
    with pytest.raises(tenants.TenantUnknown):
        tenants.find_tenant("Mallory")


def test_the_cost_of_a_reservation_does_not_grow_with_the_ledger(
    put, reserve, tenant, settings, django_assert_num_queries
):
    settings.LIMITS = replace(settings.LIMITS, by_type={"media": 10_000}, total_bytes=10_000)
    tenant.limit_bytes = 10_000
    for _ in range(20):
        put(1)

    with django_assert_num_queries(5):
        reserve(1)


@pytest.mark.parametrize("is_down", [False, True])
def test_who_releases_what_was_settled_and_forgotten_takes_nothing_twice(
    reserve, store, now, is_down
):
    reservation = reserve(28)
    store.put(reservation, b"x" * 28, mime="image/png")
    services.settle(reservation, now=now)
    services.forget([reservation.key], now=now)  # a cleanup that is killed before it deletes
    before = selectors.taken_in_all()
    store.down = is_down

    with pytest.raises(ReservationExpired):
        services.settle(reservation, now=now)
    services.release(reservation)

    assert selectors.taken_in_all() == before == 28
    store.down = False
    services.release_expired(now=now + timedelta(hours=3))
    assert (selectors.taken_in_all(), in_bucket(store)) == (0, {})


class TestReleasedAfterTheRowIsGone:
    """What was given back, and may be another's by now, is not taken back unasked."""

    @pytest.fixture
    def settled_and_evicted(self, reserve, store, now):
        """A reservation whose holder does not know that all of it is over."""

        def make(size_bytes=28):
            reservation = reserve(size_bytes)
            store.put(reservation, b"x" * size_bytes, mime="image/png")
            services.settle(reservation, now=now)
            services.remove([reservation.key], now=now)
            return reservation

        return make

    @pytest.fixture(params=["bucket", "type", "tenant"])
    def limit(self, request, settings, limits, tenant):
        """Thirty bytes, in each of the limits."""
        if request.param == "bucket":
            settings.LIMITS = replace(settings.LIMITS, total_bytes=30, emergency_bytes=29)
        elif request.param == "type":
            settings.LIMITS = replace(
                settings.LIMITS, by_type={**settings.LIMITS.by_type, "media": 30}
            )
        else:
            tenant.limit_bytes = 30
            tenant.save()
        return 30

    @pytest.mark.usefixtures("limit")
    def test_it_passes_no_limit_while_the_store_is_away(
        self, settled_and_evicted, reserve, store, now
    ):
        over = settled_and_evicted()
        reserve(28, "another.png")
        store.down = True

        services.release(over)

        assert selectors.taken_in_all() == 30
        with pytest.raises(QuotaExceeded):
            reserve(1, "third.png")
        store.down = False
        services.release_expired(now=now)
        assert selectors.taken_in_all() == 28
        reserve(2, "third.png")

    @pytest.mark.usefixtures("limit")
    def test_where_nothing_is_free_its_key_is_cleared_all_the_same(
        self, reserve, store, now, in_another_process_cleared
    ):
        late = in_another_process_cleared(28)
        store.put(late, b"x" * 28, mime="image/png")  # lands after the key was cleared
        reserve(30, "another.png")
        store.down = True

        services.release(late)

        assert (selectors.taken_in_all(), Reservation.objects.count()) == (30, 2)
        store.down = False
        assert late.key in in_bucket(store)
        services.release_expired(now=now)
        assert in_bucket(store) == {}
        assert (selectors.taken_in_all(), Reservation.objects.count()) == (30, 1)

    @pytest.fixture
    def in_another_process_cleared(self, reserve, now):
        """A reservation that was ended as that of a writer who is gone; its writer lives."""

        def make(size_bytes):
            reservation = reserve(size_bytes)
            Reservation.objects.filter(pk=reservation.pk).delete()
            return reservation

        return make

    def test_where_there_is_room_the_bytes_are_kept_for_what_may_lie_there(
        self, settled_and_evicted, store
    ):
        over = settled_and_evicted()
        store.down = True

        services.release(over)

        assert selectors.taken_in_all() == 28

    @pytest.mark.usefixtures("limit")
    def test_several_at_once_pass_no_limit_together(self, settled_and_evicted, store, tenant):
        both = [settled_and_evicted(20), settled_and_evicted(20)]
        store.down = True

        services.release_many(both)

        assert selectors.taken_in_all() == 30
