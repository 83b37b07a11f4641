"""Near-duplicates: who is found, who may lend, and what people say lasts."""

import hashlib
import random
from functools import partial

import pytest
from django.db import IntegrityError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Tenant
from telegram_assistant.config import Vision
from tests import factories
from tests.concurrency import in_threads
from tests.examples import examples
from tests.factories import NOW
from vision.duplicates import distinctions, hash_index, reuse
from vision.duplicates.hash_index import HashMatch
from vision.duplicates.phash import PHash
from vision.models import AnalysisState, PaidAnalysis
from vision.models.duplicates import PictureDistinction, PictureHash
from vision.providers.port import SCHEMA_VERSION

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


def test_the_most_similar_come_first_and_the_far_not_at_all(tenant, origin, remember):
    remember("far", turned(origin, *range(11)))
    remember("near", turned(origin, *range(0, 250, 25)))
    remember("nearer", turned(origin, 7))
    remember("same", origin)

    found = hash_index.find_similar(tenant=tenant, phash=origin)

    assert found == [
        HashMatch(sha("same"), 0),
        HashMatch(sha("nearer"), 1),
        HashMatch(sha("near"), 10),
    ]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=examples(30),
    deadline=None,
)
@given(data=st.data())
def test_whatever_lies_within_the_distance_is_found(data, tenant):
    bits = data.draw(st.integers(min_value=0, max_value=2**256 - 1))
    places = data.draw(st.sets(st.integers(min_value=0, max_value=255), max_size=10))
    stored = PHash(bits, 16)
    hash_index.remember(tenant=tenant, sha256=sha(str(bits)), phash=stored)

    found = hash_index.find_similar(tenant=tenant, phash=turned(stored, *places), limit=1000)

    assert HashMatch(sha(str(bits)), len(places)) in found


def test_the_picture_that_asks_is_not_offered_to_itself(tenant, origin, remember):
    own = remember("own", origin)

    assert hash_index.find_similar(tenant=tenant, phash=origin, exclude=own) == []


def test_tenants_do_not_see_each_other(tenant, origin, remember):
    remember("theirs", origin, owner=factories.tenant())

    assert hash_index.find_similar(tenant=tenant, phash=origin) == []


def test_tenants_share_no_pigeonhole(tenant, origin):
    other = factories.tenant()

    assert not {*hash_index.band_keys(tenant.pk, origin)} & {
        *hash_index.band_keys(other.pk, origin)
    }


def test_hashes_of_another_size_are_not_compared(tenant, origin, remember):
    remember("small", PHash(origin.bits >> 192, 8))

    assert hash_index.find_similar(tenant=tenant, phash=origin) == []


def test_a_hash_of_another_size_replaces_the_old_one(tenant, origin, remember):
    remember("one", PHash(1, 8))
    remember("one", origin)
    remember("one", origin)

    (row,) = PictureHash.objects.all()
    assert (row.hash_size, row.phash) == (16, str(origin))


def test_only_those_in_question_are_offered(tenant, origin, remember):
    remember("one", origin)
    two = remember("two", origin)

    found = hash_index.find_similar(
        tenant=tenant,
        phash=origin,
        among=PictureHash.objects.filter(sha256=two).values("sha256"),
    )

    assert [n.sha256 for n in found] == [two]


def test_nothing_is_similar_where_that_is_switched_off(tenant, origin, remember, settings):
    remember("one", origin)
    settings.VISION = Vision(vision_phash_enabled=False)

    assert hash_index.find_similar(tenant=tenant, phash=origin) == []


def test_the_distance_is_a_setting(tenant, origin, remember, settings):
    remember("one", turned(origin, 3, 4))
    settings.VISION = Vision(vision_phash_max_distance=1)

    assert hash_index.find_similar(tenant=tenant, phash=origin) == []


def test_a_duplicate_is_never_a_source(tenant, origin, remember):
    first, second = remember("first", origin), remember("second", turned(origin, 1))

    assert hash_index.reuse(tenant=tenant, sha256=second, source=HashMatch(first, 1))

    found = hash_index.find_similar(tenant=tenant, phash=origin)
    assert [n.sha256 for n in found] == [first]
    third = remember("third", origin)
    assert not hash_index.reuse(tenant=tenant, sha256=third, source=HashMatch(second, 1))


def test_a_picture_with_an_analysis_of_its_own_is_a_source_again(tenant, origin, remember):
    first, second = remember("first", origin), remember("second", origin)
    hash_index.reuse(tenant=tenant, sha256=second, source=HashMatch(first, 0))

    hash_index.stand_alone(tenant_id=tenant.pk, sha256=second)

    assert len(hash_index.find_similar(tenant=tenant, phash=origin)) == 2


class TestMarkedDistinct:
    @pytest.fixture
    def pair(self, origin, remember):
        return remember("first", origin), remember("second", turned(origin, 1))

    @pytest.fixture
    def operator(self):
        return factories.superuser()

    @pytest.fixture
    def declare(self, tenant, pair, operator):
        def _():
            first, second = pair
            return distinctions.mark_distinct(
                tenant=tenant, first=second, second=first, user=operator, now=NOW
            )

        return _

    def test_neither_is_offered_to_the_other_any_more(self, tenant, origin, pair, declare):
        declare()

        for picture in pair:
            assert hash_index.find_similar(tenant=tenant, phash=origin, exclude=picture) == []
        assert len(hash_index.find_similar(tenant=tenant, phash=origin, exclude=sha("third"))) == 2

    def test_who_said_it_and_when_is_kept(self, pair, operator, declare):
        said = declare()

        assert (said.declared_by, said.declared_at) == (operator, NOW)
        assert (said.first_sha256, said.second_sha256) == tuple(sorted(pair))

    def test_saying_it_twice_is_saying_it_once(self, declare):
        assert declare().pk == declare().pk

    def test_it_outlasts_being_remembered_anew(self, tenant, origin, pair, remember, declare):
        declare()
        remember("second", turned(origin, 2))

        assert hash_index.find_similar(tenant=tenant, phash=origin, exclude=pair[0]) == []

    def test_the_duplicate_loses_the_analysis_and_is_announced(self, tenant, pair, declare):
        first, second = pair
        hash_index.reuse(tenant=tenant, sha256=second, source=HashMatch(first, 1))
        heard = []

        def listen(**told):
            heard.append((told["tenant_id"], told["sha256"]))

        distinctions.reuse_ended.connect(listen)
        declare()
        distinctions.reuse_ended.disconnect(listen)

        assert heard == [(tenant.pk, second)]
        assert PictureHash.objects.get(sha256=second).same_as == ""

    def test_what_is_marked_distinct_is_not_reused_by_an_analysis_under_way(
        self, tenant, pair, declare
    ):
        first, second = pair
        declare()

        assert not hash_index.reuse(tenant=tenant, sha256=second, source=HashMatch(first, 1))

    def test_a_person_can_withdraw_it(self, tenant, origin, pair, operator, declare):
        first, second = pair
        declare()

        assert distinctions.withdraw(
            tenant=tenant, first=first, second=second, user=operator, now=NOW
        )

        assert len(hash_index.find_similar(tenant=tenant, phash=origin, exclude=first)) == 1
        row = PictureDistinction.objects.get()
        assert (row.withdrawn_by, row.withdrawn_at) == (operator, NOW)
        assert not distinctions.withdraw(
            tenant=tenant, first=first, second=second, user=operator, now=NOW
        )
        assert declare().pk != row.pk

    def test_a_picture_is_not_marked_distinct_from_itself(self, tenant, operator):
        with pytest.raises(ValueError, match="same as itself"):
            distinctions.mark_distinct(
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
            others = hash_index.find_similar(tenant=own, phash=found, exclude=sha(str(number)))
            seen[number] = [n for n in others if n.is_earlier]

        in_threads(*(partial(come, number) for number in range(6)))

        assert sorted(len(earlier) for earlier in seen.values()) == [0, 1, 2, 3, 4, 5]


class TestTheLookUpReadsAFewRows:
    """However many pictures there are, and whatever the planner believes about them."""

    PICTURES = 5_000

    @pytest.fixture
    def crowd(self, tenant):
        """Fills the archive of a tenant with pictures, every second one of them analyzed."""

        def _(owner, *, count=self.PICTURES):
            dice = random.Random(owner.pk.int)
            hashes = [PHash(dice.getrandbits(256), 16) for _ in range(count)]
            PictureHash.objects.bulk_create(
                PictureHash(
                    tenant=owner,
                    sha256=f"{number:064x}",
                    hash_size=16,
                    phash=str(found),
                    bands=hash_index.band_keys(owner.pk, found),
                )
                for number, found in enumerate(hashes)
            )
            PaidAnalysis.objects.bulk_create(
                PaidAnalysis(
                    tenant=owner,
                    sha256=f"{number:064x}",
                    provider="fake",
                    model="m",
                    schema_version=SCHEMA_VERSION,
                    state=AnalysisState.DONE if number % 2 else AnalysisState.REQUESTED,
                    analysis={} if number % 2 else None,
                )
                for number in range(count)
            )
            return hashes

        return _

    def rows_read(self, work) -> int:
        def count():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))"
                    " FROM pg_stat_xact_user_tables"
                    " WHERE relname IN ('picture_hashes', 'vision_picture_look')"
                )
                return int(cursor.fetchone()[0] or 0)

        before = count()
        work()
        return count() - before

    def similar_analyzed(self, owner, found):
        return hash_index.find_similar(
            tenant=owner,
            phash=found,
            exclude=sha("new"),
            among=reuse.analyzed(owner.pk, "fake", "m", SCHEMA_VERSION),
        )

    @pytest.mark.sampled(1)
    @pytest.mark.parametrize("statistics", ["fresh", "of another tenant", "none"])
    def test_whatever_the_statistics_say(self, tenant, crowd, statistics):
        if statistics == "of another tenant":
            crowd(factories.tenant(), count=2_000)
            self.analyze()
        hashes = crowd(tenant)
        if statistics == "fresh":
            self.analyze()
        looks = [(number, turned(hashes[number], 1, 99)) for number in range(0, 1000, 25)]

        read = self.rows_read(lambda: [self.similar_analyzed(tenant, one) for _, one in looks])

        assert read <= 20 * len(looks)
        for number, look in looks:
            matches = [HashMatch(f"{number:064x}", 2)] if number % 2 else []
            assert self.similar_analyzed(tenant, look) == matches

    def analyze(self):
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE picture_hashes, vision_picture_look")
