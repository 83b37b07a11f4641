"""What every adapter of the port `Index` does, whatever it keeps posts in."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from media.models import Post
from search import sources
from search.embeddings import chosen
from search.embeddings.fake import FakeEncoder
from search.index.collection import collection_name
from search.index.entry import Space
from search.index.port import Scope, VectorsUnavailable
from search.index.postgresql.index import PostgresIndex
from search.index.postgresql.vectors import archive
from search.index.qdrant import index as qdrant_index
from search.index.qdrant.index import QdrantIndex
from search.query.filters.conditions import FilterRefused
from search.query_terms import CATEGORY, Filters, Query
from search.services.indexing.entries import entries_of
from tests import factories as make

pytestmark = pytest.mark.django_db
SPACE = Space("fake", 384)
LABELS = {
    "labels": ["горы", "снег"], "objects": ["лыжи"], "scene": "склон", "dominant_colors": ["#FFFFFF"],
    "analyses": {"a": {"nsfw_score": 0.1, "aesthetic_score": 0.25}, "b": {"nsfw_score": 0.4}},
}  # fmt: skip


@pytest.fixture(autouse=True)
def encoder():
    before = chosen.use(fake := FakeEncoder(same={"питомец": "кошка"}))
    yield fake
    chosen.use(before)


@pytest.fixture(params=["postgresql", "qdrant_http", "qdrant_server"])
def index(request):
    if request.param == "postgresql":
        return PostgresIndex()
    request.getfixturevalue(request.param)
    found = QdrantIndex()
    found.rebuild(SPACE).finish()
    return found


@pytest.fixture
def bare(index, monkeypatch):
    """The index without its look into PostgreSQL: its own conditions alone decide."""
    monkeypatch.setattr(qdrant_index, "_standing", lambda hits, *_, **__: list(hits))
    return index


@pytest.fixture
def channel():
    return make.channel()


@pytest.fixture
def put(index, encoder):
    """Writes posts as they are now; to PostgreSQL first, where every answer is looked up."""

    def _(*posts, space=SPACE):
        entries = entries_of(
            list(sources.read([post.pk for post in posts], with_data=True)), with_payload=True
        )
        if space:
            vectors = encoder.encode_passages([entry.document.passage for entry in entries])
            entries = [
                replace(e, space=space, vector=vector if e.document.passage else None)
                for e, vector in zip(entries, vectors, strict=True)
            ]
        PostgresIndex().upsert(entries, now=timezone.now())
        return index.upsert(entries, now=timezone.now())

    return _


@pytest.fixture
def write(channel, put):
    """Posts of one channel, in the index; the later one is the newer."""

    def _(*texts, of=channel, **fields):
        posts = [make.post(of=of, content=text, **fields) for text in texts]
        put(*posts)
        return posts

    return _


@pytest.fixture
def near(index, channel, encoder):
    """Ids found by the seed's call."""

    def _(text="кошка", conditions=None, *, tenants=None, limit=10):
        found = index.search_vectors(
            collection_name(),
            encoder.encode_queries([text])[0],
            limit,
            conditions,
            tenants=[channel.tenant_id] if tenants is None else tenants,
            model=encoder.name,
        )
        return [match.post_id for match in found]

    return _


def ids(*posts):
    return [post.pk for post in posts]


def words(index, query, of, *, limit=10, **filters):
    return index.by_words(query, Scope((of.tenant_id,), Filters(**filters)), limit=limit)


class TestByWords:
    def test_other_forms_are_found_and_a_rare_word_counts_for_more(self, index, write, channel):
        rare, *common = write("Птерозавры летали", *[f"новость дня номер {n}" for n in range(8)])

        hits = words(index, Query(words=("новости", "птерозавр")), channel).hits

        assert hits[0].post_id == rare.pk
        assert hits[0].words == ("птерозавр",)
        assert {hit.post_id for hit in hits[1:]} == set(ids(*common))
        assert hits[0].coverage > hits[1].coverage

    def test_equal_posts_come_newest_first(self, index, write, channel):
        posts = write("кот", "кот", "кот")

        hits = words(index, Query(words=("кот",)), channel).hits

        assert [hit.post_id for hit in hits] == ids(*reversed(posts))

    @pytest.mark.costly
    def test_tags_come_first_and_are_named(self, index, write, channel):
        theme, tagged = write("горы, горы, горы!", "Отпуск #горы и море и ещё много слов о другом")

        hits = words(index, Query(tags=("горы",)), channel).hits

        assert [hit.post_id for hit in hits] == ids(tagged, theme)
        assert [hit.tags for hit in hits] == [("горы",), ()]

    @pytest.mark.parametrize("asked", ["🔥", "👍", "🤷", "❤️‍🔥"])
    def test_an_emoji_is_a_word(self, index, write, channel, asked):
        posts = write("Горячо 🔥🔥", "Верно👍🏿", "Не знаю 🤷‍♀️", "Люблю ❤️‍🔥 тебя", "Ничего № 5")
        wanted = {"🔥": 0, "👍": 1, "🤷": 2, "❤️‍🔥": 3}[asked]

        hits = words(index, Query(words=(asked,)), channel).hits

        assert [hit.post_id for hit in hits] == ids(posts[wanted])
        assert hits[0].words == (asked,)

    def test_a_mistyped_word_is_replaced_and_said(self, index, write, channel):
        [post] = write("Ставки по ипотеке")

        found = words(index, Query(words=("ипатека",)), channel)

        assert [hit.post_id for hit in found.hits] == ids(post)
        assert found.replaced == {"ипатека": ("ипотек",)}

    def test_phrases_and_excluded_words_are_obeyed(self, index, write, channel):
        together, _, bad = write("красное пятно", "пятно красное", "красное пятно злое")

        def found(**query):
            hits = words(index, Query(words=("пятно",), **query), channel).hits
            return {hit.post_id for hit in hits}

        assert found(phrases=("красное пятно",)) == {together.pk, bad.pk}
        assert found(phrases=("красное пятно",), excluded=("злое",)) == {together.pk}

    def test_nothing_to_look_for_finds_nothing(self, index, write, channel):
        write("кот")

        assert list(words(index, Query(), channel).hits) == []
        assert list(words(index, Query(words=("и",)), channel).hits) == []


class TestByMeaning:
    def test_a_post_without_the_word_is_the_nearest(self, index, write, channel, encoder):
        cat, *_ = write("кошка спит", "погода", "курс валют")
        [vector] = encoder.encode_queries(["питомец"])
        scope = Scope((channel.tenant_id,))

        hits = index.by_meaning(Query(words=("питомец",)), vector, "fake", scope, limit=3)

        assert hits[0].post_id == cat.pk
        assert 0 <= hits[0].distance < hits[1].distance <= 2

    def test_vectors_are_given_in_the_order_of_the_posts(self, index, write, encoder):
        cat, weather = write("кошка", "погода")
        empty = make.post(content="")

        found = index.vectors_of(ids(weather, empty, cat), "fake")

        assert found == [
            pytest.approx(vector, abs=1e-3)
            for vector in encoder.encode_queries(["погода", "кошка"])
        ]

    def test_an_archive_is_the_mean_of_its_tenants_vectors(self, index, write, channel, encoder):
        write("кошка", "погода")
        write("биржа", of=make.channel())
        given = encoder.encode_queries(["кошка", "погода"])

        found = index.archive([channel.tenant_id], "fake")

        assert found.posts == 2
        assert found.mean == pytest.approx(
            [sum(pair) / 2 for pair in zip(*given, strict=True)], abs=1e-3
        )
        assert index.archive([], "fake").posts == index.archive([channel.tenant_id], "x").posts == 0

    def test_qdrant_finds_the_mean_where_postgresql_has_no_vectors(
        self, index, write, channel, monkeypatch
    ):
        def fail(*_):
            raise VectorsUnavailable("no extension")

        write("кошка", "погода")
        expected = index.archive([channel.tenant_id], "fake")
        monkeypatch.setattr(archive, "_read", fail)

        if isinstance(index, PostgresIndex):
            with pytest.raises(VectorsUnavailable):
                index.archive([channel.tenant_id], "fake")
            return
        found = index.archive([channel.tenant_id], "fake")
        assert found.posts == expected.posts == 2
        assert found.mean == pytest.approx(expected.mean, abs=1e-3)
        assert index.archive([channel.tenant_id], "x").posts == 0

    def test_known_vectors_are_those_of_the_same_text(self, index, write):
        [cat] = write("кошка")
        [one] = sources.read([cat.pk])

        assert list(index.known_vectors({cat.pk: one.document.text_hash}, SPACE)) == [
            one.document.text_hash
        ]
        assert index.known_vectors({cat.pk: "0" * 64}, SPACE) == {}
        assert index.known_vectors({cat.pk: one.document.text_hash}, Space("other", 384)) == {}


class TestScope:
    """Facts 100 to 102, by the product's own filters."""

    def test_fact_102_of_another_tenant_nothing_is_found(
        self, index, write, channel, near, encoder
    ):
        [mine] = write("кошка")
        write("кошка", of=make.channel())
        [vector] = encoder.encode_queries(["кошка"])
        scope, query = Scope((channel.tenant_id,)), Query(words=("кошка",))

        assert [hit.post_id for hit in index.by_words(query, scope, limit=9).hits] == ids(mine)
        assert [h.post_id for h in index.by_meaning(query, vector, "fake", scope, limit=9)] == ids(
            mine
        )
        assert [hit.post_id for hit in index.newest(Query(), scope, limit=9).hits] == ids(mine)
        assert near() == ids(mine)

    def test_without_tenants_nothing_is_found(self, index, write, near, encoder):
        write("кошка")
        [vector] = encoder.encode_queries(["кошка"])
        scope, query = Scope(()), Query(words=("кошка",))

        assert list(index.by_words(query, scope, limit=9).hits) == []
        assert index.by_meaning(query, vector, "fake", scope, limit=9) == []
        assert list(index.newest(Query(), scope, limit=9).hits) == []
        assert near(tenants=[]) == []

    def test_an_author_is_asked_for_by_whole_words_of_the_name(self, index, put, channel):
        anna, other = (make.post(of=channel, content="кот") for _ in range(2))
        Post.objects.filter(pk=anna.pk).update(post_author="Анна Ёлкина")
        Post.objects.filter(pk=other.pk).update(post_author="Иоанна Ель")
        put(anna, other)

        def found(of, **filters):
            scope = Scope((channel.tenant_id,), **filters)
            return [hit.post_id for hit in index.by_words(of, scope, limit=9).hits]

        query = Query(words=("кот",))
        assert found(query, filters=Filters(senders=("елкина",))) == ids(anna)
        assert found(query, excluded=Filters(senders=("анна",))) == ids(other)

    def test_a_tag_of_any_length_is_asked_for(self, index, write, channel):
        tag = "длинный" * 30
        [post] = write(f"кот #{tag}")

        assert [
            hit.post_id for hit in words(index, Query(words=("кот",)), channel, tags=(tag,)).hits
        ] == ids(post)
        assert [hit.tags for hit in words(index, Query(tags=(tag,)), channel).hits] == [(tag,)]

    def test_each_filter_leaves_what_it_says(self, index, bare, put, channel, encoder):
        old, meme, forward = (
            make.post(of=channel, content=f"кот {text}") for text in ("раз #а #б", "два #а", "три")
        )
        Post.objects.filter(pk=old.pk).update(posted_at=make.NOW - timedelta(days=9), urls=["x"])
        Post.objects.filter(pk=forward.pk).update(is_forward=True, post_author="Анна")
        make.enrichment(meme, vision_is_meme=True, vision_classification={"type": "screenshot"})
        make.tagged(meme, "иванов", category="person")
        put(old, meme, forward)
        [vector] = encoder.encode_queries(["кот"])
        day, query = timedelta(days=1), Query(words=("кот",))

        def found(excluded=None, **filters):
            scope = Scope((channel.tenant_id,), Filters(**filters), excluded or Filters())
            by_words = {hit.post_id for hit in index.by_words(query, scope, limit=9).hits}
            near = index.by_meaning(query, vector, "fake", scope, limit=9)
            newest = index.newest(query, scope, limit=9).hits
            assert by_words == {h.post_id for h in near} == {h.post_id for h in newest}
            return by_words

        new = {meme.pk, forward.pk}
        assert found() == {old.pk, *new}
        assert found(posted_before=make.NOW - day) == {old.pk}
        assert found(posted_from=make.NOW - day) == new
        assert found(periods=((make.NOW - 10 * day, make.NOW - 8 * day),)) == {old.pk}
        assert found(has=("link",)) == {old.pk}
        assert found(has=("forward", "text")) == {forward.pk}
        assert found(has=(f"{CATEGORY}person",)) == {meme.pk}
        assert found(Filters(has=(f"{CATEGORY}person", "link"))) == {forward.pk}
        assert found(senders=("анна", "Борис")) == {forward.pk}
        assert found(is_meme=True) == {meme.pk}
        assert found(is_meme=False) == {old.pk, forward.pk}
        assert found(classes=("screenshot", "photo")) == {meme.pk}
        assert found(tags=("а",)) == {old.pk, meme.pk}
        assert found(tags=("а", "б")) == {old.pk}
        assert found(channels=(channel.pk,)) == {old.pk, *new}
        assert found(channels=(make.channel().pk,)) == set()
        assert found(Filters(tags=("а",))) == {forward.pk}
        assert found(Filters(senders=("Анна",), is_meme=True)) == {old.pk}

    def test_the_newest_are_the_newest(self, index, write, channel):
        posts = write(*[f"пост {n}" for n in range(5)])

        hits = index.newest(Query(), Scope((channel.tenant_id,)), limit=3).hits

        assert [hit.post_id for hit in hits] == ids(*reversed(posts))[:3]

    def test_a_deleted_post_is_found_no_more_at_once(self, index, write, channel, near):
        gone, kept = write("кошка спит", "кошка лает")

        gone.delete()

        assert [hit.post_id for hit in words(index, Query(words=("кошка",)), channel).hits] == ids(
            kept
        )
        assert near() == ids(kept)


class TestTypedFilters:
    """Fact 101: each type of a filter works, and a bool is no int."""

    @pytest.fixture
    def posts(self, channel, put):
        group = make.album(of=channel, pictures=[make.media_object() for _ in range(2)])
        items = list(Post.objects.filter(album_item__group=group).order_by("posted_at"))
        seen, plain = (
            make.post(of=channel, content="кошка #ai #news"),
            make.post(of=channel, content="кошка #ai"),
        )
        make.enrichment(
            seen,
            vision_is_meme=True,
            vision_classification={"type": "meme", "tags": []},
            data=LABELS,
        )
        put(*items, seen, plain)
        return group, items, seen, plain

    def test_fact_100_an_album_is_found_by_its_whole_number(
        self, posts, near, index, channel, encoder
    ):
        group, items, *_ = posts
        [vector] = encoder.encode_queries(["кошка"])

        found = index.search_vectors(
            collection_name(),
            vector,
            10,
            {"album_id": group.pk},
            tenants=[channel.tenant_id],
            model="fake",
        )

        assert {match.post_id for match in found} == set(ids(*items))
        assert all(match.payload["album_id"] == group.pk for match in found)
        assert {type(match.payload["album_id"]) for match in found} == {int}
        assert near(conditions={"album_id": group.pk + 1}) == []

    def test_fact_101_each_type_of_a_filter_works(self, posts, near, channel):
        group, items, seen, plain = posts

        def found(**conditions):
            dotted = {name.replace("__", "."): value for name, value in conditions.items()}
            return set(near(conditions=dotted))

        assert found(tags=["news", "none"]) == {seen.pk}
        assert found(tags="ai") == {seen.pk, plain.pk}
        assert found(vision__is_meme=True) == {seen.pk}
        assert found(vision__is_meme=False) == {plain.pk, *ids(*items)}
        assert found(content_length={"gte": 15, "lt": 15.5}) == {seen.pk}
        assert found(posted_at={"gte": seen.posted_at.isoformat()}) >= {seen.pk, plain.pk}
        assert found(posted_at={"gt": plain.posted_at}) == set()
        assert found(channel_id=str(channel.pk)) == {seen.pk, plain.pk, *ids(*items)}
        assert found(channel_id=str(make.channel().pk)) == set()
        assert found(channel_id="no uuid") == set()
        assert found(post_id=[str(seen.pk), "x"]) == {seen.pk}
        assert found(vision__labels="снег") == {seen.pk}
        assert found(vision__objects=["лыжи", "сани"]) == {seen.pk}
        assert found(vision__dominant_colors="#FFFFFF") == {seen.pk}
        assert found(vision__scene="склон") == {seen.pk}
        assert found(vision__classification="meme") == {seen.pk}
        assert found(vision__nsfw_score={"gt": 0.3}) == {seen.pk}
        assert found(vision__nsfw_score={"gt": 0.4}) == set()
        assert found(vision__aesthetic_score={"lte": 0.25}) == {seen.pk}
        assert found(has_media=True) == set(ids(*items))
        assert found(telegram_message_id=plain.telegram_message_id) == {plain.pk}
        assert found(created_at={"lt": "2020-01-01"}) == set()
        assert found(expires_at={"lt": "2100-01-01"}) == set()
        assert found(crawl__has_crawl=True) == set()
        assert len(found(crawl__has_crawl=False)) == 4
        assert found(crawl__word_count={"gte": 1}) == set()
        assert found(crawl__html_key="x") == set()
        assert found(album_id=group.pk, tags="ai") == set()

    @pytest.mark.parametrize(
        "conditions",
        [
            {"album_id": True},
            {"album_id": "12345"},
            {"vision.is_meme": 1},
            {"posted_at": "2026"},
            {"a": 1},
        ],
    )
    def test_what_is_no_filter_is_refused(self, near, conditions):
        with pytest.raises(FilterRefused):
            near(conditions=conditions)

    def test_another_collection_is_refused(self, index, channel):
        with pytest.raises(FilterRefused, match="collection_name"):
            index.search_vectors("others", [1.0] * 384, tenants=[channel.tenant_id], model="fake")

    def test_the_payload_is_the_contracts_and_the_same_in_each(
        self, posts, index, channel, encoder
    ):
        _, _, seen, _ = posts
        [vector] = encoder.encode_queries(["кошка"])

        [match] = index.search_vectors(
            collection_name(),
            vector,
            1,
            {"post_id": str(seen.pk)},
            tenants=[channel.tenant_id],
            model="fake",
        )

        assert match.score == pytest.approx(0.577, abs=0.01)
        assert match.payload == {
            "post_id": str(seen.pk),
            "tenant_id": str(channel.tenant_id),
            "channel_id": str(channel.pk),
            "telegram_message_id": seen.telegram_message_id,
            "album_id": None,
            "text_short": "кошка #ai #news",
            "content_length": 15,
            "tags": ["ai", "news"],
            "has_media": False,
            "vision": {
                "is_meme": True, "labels": ["горы", "снег"], "objects": ["лыжи"], "scene": "склон",
                "nsfw_score": 0.4, "aesthetic_score": 0.25, "classification": "meme",
                "dominant_colors": ["#FFFFFF"],
            },
            "crawl": {"has_crawl": False, "html_key": None, "word_count": 0},
            "created_at": seen.created_at.isoformat(),
            "posted_at": seen.posted_at.isoformat(),
            "expires_at": None,
        }  # fmt: skip


class TestWriting:
    def test_fact_104_writing_twice_changes_nothing(self, index, channel, put):
        post = make.post(of=channel, content="кошка")

        assert [put(post), put(post)] in ([1, 0], [0, 0])  # PostgreSQL was written before
        assert index.count(channel.tenant_id) == 1

    def test_an_edit_replaces_what_was_before(self, index, write, put, channel):
        [post] = write("кошка #а")
        before = index.fingerprints([post.pk], SPACE)
        Post.objects.filter(pk=post.pk).update(content="собака")

        put(post)

        assert list(words(index, Query(words=("кошка",)), channel).hits) == []
        assert [hit.post_id for hit in words(index, Query(words=("собака",)), channel).hits] == ids(
            post
        )
        assert list(words(index, Query(), channel, tags=("а",)).hits) == []
        assert index.fingerprints([post.pk], SPACE) != before

    def test_a_fingerprint_is_that_of_what_was_written(self, index, write):
        posts = write("кошка", "", "погода #тег https://a.example")
        entries = entries_of(list(sources.read(ids(*posts), with_data=True)), with_payload=True)

        expected = index.expected(entries, SPACE)

        assert len(set(expected.values())) == 3
        assert index.fingerprints([*ids(*posts), make.post().pk], SPACE) == expected

    def test_a_missing_vector_is_seen_in_the_fingerprint(self, index, channel, put):
        post = make.post(of=channel, content="кошка")
        put(post, space=None)
        [entry] = entries_of(list(sources.read([post.pk], with_data=True)), with_payload=True)

        assert index.fingerprints([post.pk], SPACE) != index.expected([entry], SPACE)
        put(post)
        assert index.fingerprints([post.pk], SPACE) == index.expected([entry], SPACE)

    def test_deleting_forgets_and_may_be_repeated(self, index, write, channel):
        gone, kept = write("кошка", "кошка")

        for _ in range(2):
            index.delete([gone.pk, make.post().pk])

        assert index.ids(channel.tenant_id, after=None, limit=9) == ids(kept)
        index.delete([])

    def test_ids_are_those_of_the_tenant_page_by_page(self, index, write, channel):
        posts = write(*[f"пост {n}" for n in range(7)])
        write("чужой", of=make.channel())
        found, after = [], None
        while page := index.ids(channel.tenant_id, after=after, limit=3):
            assert len(page) <= 3
            found, after = [*found, *page], page[-1]

        assert found == sorted(ids(*posts))
        assert index.count(channel.tenant_id) == 7

    def test_the_old_index_serves_until_the_new_one_is_finished(self, index, write, channel):
        posts = write("кошка", "кот")
        entries = entries_of(list(sources.read(ids(*posts), with_data=True)), with_payload=True)

        building = index.rebuild(SPACE)
        before = [hit.post_id for hit in words(index, Query(words=("кошка",)), channel).hits]
        building.upsert(entries, now=timezone.now())
        left = building.missing([*ids(*posts), make.post().pk])
        building.finish()

        assert before == ids(posts[0])
        assert len(left) == 1
        assert [hit.post_id for hit in words(index, Query(words=("кот",)), channel).hits] == ids(
            posts[1]
        )
