"""Vectors: none is paid for twice, none above the budget, and a new model takes over without a gap."""

import json
import threading
from io import StringIO
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from events.delivery import worker
from events.errors import RetryLater
from events.logs import trace
from events.models import Delivery, DeliveryState, OutboxEvent
from media.models import Post
from media.posts import post_events
from search import handlers, sources, tasks
from search.embeddings import chosen
from search.embeddings.fake import FakeEncoder
from search.embeddings.port import EncoderUnavailable, NothingLeft
from search.index.postgresql.vectors import kept_vectors, vector_table
from search.models import EmbeddingModel, SearchDocument, WaitingPost
from search.monitoring.gauges import SearchCollector
from search.monitoring.status import status
from search.services import find
from search.services.indexing import rebuild
from search.services.indexing.catch_up import catch_up
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_words import index_words
from search.services.meaning import models_in_use, query_vector
from tests import factories as make
from tests.concurrency import together, wait_until_one_is_blocked
from vision.limits.budget import day_of
from vision.models import PostEnrichment, TokenBudget

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def old():
    """The encoder of the beginning, which knows that питомец is кошка."""
    before = chosen.use(fake := FakeEncoder(same={"питомец": "кошка"}))
    yield fake
    chosen.use(before)


@pytest.fixture
def new(old):
    """Another model, which knows other words and has another size."""
    return FakeEncoder(name="fake-2", dimension=96, same={"зверь": "кошка"})


@pytest.fixture
def channel():
    return make.channel()


@pytest.fixture
def write(channel):
    def _(*texts, of=channel):
        posts = [make.post(of=of, content=text) for text in texts]
        index(*posts)
        return posts

    return _


def index(*posts):
    words(*posts)
    index_meaning([post.pk for post in posts])


def words(*posts):
    return index_words([post.pk for post in posts], now=timezone.now())


def edit(post, text):
    Post.objects.filter(pk=post.pk).update(content=text, revision=post.revision + 1)
    post.refresh_from_db()


def models():
    with connection.cursor() as cursor:
        cursor.execute("SELECT model, count(*) FROM search_vectors GROUP BY model")
        return dict(cursor.fetchall())


def kept():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM search_kept_vectors")
        return cursor.fetchone()[0]


def ask(text, channel):
    return find.find_text(text, (channel.tenant_id,), limit=5)


class TestNothingTwice:
    def test_a_text_that_is_edited_back_is_not_encoded_again(self, write, old):
        [post] = write("кошка спит")
        edit(post, "собака")
        index(post)
        edit(post, "кошка спит")
        index(post)

        assert old.encoded == 2
        assert models() == {"fake": 1}

    def test_a_text_that_comes_back_after_its_post_was_deleted_is_not_encoded_again(
        self, write, old
    ):
        [post] = write("кошка спит")
        post.delete()
        assert kept() == 1

        write("кошка спит")

        assert old.encoded == 1
        assert kept() == 0

    def test_what_was_encoded_before_a_failure_is_kept(self, channel, old, monkeypatch):
        posts = [make.post(of=channel, content=f"текст {n}") for n in range(20)]
        encode, calls = old.encode_passages, []

        def breaks(texts):
            calls.append(len(texts))
            if len(calls) == 2:
                raise EncoderUnavailable("busy")
            return encode(texts)

        monkeypatch.setattr(old, "encode_passages", breaks)
        words(*posts)
        with pytest.raises(EncoderUnavailable, match="busy"):
            index_meaning([post.pk for post in posts])
        assert models() == {"fake": 16}

        index_meaning([post.pk for post in posts])

        assert calls == [16, 4, 4]
        assert models() == {"fake": 20}

    def test_a_vector_of_a_text_that_was_edited_meanwhile_is_kept_for_when_it_comes_back(
        self, channel, old, monkeypatch
    ):
        post, encode = make.post(of=channel, content="кошка"), old.encode_passages

        def slowly(texts):
            edit(post, "собака")
            return encode(texts)

        monkeypatch.setattr(old, "encode_passages", slowly)
        words(post)
        index_meaning([post.pk])
        assert models() == {}
        monkeypatch.setattr(old, "encode_passages", encode)
        edit(post, "кошка")
        index(post)

        assert old.encoded == 1
        assert models() == {"fake": 1}

    def test_a_text_that_is_refused_is_asked_about_once_and_waits_for_nothing(
        self, channel, old, monkeypatch
    ):
        posts = [make.post(of=channel, content=text) for text in ("кошка", "яд")]
        encode = old.encode_passages
        monkeypatch.setattr(
            old,
            "encode_passages",
            lambda texts: [[] if "яд" in text else v for text, v in zip(texts, encode(texts), strict=True)],
        )  # fmt: skip
        index(*posts)
        index(*posts)

        assert old.encoded == 2
        assert models() == {"fake": 1}
        assert not WaitingPost.objects.exists()

    def test_kept_vectors_are_bounded_the_oldest_go(self, write, settings):
        posts = write(*[f"текст {n}" for n in range(6)])
        for post in posts:
            post.delete()
        assert kept() == 6

        assert kept_vectors.prune(most=6) == 0
        with connection.cursor() as cursor:  # of one transaction all are equally old
            cursor.execute(
                "UPDATE search_kept_vectors SET kept_at = now() - random() * interval '1 h'"
            )
        assert kept_vectors.prune(most=2) == 4
        assert kept() == 2
        settings.SEARCH = settings.SEARCH.model_copy(update={"kept_vectors": 0})
        tasks.embed_waiting()

        assert kept() == 0


class TestDeletion:
    def test_a_post_that_is_deleted_before_its_words_are_written_leaves_no_vector(self, channel):
        post = make.post(of=channel, content="кошка")
        index_meaning([post.pk])  # the queue of words is behind
        assert models() == {"fake": 1}

        post.delete()

        assert models() == {}

    @pytest.mark.django_db(transaction=True)
    def test_a_post_that_is_deleted_while_its_vector_is_written_leaves_none(
        self, channel, old, monkeypatch
    ):
        index(other := make.post(of=channel, content="погода"))  # makes the index, under a lock
        post, read, reads = make.post(of=channel, content="кошка"), sources.read, []
        words(post)

        def deleted_after_reading(post_ids, **options):
            found = list(read(post_ids, **options))
            reads.append(len(found))
            if len(reads) == 2:  # the one that decides what is written
                deletion.start()
                wait_until_one_is_blocked()  # by the row of what waits; vectors were looked for
            return iter(found)

        def delete():
            post.delete()
            connection.close()

        deletion = threading.Thread(target=delete)
        monkeypatch.setattr(sources, "read", deleted_after_reading)
        index_meaning([post.pk])
        deletion.join(timeout=20)

        assert reads == [1, 1]
        assert list(Post.objects.all()) == [other]
        assert models() == {"fake": 1}

    @pytest.mark.django_db(transaction=True)
    def test_posts_that_somebody_is_deleting_are_not_waited_for_and_wait_if_they_stay(
        self, channel, old
    ):
        stays, goes = (make.post(of=channel, content=text) for text in ("кошка", "собака"))
        words(stays, goes)
        other = connection.copy()
        try:
            with other.cursor() as theirs:
                theirs.execute("BEGIN; SELECT FROM posts WHERE id = %s FOR UPDATE", [goes.pk])
                index_meaning([stays.pk, goes.pk])
                theirs.execute("ROLLBACK")
        finally:
            other.close()

        assert models() == {"fake": 1}
        assert [one.pk for one in WaitingPost.objects.all()] == [goes.pk]
        tasks.embed_waiting()
        assert models() == {"fake": 2}


class TestWaiting:
    def test_a_post_waits_from_its_words_to_its_vector(self, channel):
        post, empty = make.post(of=channel, content="кошка"), make.post(of=channel, content="")
        words(post, empty)
        [waits] = WaitingPost.objects.all()
        assert (waits.pk, waits.tenant_id) == (post.pk, channel.tenant_id)

        index_meaning([post.pk, empty.pk])

        assert not WaitingPost.objects.exists()

    def test_a_changed_text_waits_anew_and_an_unchanged_one_does_not(self, write):
        changed, other = write("кошка", "собака")
        edit(changed, "лес")
        Post.objects.filter(pk=other.pk).update(post_author="Анна")
        words(changed, other)

        assert [row.pk for row in WaitingPost.objects.all()] == [changed.pk]

    def test_a_deleted_post_waits_for_nothing(self, channel):
        post = make.post(of=channel, content="кошка")
        words(post)
        post.delete()

        assert not WaitingPost.objects.exists()

    def test_meaning_before_words_leaves_nobody_waiting(self, channel):
        post = make.post(of=channel, content="кошка")
        index_meaning([post.pk])
        words(post)

        assert not WaitingPost.objects.exists()

    def test_the_job_encodes_what_waits_newest_first(self, channel, old, monkeypatch):
        posts = [make.post(of=channel, content=f"текст {n}") for n in range(5)]
        words(*posts)
        seen, encode = [], old.encode_passages
        monkeypatch.setattr("search.services.indexing.catch_up.BATCH", 2)
        monkeypatch.setattr(
            old, "encode_passages", lambda texts: seen.append(texts) or encode(texts)
        )

        assert tasks.embed_waiting().startswith("5 posts")

        assert sorted(map(len, seen)) == [1, 2, 2]
        assert set(seen[0]) == {"текст 3", "текст 4"}
        assert models() == {"fake": 5}

    def test_what_comes_by_events_comes_first(self, archive):
        archive.post(content="кошка")
        worker.drain("search")

        assert "events" in tasks.embed_waiting()
        worker.drain("search_meaning")
        assert tasks.embed_waiting().startswith("0 posts")
        assert models() == {"fake": 1}

    def test_deliveries_that_wait_for_the_encoder_do_not_hold_the_job_up(self, archive):
        archive.post(content="кошка")
        worker.drain("search")
        Delivery.objects.filter(queue="search_meaning").update(
            state=DeliveryState.PENDING, due_at=timezone.now() + timezone.timedelta(minutes=5)
        )

        assert tasks.embed_waiting().startswith("1 posts")

    def test_an_encoder_that_is_away_is_named_and_asked_again(self, channel, old):
        words(make.post(of=channel, content="кошка"))
        old.failure = "the model is away"
        assert tasks.embed_waiting().endswith("ended: the model is away")
        old.failure = ""

        assert tasks.embed_waiting().startswith("1 posts")

    def test_a_wait_that_the_encoder_asks_for_is_that_of_the_delivery(self, old, monkeypatch):
        wait = timezone.timedelta(seconds=77)

        def busy(*_, **__):
            raise EncoderUnavailable("busy", after=wait)

        monkeypatch.setattr(handlers, "index_meaning", busy)
        with pytest.raises(RetryLater) as postponed:
            handlers.write_meaning([], now=timezone.now())

        assert postponed.value.after == wait

    def test_a_slow_encoder_does_not_outlast_the_lease(self, channel, old, monkeypatch):
        posts = [make.post(of=channel, content=f"текст {n}") for n in range(40)]
        clock = iter(range(0, 1000, 40))
        monkeypatch.setattr(
            "search.services.meaning.encode_posts.time",
            SimpleNamespace(monotonic=lambda: next(clock)),
        )
        words(*posts)
        with pytest.raises(EncoderUnavailable, match="slow"):
            index_meaning([post.pk for post in posts], seconds=60)

        assert models() == {"fake": 16}


class TestAfterAPause:
    def test_posts_of_a_time_without_an_encoder_get_their_vectors_afterwards(
        self, write, channel, settings
    ):
        write("погода")
        usual = settings.SEARCH
        settings.SEARCH = usual.model_copy(update={"encoder": "none"})
        tasks.embed_waiting()
        words(make.post(of=channel, content="кошка"))
        assert not WaitingPost.objects.exists()
        settings.SEARCH = usual

        assert tasks.embed_waiting().startswith("1 posts")
        assert models() == {"fake": 2}

    def test_vectors_that_are_gone_with_the_extension_are_made_again(self, write):
        write("погода", "кошка")
        with connection.cursor() as cursor:
            cursor.execute("DROP EXTENSION vector CASCADE")

        assert tasks.embed_waiting().startswith("2 posts")

    def test_a_vector_that_is_lost_is_found_missing_within_a_day(self, write):
        write("погода", "кошка")
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM search_vectors")
        assert tasks.embed_waiting().startswith("0 posts")
        EmbeddingModel.objects.update(checked_at=timezone.now() - timezone.timedelta(days=2))

        assert tasks.embed_waiting().startswith("2 posts")


class TestAnotherModel:
    def change(self, new, old):
        chosen.use(new, instead_of={"fake": old})

    def test_the_old_vectors_serve_until_the_new_ones_cover_the_archive(
        self, write, channel, old, new, monkeypatch
    ):
        found, *_ = write("кошка спит", *[f"погода {n}" for n in range(4)])
        self.change(new, old)
        stop = iter([True, False])
        monkeypatch.setattr("search.services.indexing.catch_up.BATCH", 2)
        monkeypatch.setattr(
            tasks, "catch_up", lambda clock, proceed: _catch_up(clock, lambda: next(stop))
        )

        tasks.embed_waiting()
        assert models() == {"fake": 5, "fake-2": 2}
        assert status().is_changing
        assert ask("питомец", channel).hits[0].post_id == found.pk  # what only the old one knows
        assert not ask("питомец", channel).degraded

        monkeypatch.undo()
        assert "fake-2 serves now" in tasks.embed_waiting()

        assert models() == {"fake-2": 5}
        assert list(EmbeddingModel.objects.values_list("name", flat=True)) == ["fake-2"]
        assert ask("зверь", channel).hits[0].post_id == found.pk
        assert not status().is_changing

    def test_new_posts_are_found_meanwhile_and_edited_ones_by_their_new_text(
        self, write, channel, old, new
    ):
        [edited, *_] = write("кошка спит", "погода", "снег")
        self.change(new, old)
        models_in_use.adopt(new, now=timezone.now())
        [fresh] = write("кошка пришла")
        edit(edited, "море и небо")
        index(edited)

        assert ask("питомец", channel).hits[0].post_id == fresh.pk
        assert models() == {"fake": 4, "fake-2": 2}

    def test_where_the_old_one_does_not_answer_the_new_one_does_and_the_answer_says_so(
        self, write, channel, old, new
    ):
        [edited, _] = write("кошка спит", "погода")
        self.change(new, old)
        models_in_use.adopt(new, now=timezone.now())
        old.failure = "gone for good"
        [fresh] = write("кошка пришла")
        edit(edited, "море и небо")
        index(edited)

        hits = ask("зверь", channel)

        assert hits.hits[0].post_id == fresh.pk
        assert "gone for good" in hits.degraded[0]
        assert models() == {"fake": 1, "fake-2": 2}  # nobody is found by a text that it had

    def test_a_worker_with_other_settings_changes_nothing_by_its_work(self, write, old, new):
        write("кошка", "погода")
        self.change(new, old)
        write("снег")

        assert EmbeddingModel.objects.get(is_wanted=True).name == "fake"
        assert not WaitingPost.objects.filter(since__lt=timezone.now()).exists()

    def test_changing_back_in_the_middle_needs_nothing_anew(self, write, channel, old, new):
        write("кошка", "погода")
        self.change(new, old)
        models_in_use.adopt(new, now=timezone.now())
        chosen.use(old)

        tasks.embed_waiting()

        assert old.encoded == 2
        assert models() == {"fake": 2}
        assert not WaitingPost.objects.exists()
        assert EmbeddingModel.objects.get().name == "fake"

    def test_a_rebuild_changes_over_as_well(self, write, old, new):
        write("кошка", "погода")
        self.change(new, old)

        list(rebuild.rebuild(Post.objects.all(), with_meaning=True, clock=timezone.now))

        assert EmbeddingModel.objects.get(serves=True).name == "fake-2"

    def test_two_models_of_long_names_have_an_index_each(self, write):
        for name in ("m" * 60 + "1", "m" * 60 + "2"):
            chosen.use(FakeEncoder(name=name))
            write(f"кошка {name[-1]}")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_indexes WHERE indexname ~ '^idx_search_vectors_mm'"
            )
            assert cursor.fetchone() == (2,)

    def test_vectors_too_long_for_an_index_are_compared_one_by_one(self, write, channel):
        chosen.use(FakeEncoder(name="long", dimension=4096, same={"питомец": "кошка"}))
        found, _ = write("кошка", "погода")

        assert ask("питомец", channel).hits[0].post_id == found.pk

    def test_another_model_under_the_same_name_is_refused(self, write, channel):
        write("кошка")
        chosen.use(FakeEncoder(dimension=96))

        with pytest.raises(EncoderUnavailable, match="384"):
            write("собака")
        assert "384" in ask("кошка", channel).degraded[0]

    def test_a_former_encoder_is_made_again_from_what_is_stored(self, settings):
        chosen.use(None)
        given = {"encoder": "openai", "openai_url": "http://127.0.0.1:1/v1", "openai_model": "m"}
        settings.SEARCH = type(settings.SEARCH)(_env_file=None, **given, openai_api_key="sk-1")
        name, stored = chosen.encoder().name, json.loads(json.dumps(chosen.specification()))
        assert "sk-1" not in str(stored)

        settings.SEARCH = type(settings.SEARCH)(
            _env_file=None, openai_api_key="sk-2", openai_former_api_key="sk-1"
        )

        assert chosen.former(name, stored).name == name
        assert chosen.former(name, stored)._key == "sk-1"  # nobody is shown the key of another
        with pytest.raises(EncoderUnavailable):
            chosen.former(name, stored | {"encoder_chars": -1})
        with pytest.raises(EncoderUnavailable):
            chosen.former(name, stored | {"openai_model": "n"})
        with pytest.raises(EncoderUnavailable):
            chosen.former("fake", {})


def _catch_up(clock, proceed):
    return catch_up(clock=clock, proceed=proceed)


class TestIndexed:
    @staticmethod
    def events():
        return list(OutboxEvent.objects.filter(topic="posts.indexed").order_by("pk"))

    def test_a_post_is_announced_once_per_version_of_its_document(self, write, channel):
        [post] = write("кошка")
        index(post)
        [event] = self.events()
        assert event.tenant_id == str(channel.tenant_id)
        assert event.payload["post_id"] == event.payload["vector_id"] == str(post.pk)

        edit(post, "собака")
        index(post)
        edit(post, "кошка")
        index(post)

        assert (
            len(self.events()) == 3
        )  # the third is a version of its own, though equal to the first

    def test_of_many_posts_at_a_time_each_goes_on_under_its_own_trace(self, channel):
        first, second = (make.post(of=channel, content=text) for text in ("кошка", "собака"))
        parsed = [
            post_events.parsed(post, post.channel, (), first=True, trace_id=f"trace-{name}")
            for post, name in ((first, "first"), (second, "second"))
        ]

        with trace.use("trace-of-the-batch"):
            handlers.write_words(parsed, now=timezone.now())

        assert {event.payload["post_id"]: event.trace_id for event in self.events()} == {
            str(first.pk): "trace-first", str(second.pk): "trace-second",
        }  # fmt: skip

    def test_a_new_analysis_is_a_version(self, write):
        [post] = write("кошка")
        for n, is_meme in enumerate((True, False, True), start=1):
            PostEnrichment.objects.update_or_create(
                post=post,
                kind="vision",
                defaults={
                    "tenant_id": post.tenant_id,
                    "channel_id": post.channel_id,
                    "vision_is_meme": is_meme,
                    "vision_analyzed_at": make.NOW + n * timezone.timedelta(1),
                },
            )
            words(post)

        assert len(self.events()) == 4

    def test_an_index_that_is_built_anew_is_no_news(self, write):
        write("кошка", "собака")
        SearchDocument.objects.all().delete()
        call_command("rebuild_index", "--json", stdout=StringIO(), stderr=StringIO())

        assert len(self.events()) == 2

    def test_a_post_with_nothing_to_understand_has_no_vector(self, write):
        write("https://a.example")

        assert self.events()[0].payload["vector_id"] is None


class TestStatus:
    def test_figures_are_per_tenant_and_of_both_indexes(self, archive):
        post = archive.post(content="кошка")
        other = make.post(of=make.channel(), content="собака")
        words(other)

        found = {(lag.tenant_id, lag.index): lag.posts for lag in status().lags}
        assert found == {(str(post.tenant_id), "words"): 1, (str(other.tenant_id), "meaning"): 1}
        [waiting, lag] = SearchCollector().collect()
        assert {tuple(s.labels.values()) for s in waiting.samples} == set(found)
        assert all(sample.value >= 0 for sample in lag.samples)

        worker.drain("search")
        worker.drain("search_meaning")
        index_meaning([other.pk])
        assert status().lags == ()

    def test_the_command_prints_json_and_fails_where_a_post_waits_for_hours(self, channel):
        words(make.post(of=channel, content="кошка"))
        out = StringIO()
        call_command("search_status", "--json", stdout=out)
        assert json.loads(out.getvalue())["waiting"] == 1

        WaitingPost.objects.update(since=timezone.now() - timezone.timedelta(hours=3))
        with pytest.raises(SystemExit) as ended:
            call_command("search_status", stdout=(text := StringIO()))

        assert ended.value.code == 1
        assert "meaning" in text.getvalue()

    def test_only_who_sees_every_tenant_may_ask(self, channel):
        make.channel()
        name = make.member("viewer", channel.tenant).username

        with pytest.raises(CommandError):
            call_command("search_status", "--as", name, stdout=StringIO(), stderr=StringIO())

    def test_without_the_extension_nothing_waits_and_it_says_so(self, channel, monkeypatch):
        monkeypatch.setattr(vector_table, "exists", lambda: False)
        words(make.post(of=channel, content="кошка"))

        assert status().waiting == 0
        assert "extension" in status().no_meaning


@pytest.mark.django_db(transaction=True)
class TestPaid:
    """GigaChat's stub over real HTTP, and the budget of pictures."""

    @pytest.fixture(autouse=True)
    def paid(self, gigachat, settings):
        chosen.use(None)
        settings.SEARCH = type(settings.SEARCH)(_env_file=None, encoder="gigachat", encoder_batch=4)
        yield
        chosen.encoder().close()
        chosen._made.cache_clear()

    @staticmethod
    def limit(settings, tokens):
        settings.VISION = settings.VISION.model_copy(update={"vision_max_daily_tokens": tokens})

    @staticmethod
    def spent():
        return [(row.used_tokens, row.reserved_tokens) for row in TokenBudget.objects.all()]

    def test_posts_and_queries_are_paid_as_they_cost(self, write, channel, gigachat):
        write(*[f"кошка {n}" for n in range(6)])
        assert not ask("кошка", channel).degraded
        first = gigachat.state.stats()["tokens"]["embedding_tokens"]
        ask("кошка", channel)  # a second page is not paid again

        assert self.spent() == [(first, 0)]
        assert gigachat.state.stats()["calls"]["embeddings"] == 3

    def test_the_budget_is_never_exceeded_and_says_so(self, channel, gigachat, settings):
        self.limit(settings, 150)
        posts = [make.post(of=channel, content=f"текст номер {n} " * 3) for n in range(16)]
        words(*posts)
        for _ in range(2):
            with pytest.raises(EncoderUnavailable, match="daily_limit"):
                index_meaning([post.pk for post in posts])

        used = self.spent()[0][0]
        assert 0 < used <= 150
        assert used == gigachat.state.stats()["tokens"]["embedding_tokens"]
        assert "daily_limit" in ask(" ".join(f"слово{n}" for n in range(30)), channel).degraded[0]

    @pytest.mark.costly
    def test_many_at_once_never_exceed_it(self, channel, gigachat, settings):
        self.limit(settings, 900)
        posts = [make.post(of=channel, content=f"{uuid4()} текст") for n in range(24)]
        words(*posts)
        raised = together(
            *[lambda part=posts[n::4]: index_meaning([p.pk for p in part]) for n in range(4)]
        )

        assert {type(error) for error in raised} <= {EncoderUnavailable, NothingLeft}

        assert self.spent()[0][0] <= 900
        assert self.spent()[0][0] == gigachat.state.stats()["tokens"]["embedding_tokens"]

    def test_a_call_without_an_answer_counts_as_the_most_it_can_have_cost(self, channel, gigachat):
        gigachat.faults.plan([{"kind": "cut", "endpoint": "embeddings", "count": 1}])
        post = make.post(of=channel, content="кошка")
        words(post)
        with pytest.raises(EncoderUnavailable):
            index_meaning([post.pk])

        row = TokenBudget.objects.get()
        assert row.used_tokens == row.lost_tokens == len("кошка".encode()) + 16

    def test_each_tenant_pays_for_its_own_posts(self, write, channel):
        write("кошка", "собака")
        write("море", of=make.channel())

        assert len(self.spent()) == 2
        assert all(used > 0 for used, _ in self.spent())

    def test_a_query_over_several_tenants_is_paid_by_one_that_can(self, channel, settings):
        self.limit(settings, 100)
        rows = sorted([channel.tenant_id, make.channel().tenant_id])
        TokenBudget.objects.create(tenant_id=rows[0], day=day_of(timezone.now()), used_tokens=100)
        hits = find.find_text("кошка", rows, limit=5)

        assert not hits.degraded
        assert TokenBudget.objects.get(tenant_id=rows[1]).used_tokens > 0

    @pytest.mark.costly
    def test_a_hanging_provider_costs_a_query_its_time_limit_and_no_more(
        self, write, channel, gigachat, settings
    ):
        settings.SEARCH = settings.SEARCH.model_copy(update={"query_timeout_sec": 0.3})
        write("кошка")
        gigachat.state.behavior.latency = 2.0

        started = timezone.now()
        hits = ask("кошка", channel)

        assert (timezone.now() - started).total_seconds() < 1.9
        assert len(hits.hits) == 1
        assert "кодировщик не ответил за 0.3 с" in hits.degraded[0]


def test_a_query_means_the_same_in_whatever_letters() -> None:
    class Noting(FakeEncoder):
        def encode_queries(self, texts):
            asked.extend(texts)
            return super().encode_queries(texts)

    asked: list[str] = []
    before = chosen.use(Noting())
    try:
        vectors = [query_vector.encoded(text, []).vector for text in ("ДОЖДЬ", "дождь")]
    finally:
        chosen.use(before)

    assert asked == ["дождь", "дождь"]
    assert vectors[0] == vectors[1]
