"""Qdrant follows the archive whatever happens meanwhile, and is missed by nobody when it fails."""

import json
import random
from datetime import timedelta
from importlib import import_module
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from events.delivery import worker
from events.errors import RetryLater
from events.health import Status
from events.models import Delivery
from media.models import Post
from search import handlers, tasks
from search.embeddings import chosen
from search.embeddings.fake import FakeEncoder
from search.index import chosen as indexes
from search.index.port import IndexRefused, IndexUnavailable
from search.index.qdrant import client, collections, completeness
from search.index.qdrant.collection import Collection
from search.index.qdrant.index import QdrantIndex
from search.index.qdrant.points import meaning_of
from search.models import SearchDocument
from search.monitoring import qdrant as qdrant_check
from search.services import find
from search.services.indexing import rebuild_qdrant
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_qdrant import current_space, index_qdrant
from search.services.indexing.index_words import index_words
from telegram_assistant.config import Qdrant
from tests import factories as make

pytestmark = pytest.mark.django_db
ALIAS = "telegram_posts"


@pytest.fixture(autouse=True)
def finished(request):
    """The collection of an empty archive serves already."""
    if "qdrant" in request.fixturenames:
        request.getfixturevalue("qdrant")
        QdrantIndex().rebuild(current_space()).finish()


@pytest.fixture
def channel():
    return make.channel()


def index(*posts):
    ids = [post.pk for post in posts]
    index_words(ids, now=timezone.now())
    index_meaning(ids)
    return index_qdrant(ids, now=timezone.now())


def points(name=ALIAS):
    """All that is stored, by id of the post."""
    found, following = client.client().scroll(name, limit=10_000, with_vectors=True)
    assert following is None
    return {str(one.id): (_plain(one.vector), one.payload) for one in found}


def _plain(vectors):
    return {
        # Stored vectors are normalized once more: the last bit may differ.
        name: [round(number, 5) for number in vector]
        if isinstance(vector, list)
        else (vector.indices, vector.values)
        for name, vector in vectors.items()
    }


def ask(text, of):
    return find.find_text(text, (of.tenant_id,), limit=10)


def ids(*posts):
    return [post.pk for post in posts]


def command(name, *arguments):
    """The exit code and what was printed."""
    out = StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=StringIO())
    except CommandError as error:
        return error.returncode, out.getvalue() or str(error)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def no_answer():
    """What the client raises where nobody listens."""
    errors = import_module("qdrant_client.http.exceptions")
    return errors.ResponseHandlingException(ConnectionError("Connection refused"))


READS = ("get_aliases", "get_collections", "query_points", "scroll", "retrieve")


def down(monkeypatch, qdrant, *methods):
    """From now on Qdrant does not answer; or only these methods of the client do not."""
    refused = no_answer()

    def fail(*_, **__):
        raise refused

    for method in methods or READS:
        monkeypatch.setattr(qdrant, method, fail)


class TestEvents:
    def test_events_in_any_order_and_twice_lead_to_the_same_points(self, qdrant, archive):
        posts = [archive.post(content=f"кошка {n} #тег") for n in range(4)]
        for queue in ("search", "search_meaning"):
            worker.drain(queue)
        before = points()

        # Older after newer: a handler reads what is true now, whatever the event says.
        Post.objects.filter(pk=posts[0].pk).update(content="собака")
        again = Delivery.objects.filter(subscriber__startswith="search.")
        for order in ("search_meaning", "search", "search_meaning"):
            again.update(state="pending", due_at=timezone.now(), attempts=0)
            worker.drain(order)

        after = points()
        assert len(before) == 4
        assert after.pop(str(posts[0].pk))[1]["text_short"] == "собака"
        assert before.pop(str(posts[0].pk))[1]["text_short"] == "кошка 0 #тег"
        assert after == before

    def test_a_late_analysis_and_an_album_are_in_the_payload(self, qdrant, channel):
        group = make.album(of=channel, pictures=[make.media_object() for _ in range(2)])
        post = Post.objects.filter(album_item__group=group).first()
        index(post)

        make.enrichment(post, vision_is_meme=True, vision_classification={"type": "meme"})
        index(post)

        payload = points()[str(post.pk)][1]
        assert payload["album_id"] == group.pk
        assert payload["vision"]["is_meme"] is True

    def test_without_qdrant_no_delivery_is_made(self, archive):
        archive.post(content="кошка")

        assert not Delivery.objects.filter(subscriber__startswith="search.qdrant").exists()
        assert handlers.write_qdrant([], now=make.NOW) == "no Qdrant"

    def test_a_text_is_encoded_once_for_both_indexes(self, qdrant, archive):
        fake = chosen.encoder()
        archive.post(content="кошка")
        archive.post(content="кошка")

        worker.drain("search_meaning")

        assert fake.encoded == 1
        assert len(points()) == 2

    def test_without_the_extension_vectors_are_made_for_qdrant_and_kept(self, qdrant, channel):
        fake, post = chosen.encoder(), make.post(of=channel, content="кошка")
        with connection.cursor() as cursor:
            cursor.execute("DROP EXTENSION vector CASCADE")

        for _ in range(2):
            index_qdrant([post.pk], now=timezone.now())
        make.enrichment(post, vision_is_meme=True)
        index_qdrant([post.pk], now=timezone.now())

        [(vectors, payload)] = points().values()
        assert len(vectors) == 2
        assert payload["vision"]["is_meme"]
        assert fake.encoded == 1


class TestWriters:
    def test_a_writer_that_is_killed_in_the_middle_leaves_its_batch_to_the_next(
        self, qdrant, channel, monkeypatch
    ):
        posts = [make.post(of=channel, content=f"кошка {n}") for n in range(3)]
        upsert = qdrant.upsert

        def killed(name, found, **options):
            upsert(name, found[:1], **options)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(qdrant, "upsert", killed)
            with pytest.raises(KeyboardInterrupt):
                index(*posts)
        assert len(points()) == 1

        assert index(*posts) == 2
        assert set(points()) == {str(post.pk) for post in posts}

    def test_an_edit_while_it_is_written_is_written_after_it(self, qdrant, channel, monkeypatch):
        post = make.post(of=channel, content="кошка")
        upsert, times = qdrant.upsert, []

        def slowly(name, found, **options):
            if not times:
                Post.objects.filter(pk=post.pk).update(content="собака")
            times.append(1)
            return upsert(name, found, **options)

        monkeypatch.setattr(qdrant, "upsert", slowly)
        index_qdrant([post.pk], now=timezone.now())

        assert points()[str(post.pk)][1]["text_short"] == "собака"
        assert len(times) == 2

    def test_a_slow_writer_of_the_old_text_does_not_undo_a_quick_one_of_the_new(
        self, qdrant, channel, monkeypatch
    ):
        post = make.post(of=channel, content="кошка")
        upsert, written = qdrant.upsert, []

        def overtaken(name, found, **options):
            written.append(found[0].payload["text_short"])
            if len(written) == 1:
                Post.objects.filter(pk=post.pk).update(content="собака")
                index_qdrant([post.pk], now=timezone.now())  # another worker
            return upsert(name, found, **options)

        monkeypatch.setattr(qdrant, "upsert", overtaken)
        index_qdrant([post.pk], now=timezone.now())

        assert written == ["кошка", "собака", "собака"]  # the last one mends the first
        assert points()[str(post.pk)][1]["text_short"] == "собака"

    def test_a_post_deleted_while_it_is_written_leaves_no_point(self, qdrant, channel, monkeypatch):
        post = make.post(of=channel, content="кошка")
        upsert = qdrant.upsert

        def slowly(name, found, **options):
            Post.objects.filter(pk=post.pk).delete()
            return upsert(name, found, **options)

        monkeypatch.setattr(qdrant, "upsert", slowly)
        index_qdrant([post.pk], now=timezone.now())

        assert points() == {}

    def test_posts_that_never_stop_changing_are_put_off(self, qdrant, channel, monkeypatch):
        post = make.post(of=channel, content="кошка")
        upsert, numbers = qdrant.upsert, iter(range(99))

        def slowly(name, found, **options):
            Post.objects.filter(pk=post.pk).update(content=f"кошка {next(numbers)}")
            return upsert(name, found, **options)

        monkeypatch.setattr(qdrant, "upsert", slowly)

        with pytest.raises(RetryLater, match="1 posts change faster"):
            index_qdrant([post.pk], now=timezone.now())

    def test_what_qdrant_refuses_becomes_a_dead_letter_and_waits_for_nobody(
        self, qdrant, archive, monkeypatch
    ):
        monkeypatch.setattr(
            qdrant, "upsert", lambda *_, **__: (_ for _ in ()).throw(ValueError("odd"))
        )
        archive.post(content="кошка")

        worker.drain("search_meaning")

        [delivery] = Delivery.objects.filter(subscriber="search.qdrant_parsed")
        assert delivery.attempts == 1
        assert "odd" in delivery.error_details


class TestDeletion:
    def test_deleted_posts_are_forgotten_however_they_were_deleted(self, qdrant, channel):
        posts = [make.post(of=channel, content=f"кошка {n}") for n in range(4)]
        index(*posts)

        posts[0].delete()
        Post.objects.filter(pk=posts[1].pk).delete()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM search_documents WHERE post_id = %s", [posts[2].pk])
            cursor.execute("DELETE FROM posts WHERE id = %s", [posts[2].pk])
        assert tasks.forget_deleted() == "3 posts forgotten"

        assert set(points()) == {str(posts[3].pk)}
        assert tasks.forget_deleted() == "0 posts forgotten"

    def test_a_post_that_was_deleted_before_its_words_were_written_is_forgotten(
        self, qdrant, channel
    ):
        post = make.post(of=channel, content="кошка")
        index_qdrant([post.pk], now=timezone.now())  # the queue of words is behind
        assert set(points()) == {str(post.pk)}

        post.delete()
        assert tasks.forget_deleted() == "1 posts forgotten"

        assert points() == {}

    def test_a_post_that_came_back_is_kept(self, qdrant, channel):
        post = make.post(of=channel, content="кошка")
        index(post)
        SearchDocument.objects.all().delete()  # as before a rebuild: the post is there

        tasks.forget_deleted()

        assert set(points()) == {str(post.pk)}

    def test_while_qdrant_is_down_the_notes_wait(self, qdrant, channel, monkeypatch):
        post = make.post(of=channel, content="кошка")
        index(post)
        post.delete()

        with monkeypatch.context() as patch:
            down(patch, qdrant)
            assert tasks.forget_deleted().startswith("postponed: Qdrant does not answer")
        assert tasks.forget_deleted() == "1 posts forgotten"

        assert points() == {}

    def test_without_qdrant_notes_do_not_pile_up(self, channel):
        post = make.post(of=channel, content="кошка")
        index_words([post.pk], now=timezone.now())
        post.delete()

        assert tasks.forget_deleted() == "1 posts forgotten"


class TestSwitchedOff:
    @pytest.fixture(autouse=True)
    def looked_at_anew(self):
        completeness.forget()  # a process that was started with the other settings
        yield
        completeness.forget()

    def test_what_came_while_it_was_off_is_found_and_said_until_it_is_rebuilt(
        self, qdrant, archive, settings
    ):
        on = settings.QDRANT
        archive.post(content="кошка спит")
        for queue in ("search", "search_meaning"):
            worker.drain(queue)
        assert not ask("кошка", archive.channel).degraded

        settings.QDRANT = Qdrant()
        missed = archive.post(content="кошка ест")
        for queue in ("search", "search_meaning"):
            worker.drain(queue)
        settings.QDRANT = on
        completeness.forget()

        found = ask("ест", archive.channel)
        assert [hit.post_id for hit in found.hits][:1] == ids(missed)
        assert "Qdrant has 1 of 2 posts" in found.degraded[0]
        [finding] = qdrant_check.answers()
        assert (finding.status, finding.remedy) == (Status.WARNING, qdrant_check.LACKING)
        command("rebuild_index", "--only", "qdrant")
        found = ask("ест", archive.channel)
        assert [hit.post_id for hit in found.hits][:1] == ids(missed)
        assert not found.degraded

    def test_what_waits_to_be_written_is_no_lack(self, qdrant, archive):
        archive.post(content="кошка спит")
        worker.drain("search")

        assert not ask("кошка", archive.channel).degraded


class TestOutage:
    def test_qdrant_answers_and_nothing_is_degraded(self, qdrant, channel):
        post, _ = (
            make.post(of=channel, content="кошка спит"),
            make.post(of=channel, content="погода"),
        )
        index(post)

        found = ask("кошки", channel)

        assert [hit.post_id for hit in found.hits] == ids(post)
        assert found.hits[0].words == ("кошки",)
        assert found.hits[0].distance is not None
        assert found.degraded == ()

    def test_when_it_fails_postgresql_answers_and_says_so(self, qdrant, channel, monkeypatch):
        post = make.post(of=channel, content="кошка спит")
        index(post)
        down(monkeypatch, qdrant)

        found = ask("кошки", channel)

        assert [hit.post_id for hit in found.hits] == ids(post)
        [reason] = found.degraded
        assert reason.startswith(
            "PostgreSQL answers: Qdrant does not answer at http://127.0.0.1:6333"
        )
        assert "QDRANT_URL" in reason

    def test_a_failure_in_the_middle_of_a_search_is_said_too(self, qdrant, channel, monkeypatch):
        post = make.post(of=channel, content="кошка спит")
        index(post)
        down(monkeypatch, qdrant, "retrieve")

        found = ask("кошки", channel)

        assert [hit.post_id for hit in found.hits] == ids(post)
        assert len(found.degraded) == 1

    def test_it_is_not_asked_again_for_a_while(self, qdrant, channel, monkeypatch):
        index(make.post(of=channel, content="кошка"))
        with monkeypatch.context() as patch:
            down(patch, qdrant)
            ask("кошка", channel)

        assert ask("кошка", channel).degraded
        indexes.outage.end()  # as after 30 seconds
        assert not ask("кошка", channel).degraded

    def test_before_the_first_rebuild_postgresql_answers_with_the_remedy(self, qdrant, channel):
        collections.drop(collections.serving())
        post = make.post(of=channel, content="кошка")
        index(post)

        found = ask("кошка", channel)

        assert [hit.post_id for hit in found.hits] == ids(post)
        assert "rebuild_index" in found.degraded[0]

    def test_of_another_model_the_search_by_meaning_is_postgresqls(self, qdrant, channel):
        post = make.post(of=channel, content="кошка спит")
        index(post)
        chosen.encoder().name = "fake-2"
        index_meaning([post.pk])

        found = ask("кошка", channel)

        assert found.hits[0].distance is not None
        assert "no vectors of fake-2" in found.degraded[0]

    def test_while_the_model_changes_nothing_new_is_missed_by_meaning(self, qdrant, channel):
        old = chosen.encoder()
        index(*[make.post(of=channel, content=f"погода {n}") for n in range(3)])
        chosen.use(FakeEncoder(name="fake-2"), instead_of={old.name: old})
        new, touched = (make.post(of=channel, content=f"кошка {n}") for n in range(2))
        index(new)
        index(touched)

        found = ask("питомец", channel)

        assert {hit.post_id for hit in found.hits if hit.distance is not None} >= {
            new.pk,
            touched.pk,
        }
        assert "fake serves until all posts have a vector of fake-2" in found.degraded[0]

    @pytest.mark.costly
    def test_down_for_an_hour_it_catches_up_by_itself(self, qdrant, archive, monkeypatch):
        with monkeypatch.context() as patch:
            down(patch, qdrant)
            posts = [archive.post(content=f"кошка {n}") for n in range(60)]
            worker.drain("search")
            worker.drain("search_meaning")
            [reached] = {
                *Delivery.objects.filter(subscriber="search.qdrant_parsed").values_list(
                    "attempts", "state"
                )
            }
            assert reached == (0, "pending")  # it used up no attempt
            assert len(ask("кошка", archive.channel).hits) == 10

        indexes.outage.since -= 3600
        assert handlers._wait_for_qdrant() == timedelta(minutes=10)
        indexes.outage.end()
        Delivery.objects.filter(state="pending").update(due_at=timezone.now())
        worker.drain("search_meaning")

        assert len(points()) == len(posts)
        assert not ask("кошка", archive.channel).degraded


class TestAddress:
    """What is wrong with the address or the key is said, with what to do."""

    @pytest.fixture
    def said(self, settings):
        def _(**changed):
            settings.QDRANT = Qdrant(**{"url": "http://127.0.0.1:9"} | changed)
            client.forget()
            with pytest.raises(IndexUnavailable) as error:
                collections.every()
            return str(error.value)

        yield _
        client.forget()

    def test_nobody_is_there(self, said):
        assert "does not answer at http://127.0.0.1:9" in said()
        assert "QDRANT_URL" in said()

    def test_the_name_has_a_typing_error(self, said):
        assert "QDRANT_URL" in said(url="http://qdrnat.invalid:6333")

    def test_the_key_is_wrong_or_missing(self, said, qdrant_http):
        qdrant_http.key = "right"
        url = self._url(qdrant_http)

        assert "check QDRANT_API_KEY" in said(url=url)
        assert "check QDRANT_API_KEY" in said(url=url, api_key="wrong")

    def test_the_right_key_is_sent(self, settings, qdrant_http):
        qdrant_http.key = "right"
        settings.QDRANT = Qdrant(url=self._url(qdrant_http), api_key="right")
        client.forget()

        assert collections.every() == []

    def test_something_else_answers(self, said, qdrant_http, monkeypatch):
        monkeypatch.setattr(
            "tests.qdrant_stub._Handler._do",
            lambda self: self._send(404, b"<html>not found</html>"),
        )
        monkeypatch.setattr(
            "tests.qdrant_stub._Handler.do_GET", lambda self: self._send(404, b"<html>")
        )

        text = said(url=self._url(qdrant_http))

        assert "is not Qdrant (HTTP 404): check QDRANT_URL" in text

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_it_is_busy_or_broken(self, said, qdrant_http, status):
        qdrant_http.failing = status

        assert f"HTTP {status}: the stub fails" in said(url=self._url(qdrant_http))

    def test_a_bad_request_is_no_outage(self, qdrant_http):
        qdrant_http.failing = 400

        with pytest.raises(IndexRefused, match="the stub fails"):
            collections.every()

    def test_an_address_inside_of_a_cloud_is_refused_by_the_guard(self, said):
        assert "store of vectors is refused" in said(url="http://169.254.169.254:6333")

    def test_the_environment_has_no_say_where_requests_go(self, qdrant_http, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        client.forget()

        assert collections.every() == []
        assert qdrant_http.requests == [("GET", "/collections")]

    @staticmethod
    def _url(stub):
        return stub.url


class TestDoctor:
    def found(self):
        [finding] = qdrant_check.answers()
        return finding.status, finding.detail

    def test_it_is_there(self, qdrant):
        assert self.found() == (Status.OK, "http://127.0.0.1:6333: telegram_posts__1 serves")

    def test_there_is_none(self):
        assert self.found()[0] is Status.SKIPPED

    def test_away_it_is_a_warning_for_searches_are_answered(self, qdrant, monkeypatch):
        down(monkeypatch, qdrant)

        status, text = self.found()

        assert status is Status.WARNING
        assert "QDRANT_URL" in text

    def test_it_has_no_collection_yet(self, qdrant):
        collections.drop(collections.serving())

        assert "rebuild_index" in self.found()[1]


class TestRebuild:
    def test_a_new_collection_is_filled_while_the_old_one_serves(
        self, qdrant, channel, monkeypatch
    ):
        posts = [make.post(of=channel, content=f"кошка {n}") for n in range(3)]
        index(*posts)
        before, seen = collections.serving(), []
        upsert = Collection.upsert

        def watched(self, entries):
            seen.append((collections.serving(), len(ask("кошка", channel).hits)))
            return upsert(self, entries)

        monkeypatch.setattr(Collection, "upsert", watched)
        code, text = command("rebuild_index", "--only", "qdrant", "--json")

        assert code == 0
        assert json.loads(text)["qdrant"] == {"posts": 3, "changed": 3}
        assert seen == [(before, 3)]
        assert collections.every() == [collections.serving()] != [before]
        assert len(points()) == 3

    def test_it_goes_on_where_it_was_interrupted(self, qdrant, channel, monkeypatch):
        monkeypatch.setattr("search.services.indexing.rebuild.BATCH", 2)
        posts = [make.post(of=channel, content=f"кошка {n}") for n in range(7)]
        index(*posts)
        before = collections.serving()
        upsert, times = qdrant.upsert, []

        def interrupted(*arguments, **options):
            times.append(1)
            if len(times) == 3:
                raise no_answer()
            return upsert(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(qdrant, "upsert", interrupted)
            code, text = command("rebuild_index", "--only", "qdrant")
        assert code == 1
        assert "Qdrant does not answer" in text
        assert collections.serving() == before
        gone, edited = posts[6], posts[5]  # of those that the first run had written
        gone.delete()
        Post.objects.filter(pk=edited.pk).update(content="собака")

        code, text = command("rebuild_index", "--only", "qdrant", "--json")

        assert code == 0
        assert json.loads(text)["qdrant"] == {"posts": 6, "changed": 4}  # one edited, three missing
        assert set(points()) == {str(post.pk) for post in posts[:6]}
        assert points()[str(edited.pk)][1]["text_short"] == "собака"
        assert len(collections.every()) == 1

    def test_what_before_left_out_is_filled_in_before_it_serves(self, qdrant, channel):
        old, new = make.post(of=channel, content="кошка"), make.post(of=channel, content="кот")
        index(old, new)

        command("rebuild_index", "--only", "qdrant", "--before", new.posted_at.isoformat())

        assert set(points()) == {str(old.pk), str(new.pk)}

    def test_an_event_during_the_rebuild_reaches_both_collections(self, qdrant, channel):
        posts = [make.post(of=channel, content=f"кошка {n}") for n in range(2)]
        index(*posts)
        running = rebuild_qdrant.rebuild_qdrant(Post.objects.all(), whole=True, clock=timezone.now)
        next(running)  # has written both

        Post.objects.filter(pk=posts[0].pk).update(content="собака")
        index_qdrant(ids(posts[0]), now=timezone.now())

        assert [points(n)[str(posts[0].pk)][1]["text_short"] for n in collections.every()] == [
            "собака", "собака",
        ]  # fmt: skip
        list(running)
        assert points()[str(posts[0].pk)][1]["text_short"] == "собака"

    def test_since_and_tenant_write_where_it_is(self, qdrant, channel):
        old, new = make.post(of=channel, content="кошка"), make.post(of=channel, content="кот")
        name = collections.serving()

        _, text = command(
            "rebuild_index",
            "--since",
            new.posted_at.isoformat(),
            "--tenant",
            channel.tenant.name,
            "--json",
        )

        assert json.loads(text)["qdrant"] == {"posts": 1, "changed": 1}
        assert collections.every() == [name]
        assert set(points()) == {str(new.pk)}
        assert old.pk != new.pk

    def test_a_new_model_gets_a_collection_of_its_own(self, qdrant, channel):
        post = make.post(of=channel, content="кошка")
        index(post)
        chosen.encoder().name = "fake-2"

        command("rebuild_index")

        [(vectors, _)] = points().values()
        assert set(vectors) == {"words", meaning_of("fake-2")}
        assert not ask("кошка", channel).degraded

    def test_without_an_encoder_there_are_words(self, qdrant, channel, settings):
        settings.SEARCH = settings.SEARCH.model_copy(update={"encoder": "none"})
        post = make.post(of=channel, content="кошка")

        command("rebuild_index")

        [(vectors, _)] = points().values()
        assert set(vectors) == {"words"}
        assert [hit.post_id for hit in ask("кошка", channel).hits] == ids(post)

    def test_without_qdrant_it_says_so(self):
        code, text = command("rebuild_index", "--only", "qdrant")

        assert code == 1
        assert "QDRANT_URL" in text


class TestVerify:
    def test_what_agrees_is_said_to_agree(self, qdrant, channel):
        index(
            *[make.post(of=channel, content=f"кошка {n} #а") for n in range(3)],
            make.post(of=channel),
        )

        code, text = command("verify_projections", "--json")

        assert code == 0
        report = json.loads(text)
        assert report["state"] == "agrees"
        assert {(p["projection"], p["expected"], p["stored"]) for p in report["projections"]} >= {
            ("search.postgresql", 4, 4), ("search.qdrant", 4, 4),
        }  # fmt: skip

    @pytest.mark.parametrize("only", ["search.postgresql", "search.qdrant"])
    def test_each_kind_of_a_difference_is_found_and_repaired(self, qdrant, channel, only):
        missing, different, right, other = (
            make.post(of=channel, content=f"кошка {n}") for n in range(4)
        )
        index(missing, different, right, other)
        if only == "search.postgresql":
            SearchDocument.objects.filter(pk=missing.pk).delete()
            SearchDocument.objects.filter(pk=different.pk).update(tags=["чужой"])
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM search_vectors WHERE post_id = %s", [other.pk])
            extra = 0
        else:
            qdrant.delete(ALIAS, [str(missing.pk)])
            qdrant.set_payload(ALIAS, {"text_short": "чужой"}, [str(different.pk)])
            gone = make.post(of=channel, content="кошка")
            index(gone, other)
            gone.delete()
            qdrant.overwrite_payload(
                ALIAS, points()[str(other.pk)][1] | {"tenant_id": "x"}, [str(other.pk)]
            )
            extra = 1

        def compare(*more):
            code, text = command("verify_projections", "--only", only, "--json", *more)
            [found] = [p for p in json.loads(text)["projections"] if p["expected"]]
            return (
                code,
                [found[name] for name in ("missing", "different", "extra", "repaired")],
                found,
            )

        code, figures, found = compare()
        assert (code, figures) == (1, [1, 2, extra, 0])
        assert f"missing {missing.pk}" in found["examples"]
        assert compare("--repair")[:2] == (0, [1, 2, extra, 3 + extra])
        assert compare()[:2] == (0, [0, 0, 0, 0])

    def test_what_cannot_be_compared_is_an_error_of_its_own(self, qdrant, channel, monkeypatch):
        index(make.post(of=channel))
        down(monkeypatch, qdrant)

        code, text = command("verify_projections", "--only", "search.qdrant", "--json")

        assert code == 2
        assert json.loads(text)["error"] == "cannot_compare"
        assert command("verify_projections", "--only", "search.other")[0] == 2

    def test_of_one_tenant_only_its_posts_are_compared(self, channel):
        index_words([make.post(of=channel).pk], now=timezone.now())
        make.post()  # of another one, in no index

        code, text = command(
            "verify_projections",
            "--only",
            "search.postgresql",
            "--tenant",
            str(channel.tenant_id),
            "--json",
        )

        [found] = json.loads(text)["projections"]
        assert (found["expected"], found["stored"]) == (1, 1)
        assert code in {0, 1}

    def test_the_daily_comparison_tells_how_many_differ(self, qdrant, channel):
        posts = [make.post(of=channel, content=f"кошка {n}") for n in range(3)]
        index(*posts)
        assert tasks.verify_projections().endswith(" 0 differences")

        qdrant.delete(ALIAS, ids_text(*posts[:2]))

        assert tasks.verify_projections().endswith(" 2 differences")


def ids_text(*posts):
    return [str(post.pk) for post in posts]


class TestCheckFilters:
    @pytest.fixture
    def album(self, qdrant, channel):
        group = make.album(of=channel, pictures=[make.media_object() for _ in range(3)])
        Post.objects.filter(album_item__group=group).update(content="кошка #тег")
        index(*Post.objects.filter(album_item__group=group), make.post(of=channel, content="кошка"))
        return group

    def test_filters_that_work_are_said_to_work_in_both_indexes(self, album):
        code, text = command("search", "check-filters", "--json")

        report = json.loads(text)
        assert (code, report["state"]) == (0, "ok")
        assert {(one["index"], one["album_id"]) for one in report["indexes"]} == {
            ("postgresql", album.pk), ("qdrant", album.pk),
        }  # fmt: skip
        found = {json.dumps(f["filter"]): f["found"] for f in report["indexes"][1]["filters"]}
        assert found[json.dumps({"album_id": album.pk})] == 3
        assert found[json.dumps({"album_id": -1})] == 0

    @pytest.mark.parametrize("payload", [{"album_id": None}, {"album_id": "7"}])
    def test_an_album_that_is_missing_or_no_integer_is_an_error(self, album, qdrant, payload):
        post = Post.objects.filter(album_item__group=album).first()
        qdrant.set_payload(ALIAS, payload, [str(post.pk)])

        code, text = command("search", "check-filters", "--json", "--album", str(album.pk))

        assert code == 1
        assert f"{post.pk} was not found" in text

    def test_what_cannot_be_checked_is_an_error_of_its_own(self, qdrant, channel):
        code, text = command("search", "check-filters", "--json")

        assert code == 2
        assert json.loads(text)["error"] == "cannot_check"

    def test_among_other_words_it_is_a_word(self, album, channel):
        post = make.post(of=channel, content="the command check-filters")
        index(post)

        code, text = command("search", '"check-filters"', "--json")

        assert code == 0
        assert [hit["post_id"] for hit in json.loads(text)["hits"]] == [str(post.pk)]


WORDS = ["кошка", "собака", "лес", "#тег", "море", ""]


@pytest.mark.parametrize("adapter", ["postgresql", "qdrant"])
@pytest.mark.parametrize("days", [1, pytest.param(25, marks=pytest.mark.long)])
def test_after_a_random_day_the_rebuilt_index_is_the_live_one(adapter, days, qdrant, channel):
    """Edits, deletions, late analyses, and events that come late, twice and in any order."""

    @hypothesis_settings(max_examples=days)
    @given(seed=st.integers(0, 2**32))
    def check(seed):
        Post.objects.all().delete()
        tasks.forget_deleted()
        _a_day(random.Random(seed), channel)
        live = _everything(adapter)

        if adapter == "postgresql":
            SearchDocument.objects.all().delete()
        before = collections.serving()
        command("rebuild_index", "--only", adapter)

        assert (collections.serving() == before) == (adapter == "postgresql")
        assert _everything(adapter) == live
        assert command("verify_projections", "--only", f"search.{adapter}")[0] == 0

    check()


def _a_day(drawn, channel):
    posts = [make.post(of=channel, content=_words(drawn)) for _ in range(8)]
    late = list(posts)
    for _ in range(20):
        post, what = drawn.choice(posts), drawn.random()
        if what < 0.15:
            Post.objects.filter(pk=post.pk).delete()
        elif what < 0.4 and Post.objects.filter(pk=post.pk).exists():
            post.enrichments.all().delete()
            make.enrichment(
                post, vision_is_meme=drawn.random() < 0.5, vision_description=_words(drawn),
                data={"labels": [_words(drawn)]},
            )  # fmt: skip
        else:
            Post.objects.filter(pk=post.pk).update(content=_words(drawn))
        late.append(post)
        if drawn.random() < 0.5:
            index(*drawn.sample(late, min(2, len(late))))
    drawn.shuffle(late)
    index(*late)
    tasks.forget_deleted()


def _words(drawn):
    return " ".join(drawn.choices(WORDS, k=4)).strip()


def _everything(adapter):
    if adapter == "qdrant":
        return points()
    columns = [f.attname for f in SearchDocument._meta.concrete_fields if f.name != "indexed_at"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT post_id, model, text_hash, vector::text FROM search_vectors ORDER BY 1"
        )
        vectors = cursor.fetchall()
        cursor.execute("SELECT word, posts FROM search_words WHERE posts > 0 ORDER BY 1")
        words = cursor.fetchall()
    return list(SearchDocument.objects.order_by("pk").values_list(*columns)), vectors, words
