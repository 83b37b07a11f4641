"""A search looks at a bounded number of posts, and finds what it would find looking at all."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from search.embeddings import chosen
from search.embeddings.fake import FakeEncoder
from search.fusion import WINDOW
from search.index.port import Scope
from search.index.postgresql import planning, ranking
from search.index.postgresql.candidates.keys import Keys
from search.index.postgresql.conditions import matching
from search.index.postgresql.vectors import nearest
from search.models import SearchDocument, SearchWord
from search.query_terms import Filters, Query
from search.services import asked, find
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_words import index_words
from search.words import distance
from tests import factories as make

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def encoder():
    before = chosen.use(FakeEncoder())
    yield
    chosen.use(before)


@pytest.fixture
def channel():
    return make.channel()


@pytest.fixture
def few(monkeypatch):
    """Ten candidates, as if an archive of some hundred posts were one of some ten thousand."""
    monkeypatch.setattr(ranking, "CANDIDATES", 10)
    monkeypatch.setattr(ranking, "_ENOUGH", 5)
    monkeypatch.setattr(ranking, "_READ", 10)


def write(of, *texts, every=timedelta(days=3), **fields):
    """Posts, the first one the newest."""
    posts = [
        make.post(of=of, content=text, posted_at=NOW - every * place, **fields)
        for place, text in enumerate(texts)
    ]
    index_words([post.pk for post in posts], now=timezone.now())
    return [post.pk for post in posts]


def by_words(text, *channels, limit=WINDOW, **filters):
    tenants = tuple(channel.tenant_id for channel in channels)
    query = asked.read(text, tenants, now=NOW, zone=UTC).query
    hits = ranking.by_words(query, Scope(tenants, Filters(**filters)), limit=limit).hits
    return [hit.post_id for hit in hits]


class TestCandidates:
    def test_all_posts_with_a_rare_word_are_ranked_as_if_all_posts_were(self, channel, few):
        drawn = random.Random(1)
        words = [
            "кот",
            "дом",
            "лес",
            "снег",
            "река",
            "море",
            "утро",
            "день",
            "ночь",
            "город",
            "поезд",
            "книга",
        ]
        texts = [" ".join(drawn.choices(words, k=drawn.randint(3, 20))) for _ in range(60)]
        for place in drawn.sample(range(60), 4):
            texts[place] += " птерозавр"
        write(channel, *texts)

        bounded = by_words("птерозавр", channel)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ranking, "CANDIDATES", 10_000)
            whole = by_words("птерозавр", channel)

        assert len(bounded) == 4
        assert bounded == whole

    def test_the_newest_with_a_common_word_are_found_however_far_back_they_are(self, channel, few):
        texts = ["погода на завтра"] * 120
        for place in range(60, 90):
            texts[place] = "кот на крыше"
        found = write(channel, *texts)

        assert {*by_words("кот", channel, limit=10)} == {*found[60:70]}

    def test_an_old_post_with_all_common_words_comes_before_new_ones_with_one(self, channel, few):
        texts = [f"кот номер {n}" if n % 2 else f"дом номер {n}" for n in range(150)]
        texts[140] = "кот и дом"
        found = write(channel, *texts)

        assert by_words("кот дом", channel)[0] == found[140]

    def test_an_old_post_with_a_tag_counts_no_more_than_the_bound(self, channel, few):
        found = write(channel, *[f"новость {n} #дня" for n in range(60)])

        assert {*by_words("#дня", channel, limit=10)} <= {*found[:30]}

    @pytest.mark.parametrize("text", ["кот", "кот дом", "#кот", "птерозавр"])
    def test_posts_of_another_tenant_are_never_candidates(self, channel, few, text):
        foreign = make.channel()
        write(foreign, *["кот дом #кот птерозавр"] * 40)
        own = write(channel, "кот спит", "дом стоит #кот", "птерозавр летит", "кот дом")

        assert {*by_words(text, channel)} <= {*own}
        assert by_words(text, channel)

    def test_conditions_on_dates_bound_the_weeks(self, channel, few):
        found = write(channel, *["кот на крыше"] * 100)
        start, end = NOW - timedelta(days=200), NOW - timedelta(days=170)

        hits = by_words("кот", channel, posted_from=start, posted_before=end)

        assert {*hits} == {*found[57:67]}

    def test_a_page_behind_the_last_one_is_empty(self, channel):
        write(channel, "кот", "кот и дом")
        hits = find.find_text("кот", (channel.tenant_id,), limit=10, offset=10**6)

        assert hits.hits == ()
        assert hits.found == 2


class TestWeeks:
    def test_they_follow_dates_edits_and_deletions(self, channel):
        one, other = write(channel, "кот", "дом", every=timedelta(days=14))

        def counted():
            words = SearchWord.objects.filter(word__startswith=" ").exclude(posts=0)
            return {int(word.word): word.posts for word in words}

        before = counted()
        SearchDocument.objects.filter(pk=one).update(posted_at=NOW - timedelta(days=14))
        moved = counted()
        SearchDocument.objects.filter(pk__in=[one, other]).delete()

        assert sorted(before) == [min(moved), min(moved) + 2]
        assert moved == {min(before): 2}
        assert counted() == {}

    @pytest.mark.parametrize(
        "day", ["1969-12-31", "1970-01-01", "2026-11-22", "2026-11-23", "2060-01-01"]
    )
    def test_a_post_of_any_day_is_found_by_its_day(self, channel, day):
        moment = datetime.fromisoformat(f"{day}T23:30:00+00:00")
        post = make.post(of=channel, content="кот", posted_at=moment)
        index_words([post.pk], now=timezone.now())
        span = {"posted_from": moment, "posted_before": moment + timedelta(seconds=1)}

        assert by_words("кот", channel, **span) == [post.pk]


class TestCorrections:
    @pytest.mark.parametrize(
        "mistyped",
        ["ипатека", "ипотеак", "иптоека", "ипотеа", "ипоттека", "ипотекаа", "ипотенка", "ипатика"],
    )
    def test_a_mistyped_word_is_found_among_words_that_begin_or_end_like_it(
        self, channel, mistyped
    ):
        found, *_ = write(channel, "ипотека", "погода", "импорт", "иголка", "истина")

        assert distance("ипотека", mistyped) <= 2
        assert (by_words(mistyped, channel) == [found]) == (mistyped != "ипатика")

    def test_words_of_another_tenant_correct_nothing(self, channel):
        write(make.channel(), "ипотека")
        write(channel, "погода")

        assert by_words("ипатека", channel) == []


class TestNearest:
    @pytest.fixture
    def posts(self, channel):
        found = write(channel, *[f"слово{n}" for n in range(30)])
        index_meaning(found)
        return found

    @pytest.mark.parametrize("expected", [0, 10**9])
    def test_both_ways_find_the_same_also_where_the_planner_is_wrong(
        self, channel, posts, monkeypatch, expected
    ):
        other = write(channel, "слово7 и еще")
        index_meaning(other)
        SearchDocument.objects.filter(pk__in=[*posts[:3], *other]).update(lang="en")
        monkeypatch.setattr(planning, "expected_rows", lambda *_: expected)
        [vector] = chosen.encoder().encode_queries(["слово7"])

        hits = nearest.by_meaning(
            Query(words=("слово7",)),
            vector,
            chosen.encoder().name,
            Scope((channel.tenant_id,), Filters(languages=("en",))),
            limit=20,
        )

        assert {hit.post_id for hit in hits} == {*posts[:3], *other}
        assert [hit.distance for hit in hits] == sorted(hit.distance for hit in hits)

    @pytest.mark.parametrize(
        ("expected", "at_least", "found"),
        [
            (7_000, 0, 0),  # all of them are compared
            (9_000, 0, 50),
            (40_000, 0, 160),
            (900_000, 0, 200),
            (100, 9_000, 50),  # the planner knows little of phrases
            (0, 0, 0),
        ],
    )
    def test_in_a_million_posts_the_shorter_way_is_gone(
        self, monkeypatch, expected, at_least, found
    ):
        monkeypatch.setattr(planning, "expected_rows", lambda *_: expected)
        monkeypatch.setattr(planning, "rows_in", lambda _: 1_000_000)
        wanted = nearest._Wanted([1.0], "fake", [], 200)

        assert wanted.worth_finding(None, least=50, at_least=at_least) == found

    @pytest.mark.parametrize(("conditions", "there"), [("lang:en", 5), ("", 20)])
    def test_under_conditions_a_quarter_is_enough_where_all_would_take_long(
        self, channel, posts, monkeypatch, conditions, there
    ):
        SearchDocument.objects.update(lang="en")
        monkeypatch.setattr(nearest._Wanted, "worth_finding", lambda *_, least, **__: least)
        vector, model = [1.0, *[0.0] * 383], chosen.encoder().name
        read = asked.read(f"слово7 {conditions}", (channel.tenant_id,), now=NOW, zone=UTC)

        hits = nearest.by_meaning(read.query, vector, model, read.scope, limit=20)

        assert len(hits) == there

    def test_posts_with_a_frequent_phrase_are_counted_by_a_sample(self, channel, monkeypatch):
        monkeypatch.setattr(nearest, "_SAMPLED", 1)  # so that hardly a sample is empty
        write(channel, *["искусственный интеллект"] * 60)
        read = asked.read('"искусственный интеллект"', (channel.tenant_id,), now=NOW, zone=UTC)

        counted = nearest._sampled(Keys(read.scope).find(matching(read.scope, read.query)))

        assert 20 <= counted <= 100
        nothing = asked.read('"интеллект искусственный"', (channel.tenant_id,), now=NOW, zone=UTC)
        assert nearest._sampled(matching(nothing.scope, nothing.query)) == 0

    def test_posts_of_another_tenant_are_never_near(self, channel, posts, monkeypatch):
        foreign = make.channel()
        near = write(foreign, "слово7")
        index_meaning(near)
        [vector] = chosen.encoder().encode_queries(["слово7"])
        scope, model = Scope((channel.tenant_id,)), chosen.encoder().name

        for expected in (0, 10**9):
            monkeypatch.setattr(planning, "expected_rows", lambda *_, rows=expected: rows)
            hits = nearest.by_meaning(Query(words=("слово7",)), vector, model, scope, limit=100)

            assert {hit.post_id for hit in hits} == {*posts}


def test_an_outer_transaction_keeps_its_settings(channel):
    def setting(name):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting(%s)", [name])
            return cursor.fetchone()[0]

    with transaction.atomic():
        before = [setting(name) for name in ("jit", "enable_sort", "work_mem")]
        by_words("кот", channel)
        with planning.settings(planning.WALK):
            assert setting("enable_sort") == "off"

        assert [setting(name) for name in ("jit", "enable_sort", "work_mem")] == before
