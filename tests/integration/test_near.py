"""Near-duplicates: who is found, who may lend, and what people say lasts."""

import hashlib
import random
from functools import partial

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Tenant
from telegram_assistant.config import Vision
from tests import factories
from tests.concurrency import in_threads
from tests.factories import NOW
from vision.duplicates import hash_index
from vision.duplicates.hash_index import Near
from vision.duplicates.phash import PHash
from vision.models.duplicates import PictureDistinction, PictureHash

pytestmark = pytest.mark.django_db


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def turned(found: PHash, *places: int) -> PHash:
    bits = found.bits
    for place in places:
        bits ^= 1 << place
    return PHash(bits, found.size)


@pytest.fixture
def tenant():
    return factories.tenant()


@pytest.fixture
def origin():
    return PHash(random.Random(5).getrandbits(256), 16)


@pytest.fixture
def remember(tenant):
    def _(name, found, owner=None):
        hash_index.remember(tenant=owner or tenant, sha256=sha(name), phash=found)
        return sha(name)

    return _


def test_the_nearest_come_first_and_the_far_not_at_all(tenant, origin, remember):
    remember("far", turned(origin, *range(11)))
    remember("near", turned(origin, *range(0, 250, 25)))
    remember("nearer", turned(origin, 7))
    remember("same", origin)

    found = hash_index.nearest(tenant=tenant, phash=origin)

    assert found == [Near(sha("same"), 0), Near(sha("nearer"), 1), Near(sha("near"), 10)]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(data=st.data())
def test_whatever_lies_within_the_distance_is_found(data, tenant):
    bits = data.draw(st.integers(min_value=0, max_value=2**256 - 1))
    places = data.draw(st.sets(st.integers(min_value=0, max_value=255), max_size=10))
    stored = PHash(bits, 16)
    hash_index.remember(tenant=tenant, sha256=sha(str(bits)), phash=stored)

    found = hash_index.nearest(tenant=tenant, phash=turned(stored, *places), limit=1000)

    assert Near(sha(str(bits)), len(places)) in found


def test_the_picture_that_asks_is_not_offered_to_itself(tenant, origin, remember):
    own = remember("own", origin)

    assert hash_index.nearest(tenant=tenant, phash=origin, exclude=own) == []


def test_tenants_do_not_see_each_other(tenant, origin, remember):
    remember("theirs", origin, owner=factories.tenant())

    assert hash_index.nearest(tenant=tenant, phash=origin) == []


def test_tenants_share_no_pigeonhole(tenant, origin):
    other = factories.tenant()

    assert not {*hash_index.band_keys(tenant.pk, origin)} & {
        *hash_index.band_keys(other.pk, origin)
    }


def test_hashes_of_another_size_are_not_compared(tenant, origin, remember):
    remember("small", PHash(origin.bits >> 192, 8))

    assert hash_index.nearest(tenant=tenant, phash=origin) == []


def test_a_hash_of_another_size_takes_the_place_of_the_old_one(tenant, origin, remember):
    remember("one", PHash(1, 8))
    remember("one", origin)
    remember("one", origin)

    (row,) = PictureHash.objects.all()
    assert (row.hash_size, row.phash) == (16, str(origin))


def test_only_those_in_question_are_offered(tenant, origin, remember):
    remember("one", origin)
    two = remember("two", origin)

    found = hash_index.nearest(
        tenant=tenant,
        phash=origin,
        among=PictureHash.objects.filter(sha256=two).values("sha256"),
    )

    assert [n.sha256 for n in found] == [two]


def test_nothing_is_near_where_that_is_switched_off(tenant, origin, remember, settings):
    remember("one", origin)
    settings.VISION = Vision(vision_phash_enabled=False)

    assert hash_index.nearest(tenant=tenant, phash=origin) == []


def test_the_distance_is_a_setting(tenant, origin, remember, settings):
    remember("one", turned(origin, 3, 4))
    settings.VISION = Vision(vision_phash_max_distance=1)

    assert hash_index.nearest(tenant=tenant, phash=origin) == []


def test_who_borrows_does_not_lend(tenant, origin, remember):
    first, second = remember("first", origin), remember("second", turned(origin, 1))

    assert hash_index.borrow(tenant=tenant, sha256=second, near=Near(first, 1))

    found = hash_index.nearest(tenant=tenant, phash=origin)
    assert [n.sha256 for n in found] == [first]
    third = remember("third", origin)
    assert not hash_index.borrow(tenant=tenant, sha256=third, near=Near(second, 1))


def test_a_picture_with_a_look_of_its_own_lends_again(tenant, origin, remember):
    first, second = remember("first", origin), remember("second", origin)
    hash_index.borrow(tenant=tenant, sha256=second, near=Near(first, 0))

    hash_index.stand_alone(tenant=tenant, sha256=second)

    assert len(hash_index.nearest(tenant=tenant, phash=origin)) == 2


class TestToldApart:
    @pytest.fixture
    def pair(self, origin, remember):
        return remember("first", origin), remember("second", turned(origin, 1))

    @pytest.fixture
    def operator(self):
        return factories.staff()

    @pytest.fixture
    def declare(self, tenant, pair, operator):
        def _():
            first, second = pair
            return hash_index.declare_distinct(
                tenant=tenant, first=second, second=first, user=operator, now=NOW
            )

        return _

    def test_neither_is_offered_to_the_other_any_more(self, tenant, origin, pair, declare):
        declare()

        for picture in pair:
            assert hash_index.nearest(tenant=tenant, phash=origin, exclude=picture) == []
        assert len(hash_index.nearest(tenant=tenant, phash=origin, exclude=sha("third"))) == 2

    def test_who_said_it_and_when_is_kept(self, pair, operator, declare):
        said = declare()

        assert (said.declared_by, said.declared_at) == (operator, NOW)
        assert (said.first_sha256, said.second_sha256) == tuple(sorted(pair))

    def test_saying_it_twice_is_saying_it_once(self, declare):
        assert declare().pk == declare().pk

    def test_it_outlasts_being_remembered_anew(self, tenant, origin, pair, remember, declare):
        declare()
        remember("second", turned(origin, 2))

        assert hash_index.nearest(tenant=tenant, phash=origin, exclude=pair[0]) == []

    def test_the_borrower_loses_the_analysis_and_is_announced(self, tenant, pair, declare):
        first, second = pair
        hash_index.borrow(tenant=tenant, sha256=second, near=Near(first, 1))
        heard = []

        def listen(**told):
            heard.append((told["tenant_id"], told["sha256"]))

        hash_index.told_apart.connect(listen)
        declare()
        hash_index.told_apart.disconnect(listen)

        assert heard == [(tenant.pk, second)]
        assert PictureHash.objects.get(sha256=second).same_as == ""

    def test_what_is_told_apart_is_not_borrowed_by_a_look_under_way(self, tenant, pair, declare):
        first, second = pair
        declare()

        assert not hash_index.borrow(tenant=tenant, sha256=second, near=Near(first, 1))

    def test_a_person_can_withdraw_it(self, tenant, origin, pair, operator, declare):
        first, second = pair
        declare()

        assert hash_index.withdraw(
            tenant=tenant, first=first, second=second, user=operator, now=NOW
        )

        assert len(hash_index.nearest(tenant=tenant, phash=origin, exclude=first)) == 1
        row = PictureDistinction.objects.get()
        assert (row.withdrawn_by, row.withdrawn_at) == (operator, NOW)
        assert not hash_index.withdraw(
            tenant=tenant, first=first, second=second, user=operator, now=NOW
        )
        assert declare().pk != row.pk

    def test_a_picture_is_not_told_apart_from_itself(self, tenant, operator):
        with pytest.raises(ValueError, match="same as itself"):
            hash_index.declare_distinct(
                tenant=tenant, first=sha("a"), second=sha("a"), user=operator, now=NOW
            )

    def test_postgresql_keeps_pairs_in_order_and_once(self, tenant, pair):
        low, high = sorted(pair)
        with pytest.raises(IntegrityError, match="picture_distinction_ordered"):
            PictureDistinction.objects.create(
                tenant=tenant, first_sha256=high, second_sha256=low, declared_at=NOW
            )


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_one_picture_remembered_by_many_is_remembered_once(self, tenant, origin):
        remember = partial(hash_index.remember, tenant=tenant, sha256=sha("one"), phash=origin)

        in_threads(*[remember] * 6)

        assert PictureHash.objects.count() == 1

    def test_of_copies_that_come_at_once_exactly_one_sees_none_before_it(self, tenant, origin):
        seen = {}

        def come(number):
            own = Tenant.objects.get(pk=tenant.pk)
            found = turned(origin, number)
            hash_index.remember(tenant=own, sha256=sha(str(number)), phash=found)
            others = hash_index.nearest(tenant=own, phash=found, exclude=sha(str(number)))
            seen[number] = [n for n in others if n.earlier]

        in_threads(*(partial(come, number) for number in range(6)))

        assert sorted(len(earlier) for earlier in seen.values()) == [0, 1, 2, 3, 4, 5]
