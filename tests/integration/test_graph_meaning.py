"""Tags, articles and deletion marks in the graph: from the rows, by events, and without any."""

from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction

from crawl.eviction import unlink
from crawl.models import CrawledPage, PageVersion
from events import outbox
from events.delivery import worker
from events.models import Delivery
from events.schemas import PostEnrichedEventV1
from graph import keys
from graph.facts import ARTICLE, POST, TAG
from graph.queries.spread import SAME_LINK, spread
from graph.services import notes
from graph.services.index import index
from graph.sources.read import Changed
from media.models import Post
from tests import factories as make
from tests.graph_world import dump
from vision.models import PostTag, Tag
from vision.tagging.by_hand import people, synonyms

pytestmark = pytest.mark.django_db
NEWS = "https://example.com/news"


@pytest.fixture
def owner(graph):
    return make.tenant()


@pytest.fixture
def channel(owner):
    return make.channel(owner=owner)


@pytest.fixture
def person():
    return make.superuser()


def give(post, name, user):
    return people.add(post, name, user=user, now=make.NOW)


def write(*posts):
    index(Changed(posts=[post.pk for post in posts]))


def tags(owner, post) -> dict[str, dict]:
    told = dump(owner.pk)
    return {
        told["nodes"][end]["name"]: edge
        for (start, kind, end), edge in told["edges"].items()
        if kind == "TAGGED_AS" and start == (POST, str(post.pk))
    }


def article(owner, url=NEWS) -> dict | None:
    return dump(owner.pk)["nodes"].get((ARTICLE, keys.article(owner.pk, keys.address(url))))


class TestTags:
    def test_each_tag_says_where_it_came_from_and_how_sure_that_is(self, owner, channel, person):
        post = make.post(of=channel, hashtags=["#Мост"])
        give(post, "Наука", person)
        PostTag.objects.create(
            tenant=owner, post=post, tag=Tag.objects.create(tenant=owner, name="река"),
            origin="model", confidence=0.75, state="accepted",
        )  # fmt: skip
        make.proposal(post, "погода")
        write(post)

        assert tags(owner, post) == {
            "мост": {"origin": "hashtag", "confidence": 1.0},
            "наука": {"origin": "person", "confidence": 1.0},
            "река": {"origin": "model", "confidence": 0.75},
        }

    @pytest.mark.costly
    def test_a_hashtag_that_a_person_removed_is_no_tag_and_goes(self, owner, channel, person):
        post = make.post(of=channel, hashtags=["мост", "река"])
        row = give(post, "мост", person)
        write(post)
        assert set(tags(owner, post)) == {"мост", "река"}

        people.remove(row, user=person, now=make.NOW)
        write(post)

        assert set(tags(owner, post)) == {"река"}
        assert (TAG, keys.tag(owner.pk, "мост")) not in dump(owner.pk)["nodes"]

    @pytest.mark.costly
    def test_a_synonym_is_the_tag_that_it_means_also_where_only_the_text_says_it(
        self, owner, channel, person
    ):
        post, plain = make.post(of=channel), make.post(of=channel, hashtags=["Вычисления"])
        short, full = give(post, "вычисления", person), give(make.post(of=channel), "наука", person)
        write(post, plain)
        synonyms.merge(short.tag, full.tag, now=make.NOW)
        write(post, plain)

        assert set(tags(owner, post)) == set(tags(owner, plain)) == {"наука"}

    def test_it_hears_of_tags_whatever_led_to_them(self, owner, channel, person):
        post = make.post(of=channel)
        give(post, "наука", person)

        assert Delivery.objects.filter(subscriber="graph.tagged").count() == 1
        worker.drain("graph")
        assert set(tags(owner, post)) == {"наука"}

    def test_a_confidence_that_changes_without_an_event_is_noted(self, owner, channel):
        post = make.post(of=channel)
        row = make.proposal(post)
        PostTag.objects.filter(pk=row.pk).update(state="accepted")
        write(post)
        notes.read_notes()

        PostTag.objects.filter(pk=row.pk).update(confidence=0.9)
        assert notes.read_notes() == 1

        assert tags(owner, post)["proposed"]["confidence"] == 0.9


class TestArticles:
    def test_it_says_what_crawling_knows(self, owner, channel):
        post = make.post(of=channel, urls=[f"{NEWS}?utm_source=x"])
        page = make.article(of=post, url=NEWS, title="News", html_key="crawl/1.html")
        PageVersion.objects.filter(page=page).update(language="en")
        write(post)

        told = article(owner)
        assert (told["title"], told["url"], told["language"]) == ("News", NEWS, "en")
        assert (told["s3_html_key"], told["content_sha256"]) == ("crawl/1.html", "0" * 64)
        assert told["crawled_at"].startswith("20")
        assert "gone_since" not in told

    def test_of_two_spellings_it_tells_of_the_one_that_was_read(self, owner, channel):
        post = make.post(of=channel, urls=[NEWS])
        make.article(of=post, url="http://www.example.com/news", title="Read")
        page = make.article(of=post, url=NEWS, title="Lost")
        CrawledPage.objects.filter(pk=page.pk).update(version=0, state="failed", title="")
        write(post)

        assert article(owner)["title"] == "Read"

    def test_a_page_that_is_not_crawled_is_its_address(self, owner, channel):
        write(make.post(of=channel, urls=["Example.com/news"]))

        assert article(owner) == {
            "key": keys.article(owner.pk, NEWS), "tenant_id": str(owner.pk), "url": NEWS,
            "fingerprint": article(owner)["fingerprint"],
        }  # fmt: skip

    def test_it_hears_of_a_page_that_was_read(self, owner, channel):
        post = make.post(of=channel, urls=[NEWS])
        write(post)
        make.article(of=post, url=NEWS, title="News")
        with transaction.atomic():
            outbox.publish(
                PostEnrichedEventV1(
                    tenant_id=str(owner.pk), idempotency_key="1", post_id=str(post.pk)
                )
            )
        worker.drain("graph")

        assert article(owner)["title"] == "News"

    @pytest.mark.parametrize("change", ["evicted", "gone", "renamed", "deleted"])
    def test_what_no_event_tells_is_noted_and_read_without_its_posts(self, owner, channel, change):
        posts = [make.post(of=channel, urls=[NEWS]) for _ in range(3)]
        page = make.article(of=posts[0], url=NEWS, title="News", html_key="crawl/1.html")
        write(*posts)
        notes.read_notes()
        pages = CrawledPage.objects.filter(pk=page.pk)
        if change == "evicted":
            unlink(["crawl/1.html"])
        elif change == "gone":
            pages.update(state="gone", gone_since=make.NOW)
        elif change == "renamed":
            pages.update(title="Other")
        else:
            PageVersion.objects.filter(page=page).delete()
            page.mentions.all().delete()
            pages.delete()
        assert _noted() == [("article", f"{owner.pk} {NEWS}")]

        notes.read_notes()

        told = article(owner)
        assert ("s3_html_key" in told) is (change in {"gone", "renamed"})
        assert ("gone_since" in told) is (change == "gone")
        assert told.get("title") == {"renamed": "Other", "deleted": None}.get(change, "News")
        assert len(dump(owner.pk)["edges"]) == 6

    @pytest.mark.costly
    def test_the_last_link_to_it_takes_it_along(self, owner, channel):
        post = make.post(of=channel, urls=[NEWS])
        make.article(of=post, url=NEWS, title="News")
        write(post)
        Post.objects.filter(pk=post.pk).update(urls=[])
        write(post)
        assert article(owner) is None

        CrawledPage.objects.update(title="Other")
        notes.read_notes()
        assert article(owner) is None

    def test_a_link_spreads_in_whatever_spelling(self, owner, channel):
        spellings = (
            "http://www.example.com/news/?utm_campaign=1", "https://EXAMPLE.com:443/news#part",
            "example.com/news?fbclid=2",
        )  # fmt: skip
        posts = [
            make.post(of=make.channel(owner=owner), urls=[url], posted_at=make.NOW + n * _HOUR)
            for n, url in enumerate(spellings)
        ]
        other = make.post(of=channel, urls=["https://example.com/newsroom"])
        write(*posts, other)

        found = spread(posts[1].pk)

        assert [one.key for one in found.posts] == [str(post.pk) for post in posts]
        assert {way for hop in found.hops for way in hop.ways} == {SAME_LINK}


_HOUR = timedelta(hours=1)


def _noted() -> list[tuple[str, str]]:
    with database.cursor() as cursor:
        cursor.execute("SELECT kind, row_id FROM graph_notes")
        return list(cursor.fetchall())


@pytest.mark.costly
def test_a_post_that_was_deleted_in_telegram_says_so_and_when_it_came_back(owner, channel):
    post = make.post(of=channel)
    write(post)
    for deletion, at in (("live", make.NOW), ("", None)):
        Post.objects.filter(pk=post.pk).update(deletion=deletion, deleted_at=at)
        assert _noted() == [("post", str(post.pk))]
        notes.read_notes()
        told = dump(owner.pk)["nodes"][POST, str(post.pk)]
        assert told["archived"] is True
        assert ("deleted_at" in told) is (at is not None)
