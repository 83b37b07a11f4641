"""The ledger against a model, through any sequence of events that hypothesis invents."""

import tempfile
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
from django.db import transaction
from django.db.models import Count
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import Tenant
from media.models import Channel, MediaObject, Post, PostMedia, media_object_id
from storage_quota import cleanup, keys, selectors, services
from storage_quota.cleanup import CleanupRule, Step
from storage_quota.models import Reservation, StoredObject, TenantUsage
from storage_quota.object_store import StoreUnavailable, UnfinishedUpload, use
from storage_quota.object_store.files import UPLOADS, FileStore
from storage_quota.object_store.memory import MemoryStore
from storage_quota.services import NOT_STORED, QuotaExceeded, ReservationExpired
from tests import factories
from tests.storage_fixtures import in_bucket, in_ledger, used

BUCKET, OF_TYPE = 100, {"media": 60, "vision": 50}
KINDS = tuple(OF_TYPE)
kinds = st.sampled_from(KINDS)
names = st.sampled_from(["a", "b", "c"])
owners = st.integers(0, 1)
sizes = st.integers(min_value=1, max_value=40)


class LedgerMachine(RuleBasedStateMachine):
    """Two tenants share a bucket of 100 bytes in memory."""

    reserved = Bundle("reserved")
    written = Bundle("written")
    entered = Bundle("entered")
    posts = Bundle("posts")

    def __init__(self):
        super().__init__()
        for model in (
            PostMedia,
            Post,
            Channel,
            MediaObject,
            Reservation,
            StoredObject,
            TenantUsage,
            Tenant,
        ):
            model.objects.all().delete()
        self.tenants = [Tenant.objects.create(name=name) for name in ("Alice", "Bob")]
        self.channels = [factories.channel(owner=owner) for owner in self.tenants]
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.scope = ExitStack()
        self.store = self.open_store()
        self.scope.enter_context(use(self.store))
        self.numbers = count(1)

    def open_store(self):
        return MemoryStore()

    def teardown(self):
        """Once every reservation has expired, bucket and ledger are the same, whatever happened."""
        self.end_outage()
        self.now += timedelta(hours=3)
        released = services.release_expired(now=self.now)
        assert released.remaining == 0
        assert in_bucket(self.store) == in_ledger()
        assert used() == sum(in_ledger().values()) == selectors.taken_in_all()
        services.abort_uploads(before=datetime.now(UTC) + timedelta(hours=3))
        assert not list(self.store.uploads())
        self.scope.close()

    @property
    def down(self):
        return self.store.down

    def end_outage(self):
        self.store.down = False

    def leave_half(self, reservation):
        self.store.unfinished.append(
            UnfinishedUpload(reservation.key, str(reservation.pk), self.now)
        )

    # One object after the other.

    @rule(target=reserved, owner=owners, kind=kinds, name=names, size=sizes)
    def reserve(self, owner, kind, name, size):
        tenant = self.tenants[owner]
        before = selectors.taken_in_all()
        try:
            reservation = services.reserve(
                tenant=tenant,
                content_type=kind,
                key=f"{kind}/{tenant.pk}/{name}",
                size_bytes=size,
                now=self.now,
            )
        except QuotaExceeded:
            assert selectors.taken_in_all() <= before
            return multiple()
        except StoreUnavailable:  # what a gone writer left under this key cannot be deleted now
            assert self.down
            assert selectors.taken_in_all() == before
            return multiple()
        taken = selectors.taken(tenant_id=tenant.pk, content_type=kind)
        assert taken.tenant <= (80 if tenant.limit_bytes is None else tenant.limit_bytes)
        return reservation

    @rule(target=written, reservation=consumes(reserved), share=st.floats(0.1, 1))
    def put(self, reservation, share):
        """Put in the first half of the reservation's lifetime, as the store demands."""
        if reservation.expires_at <= self.now or self.down:
            return multiple()
        self.store.put(reservation, given_bytes(reservation, share), mime="image/png")
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
        if reservation.receipt is None:
            return  # released
        before = used()
        try:
            services.settle(reservation, now=self.now)
        except ReservationExpired:
            services.release(reservation)
        assert used() == before

    @rule(reservation=consumes(reserved))
    def release_unused(self, reservation):
        services.release(reservation)

    @rule(reservation=consumes(written))
    def release_after_a_put(self, reservation):
        services.release(reservation)

    @rule(reservation=consumes(written))
    def crash_after_the_put(self, reservation):
        """Lose a reservation: it is never settled or released."""

    @rule(reservation=consumes(reserved))
    def crash_halfway(self, reservation):
        if reservation.expires_at > self.now:
            self.leave_half(reservation)

    @precondition(lambda self: not self.down)
    @rule(owner=owners, kind=kinds, name=names, bytes_each=st.tuples(sizes, sizes))
    def two_write_one_key_at_once(self, owner, kind, name, bytes_each):
        """Put and settle two reservations of one key, the first one last."""
        both = [self.reserve(owner, kind, name, size) for size in bytes_each]
        granted = [each for each in both if isinstance(each, Reservation)]
        for reservation in reversed(granted):
            self.store.put(reservation, given_bytes(reservation, 1), mime="image/png")
        for reservation in reversed(granted):
            services.settle(reservation, now=self.now)

    @rule(owner=owners, kind=kinds, name=names, size=sizes)
    def put_whole(self, owner, kind, name, size):
        tenant = self.tenants[owner]
        try:
            services.put_object(
                tenant=tenant,
                content_type=kind,
                key=f"{kind}/{tenant.pk}/{name}",
                body=bytes([size]) * size,
                mime="image/png",
                now=self.now,
            )
        except (QuotaExceeded, StoreUnavailable):
            return

    # Pictures that posts show.

    @rule(target=posts, owner=owners, size=st.integers(5, 25))
    def import_a_post(self, owner, size):
        """Import a picture; one of the same size is the same picture, stored already or not."""
        try:
            media = self.picture(self.tenants[owner], bytes([size]) * size)
        except NOT_STORED:
            return multiple()
        post = factories.post(of=self.channels[owner], telegram_message_id=next(self.numbers))
        factories.show(post, media)
        return post.pk

    def picture(self, tenant, body):
        digest = sha256(body).hexdigest()
        known = MediaObject.objects.filter(tenant=tenant, file_sha256=digest)
        if known.update(last_seen_at=self.now):
            return known.get()
        reservation = services.reserve(
            tenant=tenant,
            content_type="media",
            key=keys.media(tenant_id=tenant.pk, sha256=digest, mime="image/png"),
            size_bytes=len(body),
            now=self.now,
        )
        try:
            self.store.put(reservation, body, mime="image/png")
        except StoreUnavailable:
            services.release(reservation)
            raise
        with transaction.atomic():
            services.settle(reservation, now=self.now)
            return MediaObject.objects.create(
                pk=media_object_id(tenant.pk, digest),
                tenant=tenant,
                file_sha256=digest,
                mime="image/png",
                size_bytes=len(body),
                s3_key=reservation.key,
                first_seen_at=self.now,
                last_seen_at=self.now,
            )

    @rule(post=consumes(posts))
    def delete_the_post(self, post):
        Post.objects.filter(pk=post).delete()

    # What makes room.

    @rule()
    def sweep(self):
        services.release_expired(now=self.now)

    @rule(owner=owners, kind=kinds, name=names)
    def remove(self, owner, kind, name):
        services.remove([f"{kind}/{self.tenants[owner].pk}/{name}"], now=self.now)

    @rule(owner=owners, kind=kinds, name=names)
    def forget_and_crash(self, owner, kind, name):
        services.forget([f"{kind}/{self.tenants[owner].pk}/{name}"], now=self.now)

    @rule(target_bytes=st.integers(0, BUCKET))
    def clean_up(self, target_bytes):
        try:
            cleanup.run(target_bytes=target_bytes, trigger="test", now=self.now)
        except StoreUnavailable:  # it cannot list unfinished uploads
            assert self.down

    @rule(kind=kinds)
    def delete_what_is_overdue(self, kind):
        rounds = [CleanupRule(Step(kind), timedelta(hours=2))]
        cleanup.run_overdue(rules=rounds, trigger="test", now=self.now)

    # The world around it.

    @rule(minutes=st.integers(1, 90))
    def time_goes_by(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule(days=st.integers(3, 9))
    def days_go_by(self, days):
        self.now += timedelta(days=days)

    @rule(owner=owners, limit_bytes=st.none() | st.integers(0, BUCKET))
    def limit_a_tenant(self, owner, limit_bytes):
        self.tenants[owner].limit_bytes = limit_bytes
        self.tenants[owner].save()

    @precondition(lambda self: isinstance(self.store, MemoryStore))
    @rule()
    def outage(self):
        self.store.down = not self.store.down

    # What always holds.

    @invariant()
    def what_always_holds(self):
        ledger, bucket = in_ledger(), self.stored()
        self.no_limit_is_ever_passed_and_the_ledger_covers_the_bucket(ledger, bucket)
        self.the_usage_is_the_sum_of_the_ledger(ledger)
        assert set(ledger) <= set(bucket)
        self.what_a_post_shows_is_there(ledger, bucket)

    def no_limit_is_ever_passed_and_the_ledger_covers_the_bucket(self, ledger, bucket):
        reservations = Reservation.objects.values_list("key", "size_bytes")
        taken = sums([*ledger.items(), *reservations])
        for account, size in sums(bucket.items()).items():
            assert size <= taken[account]
        assert selectors.taken_in_all() == taken.total() <= BUCKET
        for kind, most in OF_TYPE.items():
            assert sum(size for account, size in taken.items() if account[0] == kind) <= most

    def the_usage_is_the_sum_of_the_ledger(self, ledger):
        rows = TenantUsage.objects.values_list("content_type", "tenant_id", "total_bytes")
        usage = {(kind, str(owner)): size for kind, owner, size in rows if size}
        assert usage == sums(ledger.items())
        assert used() == sum(ledger.values())

    def what_a_post_shows_is_there(self, ledger, bucket):
        shown = MediaObject.objects.annotate(shown=Count("post_media"))
        for key, size, refs, posts in shown.values_list(
            "s3_key", "size_bytes", "refs_count", "shown"
        ):
            assert refs == posts
            assert ledger[key] == bucket[key] == size

    def stored(self):
        """Holds also while the store does not answer."""
        return {key: entry.info.size_bytes for key, entry in self.store._entries.items()}


class LedgerOfFiles(LedgerMachine):
    """The same with the file store, unfinished uploads included."""

    def open_store(self):
        return FileStore(Path(self.scope.enter_context(tempfile.TemporaryDirectory())))

    @property
    def down(self):
        return False

    def end_outage(self):
        pass

    def leave_half(self, reservation):
        draft = self.store.root / UPLOADS / f"{reservation.key}~{reservation.pk}"
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(given_bytes(reservation, 0.5))

    def stored(self):
        return in_bucket(self.store)


def sums(sizes):
    """Sum sizes by content type and tenant, with which each key begins."""
    counter = Counter()
    for key, size in sizes:
        kind, owner, _ = key.split("/", 2)
        counter[kind, owner] += size
    return counter


def given_bytes(reservation, share):
    return b"x" * max(1, int(reservation.size_bytes * share))


@pytest.mark.django_db
@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize(
    ("ledger", "examples"),
    [
        (LedgerMachine, 12),
        (LedgerOfFiles, 5),
        pytest.param(LedgerMachine, 100, marks=pytest.mark.long),
        pytest.param(LedgerOfFiles, 40, marks=pytest.mark.long),
    ],
)
def test_the_ledger_is_right_after_anything(ledger, examples):
    run_state_machine_as_test(
        ledger,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_model_has_the_limits_it_thinks_it_has(limits):
    assert limits.total_bytes == BUCKET
    assert {kind: limits.by_type[kind] for kind in KINDS} == OF_TYPE
