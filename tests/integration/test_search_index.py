"""The index follows the archive, and finds what it should, whatever comes first, twice or late."""

import json
import random
import time
from datetime import UTC, timedelta
from io import StringIO
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import override

from accounts.models import Role
from events.delivery import worker
from events.models import Delivery
from media.models import Post
from search import handlers
from search.embeddings import chosen
from search.embeddings.fake import FakeEncoder
from search.index.port import Scope
from search.index.postgresql.index import PostgresIndex
from search.index.postgresql.vectors import vector_table
from search.management.commands import rebuild_index
from search.models import SearchDocument, SearchWord
from search.query_terms import Filters, Query
from search.services import asked, find
from search.services.facets import facets_in
from search.services.indexing import rebuild
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_words import index_words
from search.services.results.highlight import highlight
from search.words import in_the_other_layout
from tests import factories as make
from tests.concurrency import in_threads

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def encoder():
    """Питомец means кошка, ипотека means mortgage; no model is loaded."""
    fake = FakeEncoder(same={"питомец": "кошка", "mortgage": "ипотека"})
    before = chosen.use(fake)
    yield fake
    chosen.use(before)


@pytest.fixture
def channel():
    return make.channel()


@pytest.fixture
def write(channel):
    """Posts of one channel, indexed; the later one is the newer."""

    def _(*texts, of=channel, **fields):
        posts = [make.post(of=of, content=text, **fields) for text in texts]
        index(*posts)
        return posts

    return _


@pytest.fixture
def ask(channel):
    """Ids of the posts found, best first."""

    def _(text, *, tenants=None, limit=10, **filters):
        scope = Scope((channel.tenant_id,) if tenants is None else tenants, Filters(**filters))
        query = asked.read(text, scope.tenants, now=timezone.now(), zone=UTC).query
        return [hit.post_id for hit in find.find(query, scope, limit=limit).hits]

    return _


def index(*posts):
    ids = [post.pk for post in posts]
    index_words(ids, now=timezone.now())
    index_meaning(ids)


def ids(*posts):
    return [post.pk for post in posts]


def vectors():
    with connection.cursor() as cursor:
        cursor.execute("SELECT post_id, text_hash FROM search_vectors ORDER BY post_id")
        return cursor.fetchall()


def vocabulary():
    """How many posts have each word; a number with a blank before it is a week."""
    words = SearchWord.objects.exclude(posts=0).exclude(word__startswith=" ")
    return dict(words.values_list("word", "posts"))


class TestByWords:
    def test_a_word_is_found_in_its_other_forms(self, write, ask):
        found, _ = write("Ставки по ипотеке выросли", "Погода на завтра")

        assert ask("ипотека")[0] == found.pk

    def test_yo_and_ye_are_one_letter_on_both_sides(self, write, ask):
        one, other, _ = write("тёмная материя", "темная комната", "свет")

        assert {*ask("темная")[:2]} == {*ask("тёмная")[:2]} == {one.pk, other.pk}

    def test_a_rare_word_counts_for_more_than_a_common_one(self, write, ask):
        common = [f"новость дня номер {n}" for n in range(8)]
        rare, *_ = write("птерозавр", *common)

        assert ask("новость птерозавр")[0] == rare.pk

    def test_a_mistyped_word_finds_the_right_one_and_says_so(self, write, channel):
        found, _ = write("Ставки по ипотеке", "Погода")

        hits = find.find_text("ипатека", (channel.tenant_id,), limit=1)

        assert hits.hits[0].post_id == found.pk
        assert hits.replaced == {"ипатека": ("ипотек",)}

    @pytest.mark.parametrize(
        ("typed", "word", "stem"),
        [
            ("bgjntre", "ипотеку", "ипотек"),
            ("Gjujlf,", "погода", "погод"),
            ("ызфсуч", "spacex", "spacex"),
        ],
    )
    def test_a_word_in_the_other_layout_of_the_keyboard(self, write, channel, typed, word, stem):
        write("Ставки по ипотеке", "Погода на завтра", "Запуск SpaceX", "lj и w")

        hits = find.find_text(typed, (channel.tenant_id,), limit=5)

        meant = find.find_text(word, (channel.tenant_id,), limit=5)
        assert hits.replaced == {typed: (stem,)}
        assert [hit.post_id for hit in hits.hits] == [hit.post_id for hit in meant.hits]
        assert hits.hits[0].distance == meant.hits[0].distance is not None
        assert facets_in(typed, (channel.tenant_id,), [], zone=UTC).posts == 1

    def test_what_the_archive_has_or_lacks_either_way_is_meant_as_typed(self, write, channel):
        write("Ghbdtn, мир", "Привет всем")

        assert find.find_text("ghbdtn", (channel.tenant_id,), limit=5).replaced == {}
        assert find.find_text("lfkmit", (channel.tenant_id,), limit=5).replaced == {}
        assert in_the_other_layout("x[") == in_the_other_layout("чхать") == []

    @pytest.mark.parametrize(
        ("written", "asked"), [("Python 3.14", "питон"), ("Телеграм", "telegram")]
    )
    def test_a_name_is_found_in_the_other_script(self, write, ask, written, asked):
        found, _ = write(f"Вышел {written}", "Вышел дождь")

        assert ask(asked)[0] == found.pk

    def test_a_tag_finds_its_posts_first_and_then_the_theme(self, write, ask):
        theme, tagged, _ = write("горы, горы, горы!", "Отпуск #горы и море", "Погода")

        assert ask("#Горы")[:2] == ids(tagged, theme)

    def test_words_outside_of_the_text_are_found(self, write, ask):
        found, _ = write("пост", "другой")
        Post.objects.filter(pk=found.pk).update(other_words="отчет.pdf отчет pdf")
        index(found)

        assert ask("отчёт")[0] == found.pk

    def test_a_phrase_and_an_exclusion_are_obeyed_by_meaning_too(self, write, ask):
        together, apart, _ = write("красное пятно", "пятно красное", "пятно красное пятно злое")

        assert together.pk in ask('"красное пятно"')
        assert apart.pk not in ask('"красное пятно"')
        assert ask('"красное пятно" -злое') == ids(together)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "   ",
            "'",
            "\\",
            "и в не",
            "':* | & !",
            "a\0b",
            "😀",
            "#",
            "-",
            '"',
            "x" * 5000,
            "ы " * 3000,
        ],
    )
    def test_no_query_is_an_error(self, write, ask, text):
        write("что-нибудь о чём-нибудь")

        ask(text)


class TestByMeaning:
    @pytest.fixture(autouse=True)
    def _in_english(self):
        with override("en"):
            yield

    def test_what_did_not_work_is_said_in_the_language_of_whoever_asks(
        self, write, channel, monkeypatch
    ):
        write("кошка спит")
        monkeypatch.setattr(vector_table, "exists", lambda: False)

        with override("ru"):
            [said] = find.find_text("кошка", (channel.tenant_id,), limit=5).degraded

        assert said.startswith("только по словам: в PostgreSQL нет расширения vector")

    def test_a_post_without_the_word_is_found(self, write, ask):
        found, *_ = write("кошка спит", *[f"погода {n}" for n in range(5)])

        assert ask("питомец")[0] == found.pk

    def test_without_the_extension_the_search_is_by_words_and_says_so(
        self, write, channel, monkeypatch
    ):
        found, _ = write("кошка спит", "погода")
        monkeypatch.setattr(vector_table, "exists", lambda: False)

        hits = find.find_text("кошка", (channel.tenant_id,), limit=5)

        assert [hit.post_id for hit in hits.hits] == [found.pk]
        assert "extension vector" in hits.degraded[0]

    def test_without_the_encoder_the_search_is_by_words_and_says_so(self, write, channel, encoder):
        found, _ = write("кошка спит", "погода")
        encoder.failure = "the model is away"

        hits = find.find_text("кошка", (channel.tenant_id,), limit=5)

        assert [hit.post_id for hit in hits.hits] == [found.pk]
        assert hits.degraded == ("only by words: the model is away",)

    def test_without_an_encoder_by_choice_the_search_is_by_words_and_says_so(
        self, write, channel, settings
    ):
        found, _ = write("кошка спит", "погода")
        chosen.use(None)
        settings.SEARCH = SimpleNamespace(encoder="none")

        hits = find.find_text("кошка", (channel.tenant_id,), limit=5)

        assert [hit.post_id for hit in hits.hits] == [found.pk]
        assert hits.degraded == ("only by words: SEARCH_ENCODER is none",)
        assert handlers.write_meaning([], now=make.NOW) == "no encoder"

    def test_vectors_of_another_model_are_not_compared(self, write, ask, encoder):
        write("кошка спит")
        encoder.name = "fake-2"

        assert ask("питомец") == []

    def test_the_same_text_is_encoded_once(self, write, encoder):
        write("кошка спит", "кошка спит", "погода")

        assert encoder.encoded == 2
        assert len(vectors()) == 3

    def test_a_vector_of_a_text_that_was_edited_meanwhile_is_not_written(
        self, channel, encoder, monkeypatch
    ):
        post = make.post(of=channel, content="кошка")
        encode = encoder.encode_passages

        def slowly(texts):
            Post.objects.filter(pk=post.pk).update(content="собака")
            return encode(texts)

        monkeypatch.setattr(encoder, "encode_passages", slowly)
        index_meaning([post.pk])

        assert vectors() == []

    def test_a_post_that_lost_its_text_loses_its_vector(self, write):
        [post] = write("кошка")
        Post.objects.filter(pk=post.pk).update(content="")

        index(post)

        assert vectors() == []

    def test_a_hit_says_why(self, write, channel):
        write("Кошка спит #дом", "погода")

        [hit, *_] = find.find_text("кошки #дом", (channel.tenant_id,), limit=5).hits

        assert hit.words == ("кошки", "дом")
        assert hit.tags == ("дом",)
        assert 0 <= hit.distance <= 2


class TestTenants:
    def test_nobody_finds_what_he_may_not_see(self, write):
        mine, other = make.channel(), make.channel()
        [own] = write("кошка спит", of=mine)
        write("кошка спит", "кошка", of=other)

        hits = find.search(make.member(Role.VIEWER, mine.tenant), "кошка питомец")

        assert [hit.post_id for hit in hits.hits] == [own.pk]
        assert find.search(AnonymousUser(), "кошка").hits == ()
        assert len(find.search(make.superuser(), "кошка").hits) == 3

    def test_words_of_another_tenant_correct_nothing(self, write, ask, channel):
        write("Погода", of=channel)
        write("Ставки по ипотеке", of=make.channel())

        hits = find.find_text("ипатека", (channel.tenant_id,), limit=5)

        assert hits.replaced == {}

    def test_a_scope_without_tenants_finds_nothing(self, write, ask):
        write("кошка")

        assert ask("кошка", tenants=()) == []


class TestFilters:
    def test_each_filter_leaves_what_it_says(self, write, ask, channel):
        old, new, forward = write("кот раз https://a.example", "кот два", "кот три")
        Post.objects.filter(pk=old.pk).update(posted_at=make.NOW - timedelta(days=9), urls=["x"])
        Post.objects.filter(pk=forward.pk).update(is_forward=True, post_author="Анна")
        make.enrichment(new, vision_is_meme=True, vision_classification={"type": "screenshot"})
        index(old, new, forward)

        assert ask("кот", posted_before=make.NOW - timedelta(days=1)) == ids(old)
        assert set(ask("кот", posted_from=make.NOW - timedelta(days=1))) == {new.pk, forward.pk}
        assert ask("кот", has=("link",)) == ids(old)
        assert ask("кот", has=("forward", "text")) == ids(forward)
        assert ask("кот", senders=("Анна",)) == ids(forward)
        assert ask("кот", is_meme=True) == ids(new)
        assert ask("кот", classes=("screenshot",)) == ids(new)
        assert ask("кот", channels=(make.channel().pk,)) == []
        assert len(ask("кот", channels=(channel.pk,))) == 3

    def test_fact_100_an_album_is_found_by_its_number_and_by_its_caption(self, ask, channel):
        group = make.album(of=channel, pictures=[make.media_object() for _ in range(3)])
        group.caption_text = "Поход на Эльбрус"
        group.save()
        items = Post.objects.filter(album_item__group=group)
        index(*items, make.post(of=channel, content="Поход"))

        assert set(ask("поход", albums=(group.pk,))) == set(items.values_list("pk", flat=True))
        found = ask("Эльбрус")
        assert len(found) == 2  # the album is one hit; by meaning the other post, too
        assert found[0] in set(items.values_list("pk", flat=True))


class TestOrder:
    def test_pages_of_a_query_fit_together_and_stay(self, write, channel):
        write(*[f"кот {n % 3}" for n in range(30)])
        tenants = (channel.tenant_id,)

        def page(offset, limit):
            hits = find.find_text("кот", tenants, limit=limit, offset=offset).hits
            return [hit.post_id for hit in hits]

        whole = page(0, 30)
        assert whole == page(0, 30) == [*page(0, 7), *page(7, 23)]
        assert len(set(whole)) == 30

    def test_of_two_posts_with_the_same_words_the_newer_comes_first(self, write, channel):
        old, new = write("кот", "кот")

        hits = find.find(Query(words=("кот",)), Scope((channel.tenant_id,)), limit=2).hits

        assert hits[0].score >= hits[1].score
        by_words = PostgresIndex().by_words(
            Query(words=("кот",)), Scope((channel.tenant_id,)), limit=2
        )
        assert [hit.post_id for hit in by_words.hits] == ids(new, old)


class TestProjection:
    def test_a_text_whose_letters_become_plain_ones_gets_its_language(self, write):
        plain = "Yesterday the first snow of this winter fell in our mountains, and everybody went skiing"
        letters = {ord(c): chr(0x1D41A + ord(c) - ord("a")) for c in "abcdefghijklmnopqrstuvwxyz"}
        [bold] = write(plain.translate(letters))

        Post.objects.filter(pk=bold.pk).update(content=plain, revision=1)
        index(bold)

        assert SearchDocument.objects.get(pk=bold.pk).lang == "en"

    def test_events_in_any_order_and_twice_lead_to_the_same_index(self, archive):
        posts = [archive.post(content=f"кошка {n} #тег") for n in range(4)]
        worker.drain("search")
        worker.drain("search_meaning")
        before = state()

        deliveries = Delivery.objects.filter(subscriber__startswith="search.")
        deliveries.update(state="pending", due_at=timezone.now(), attempts=0)
        worker.drain("search_meaning")
        worker.drain("search")

        assert len(before[0]) == len(before[1]) == len(posts)
        assert state() == before

    def test_an_edit_replaces_the_words_of_before(self, write, ask):
        [post] = write("кошка спит")
        Post.objects.filter(pk=post.pk).update(content="собака лает")
        index(post)

        assert ask("собака") == ids(post)
        assert vocabulary() == {"": 1, "собак": 1, "лает": 1}

    def test_a_deleted_post_takes_its_words_and_vector_with_it(self, write, ask):
        gone, kept = write("кошка спит", "кошка лает")

        gone.delete()

        assert ask("кошка") == ids(kept)
        assert [post_id for post_id, _ in vectors()] == ids(kept)
        assert vocabulary() == {"": 1, "кошк": 1, "лает": 1}

    def test_an_unchanged_post_is_not_written_again(self, write):
        [post] = write("кошка")

        assert index_words([post.pk], now=timezone.now()) == 0

    @pytest.mark.costly
    def test_a_random_day_and_a_rebuild_give_the_same_index(self, channel):
        drawn = random.Random(7)
        posts = [make.post(of=channel, content=words(drawn)) for _ in range(20)]
        for _ in range(60):
            post = drawn.choice(posts)
            if drawn.random() < 0.1:
                Post.objects.filter(pk=post.pk).delete()
            else:
                Post.objects.filter(pk=post.pk).update(content=words(drawn))
            index(*drawn.sample(posts, 3), post)
        index(*posts)
        live = state(), vocabulary()

        SearchDocument.objects.all().delete()
        assert vocabulary() == {}
        call_command("rebuild_index", "--json", stdout=StringIO(), stderr=StringIO())

        assert (state(), vocabulary()) == live


def words(drawn):
    return " ".join(drawn.choices(["кошка", "собака", "лес", "#тег", "море", ""], k=4)).strip()


def state():
    """Everything that is indexed, but when."""
    columns = [f.attname for f in SearchDocument._meta.concrete_fields if f.name != "indexed_at"]
    return list(SearchDocument.objects.order_by("pk").values_list(*columns)), vectors()


@pytest.mark.django_db(transaction=True)
def test_two_writers_of_the_same_posts_neither_lose_nor_block(channel):
    posts = [make.post(of=channel, content=f"кошка {n}") for n in range(30)]

    def write(order):
        for _ in range(3):
            with transaction.atomic():
                index_words(ids(*order), now=timezone.now())

    in_threads(*[lambda order=order: write(order) for order in (posts, posts[::-1], posts[10:])])

    assert vocabulary()["кошк"] == 30 == SearchDocument.objects.count()


def test_the_table_of_vectors_comes_when_the_extension_does(channel, write, ask):
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION vector CASCADE")
    post, gone = (make.post(of=channel, content="кошка") for _ in range(2))
    index_words(ids(post, gone), now=timezone.now())
    gone.delete()
    assert ask("кошка") == ids(post)
    assert ask("питомец") == []

    output = StringIO()
    call_command("rebuild_index", "--json", stdout=output, stderr=StringIO())

    assert json.loads(output.getvalue())["encoded"] == 1
    assert ask("питомец") == ids(post)


def test_a_rebuild_that_was_interrupted_is_continued_with_all_posts_of_that_moment(
    channel, monkeypatch
):
    """The parts of an album have one and the same time."""
    posts = [make.post(of=channel, content=f"кошка {n}", posted_at=make.NOW) for n in range(5)]
    output, written, written_before = StringIO(), rebuild_index.index_and_match, []

    def write_until_ctrl_c(post_ids, **options):
        if written_before:
            raise KeyboardInterrupt
        written_before.append(post_ids)
        return written(post_ids, **options)

    monkeypatch.setattr(rebuild, "BATCH", 2)
    monkeypatch.setattr(rebuild_index, "index_and_match", write_until_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        call_command("rebuild_index", stdout=StringIO(), stderr=output)
    monkeypatch.setattr(rebuild_index, "index_and_match", written)
    how = output.getvalue().split()[-2:]

    call_command("rebuild_index", *how, stdout=StringIO(), stderr=StringIO())

    assert how[0] == "--before"
    assert set(SearchDocument.objects.values_list("pk", flat=True)) == set(ids(*posts))


def test_highlights_are_places_in_the_text_as_written():
    [fragment] = highlight(["Ёлка <b>и</b> ёлки, #Ёлки в лесу"], ["елк"])

    assert fragment.text == "Ёлка <b>и</b> ёлки, #Ёлки в лесу"
    assert [fragment.text[a:b] for a, b in fragment.spans] == ["Ёлка", "ёлки", "Ёлки"]


class TestCommand:
    def run(self, *arguments):
        done = SimpleNamespace(out=StringIO(), err=StringIO())
        call_command("search", *arguments, stdout=done.out, stderr=done.err)
        return done

    def test_json_says_what_was_found_and_why(self, write):
        found, _ = write("Кошки спят", "Погода")

        report = json.loads(self.run("кошка", "--json", "--limit", "1").out.getvalue())

        [hit] = report["hits"]
        assert hit["post_id"] == str(found.pk)
        assert hit["words"] == ["кошка"]
        assert [hit["text"][a:b] for a, b in hit["spans"]] == ["Кошки"]
        assert report["degraded"] == []

    def test_a_model_that_loads_slowly_is_waited_for(self, write, settings, monkeypatch):
        """Each command begins without it: on a slow machine none would search by meaning."""
        settings.SEARCH = settings.SEARCH.model_copy(update={"query_timeout_sec": 0.05})
        encode = FakeEncoder.encode_queries

        def slowly(encoder, texts):
            time.sleep(0.3)
            return encode(encoder, texts)

        write("Кошки спят")
        monkeypatch.setattr(FakeEncoder, "encode_queries", slowly)

        report = json.loads(self.run("кошка", "--json").out.getvalue())

        assert report["degraded"] == []

    def test_people_read_why(self, write):
        write("Кошки спят")

        text = self.run("кошка").out.getvalue()

        assert "Кошки спят" in text
        assert "кошка" in text

    def test_as_a_user_finds_what_that_user_may_see(self, write):
        mine = make.channel()
        write("кошка", of=mine)
        write("кошка кошка")
        member = make.member(Role.VIEWER, mine.tenant)

        report = json.loads(self.run("кошка", "--json", "--as", member.username).out.getvalue())

        assert len(report["hits"]) == 1

    @pytest.mark.parametrize("limit", ["0", "-1", "101", "x", "1.5", "٣"])
    def test_an_impossible_limit_is_refused(self, limit, db):
        with pytest.raises(CommandError):
            self.run("кошка", "--limit", limit)
