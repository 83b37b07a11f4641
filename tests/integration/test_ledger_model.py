"""The ledger against a model, through any sequence of events hypothesis thinks of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from storage_quota import services
from storage_quota.models import Reservation, StoredObject, Tenant, TenantUsage
from storage_quota.object_store import StoreUnavailable, use
from storage_quota.object_store.memory import MemoryStore
from storage_quota.services import QuotaExceeded, ReservationExpired
from tests import storage_fixtures as given
from tests.storage_fixtures import in_bucket, in_ledger, used

limits = given.limits

LIMIT = 60
names = st.sampled_from(["a", "b", "c"])
sizes = st.integers(min_value=1, max_value=40)


class Books(RuleBasedStateMachine):
    promised = Bundle("promised")
    written = Bundle("written")
    entered = Bundle("entered")

    def __init__(self):
        super().__init__()
        for model in (Reservation, StoredObject, TenantUsage, Tenant):
            model.objects.all().delete()
        self.tenant = Tenant.objects.create(name="Alice")
        self.store = MemoryStore()
        self.using = use(self.store)
        self.using.__enter__()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def teardown(self):
        self.using.__exit__(None, None, None)

    @rule(target=promised, name=names, size=sizes)
    def reserve(self, name, size):
        try:
            return services.reserve(
                tenant=self.tenant,
                content_type="media",
                key=f"media/{self.tenant.pk}/{name}",
                size_bytes=size,
                now=self.now,
            )
        except QuotaExceeded:
            return multiple()

    @rule(target=written, reservation=consumes(promised), share=st.floats(0.1, 1))
    def put(self, reservation, share):
        """A put begins in the first half of a promise's life; the store sees to that."""
        body = b"x" * max(1, int(reservation.size_bytes * share))
        if reservation.expires_at <= self.now or self.store.down:
            return multiple()
        self.store.put(reservation, body, mime="image/png")
        return reservation

    @rule(target=entered, reservation=consumes(written))
    def settle(self, reservation):
        try:
            services.settle(reservation, now=self.now)
        except ReservationExpired:
            services.release(reservation)
            return multiple()
        return reservation

    @rule(reservation=entered)
    def settle_again(self, reservation):
        if reservation.stored is None:
            return  # released
        before = used()
        try:
            services.settle(reservation, now=self.now)
        except ReservationExpired:
            services.release(reservation)
        assert used() == before

    @rule(reservation=consumes(promised))
    def release_unused(self, reservation):
        services.release(reservation)

    @rule(reservation=consumes(written))
    def release_after_a_put(self, reservation):
        services.release(reservation)

    @rule(reservation=consumes(written))
    def crash(self, reservation):
        """Nobody will ever settle or release it."""

    @rule(minutes=st.integers(1, 90))
    def time_goes_by(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule()
    def sweep(self):
        services.release_expired(now=self.now)

    @rule(name=names)
    def remove(self, name):
        services.remove([f"media/{self.tenant.pk}/{name}"], now=self.now)

    @rule(name=names)
    def forget_and_crash(self, name):
        services.forget([f"media/{self.tenant.pk}/{name}"], now=self.now)

    @rule(name=names, size=sizes)
    def put_whole(self, name, size):
        try:
            services.put_object(
                tenant=self.tenant,
                content_type="media",
                key=f"media/{self.tenant.pk}/{name}",
                body=bytes([size]) * size,
                mime="image/png",
                now=self.now,
            )
        except (QuotaExceeded, StoreUnavailable):
            return

    @rule()
    def outage(self):
        self.store.down = not self.store.down

    @invariant()
    def the_usage_is_the_sum_of_the_ledger(self):
        assert used() == sum(in_ledger().values())

    @invariant()
    def ledger_and_promises_cover_the_bucket_and_respect_the_limit(self):
        promised = sum(Reservation.objects.values_list("size_bytes", flat=True))
        bucket = sum(entry.info.size_bytes for entry in self.store._entries.values())
        assert bucket <= used() + promised
        assert used() <= LIMIT

    @invariant()
    def what_the_ledger_knows_is_in_the_bucket(self):
        assert set(in_ledger()) <= set(self.store._entries)

    @invariant()
    def after_all_promises_ended_ledger_and_bucket_have_the_same_keys(self):
        if not Reservation.objects.exists() and not self.store.down:
            assert set(in_ledger()) == set(in_bucket(self.store))


@pytest.mark.django_db
@pytest.mark.usefixtures("limits")
def test_the_books_are_right_after_anything():
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )


def test_the_model_has_the_limit_it_thinks_it_has(limits):
    assert replace(limits).by_type["media"] == LIMIT
