"""Which links are followed when the tags decide, and those of posts that came in before crawling."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import AuditEntry
from crawl.models import CrawledPage, PageMention
from crawl.services import catch_up, follow
from crawl.services.ask import CrawlingSwitchedOff
from events.delivery import worker
from events.models import Delivery, OutboxEvent
from tests import factories as make
from tests.crawl_fixtures import crawl, linking
from tests.crawl_site import article
from vision.models import EnrichmentKind, PostEnrichment, PostTag
from vision.tagging import run
from vision.tagging.by_hand import people

pytestmark = pytest.mark.django_db(transaction=True)
HIDDEN = {"text": "A hidden link"}
"""A text that has none of the reasons to follow a link which stands under its words."""


@pytest.fixture
def hidden(site):
    """A post with a link under its words, which nothing but a tag has followed."""
    site.pages["/harbor"] = article("Harbor", "The harbor stays closed until noon. " * 9)
    return linking(site.url("/harbor"), **HIDDEN)


def drained():
    worker.drain("default")
    worker.drain("crawl")


def followed(post) -> list[str]:
    return follow.pages_of([post.pk]).get(post.pk, [])


def take_away(post, user, name: str = "research") -> None:
    row = PostTag.objects.get(post=post, tag__name=name)
    people.remove(row, user=user, now=timezone.now())


def crawls() -> int:
    return OutboxEvent.objects.filter(topic="posts.crawl").count()


class TestTags:
    @pytest.mark.costly
    def test_a_tag_that_a_person_gives_has_the_links_followed(self, site, hidden):
        crawl(hidden, now=timezone.now())
        assert followed(hidden) == []

        people.add(hidden, "Research", user=make.superuser(), now=timezone.now())
        drained()

        assert followed(hidden) == [site.url("/harbor")]
        assert site.asked.count("/harbor") == 1

    def test_one_that_is_taken_away_and_given_again_asks_nobody_twice(self, site, hidden, settings):
        settings.CRAWL = settings.CRAWL.model_copy(update={"crawl_fresh_minutes": 60})
        user = make.superuser()
        for _ in range(2):
            people.add(hidden, "research", user=user, now=timezone.now())
            drained()
            assert followed(hidden)
            take_away(hidden, user)
            drained()
            assert followed(hidden) == []
        people.add(hidden, "research", user=user, now=timezone.now())
        drained()

        row = PostEnrichment.objects.get(post=hidden, kind=EnrichmentKind.CRAWL)
        assert site.asked.count("/harbor") == 1
        assert [page["url"] for page in row.data["pages"]] == [site.url("/harbor")]
        assert not CrawledPage.objects.exclude(state="read").exists()

    @pytest.mark.costly
    def test_pages_that_are_stale_by_then_are_fetched_and_not_left_waiting(self, site, hidden):
        """The address, the links and the revision are those of the event before."""
        user = make.superuser()
        for _ in range(2):  # the site's fixture has pages stale at once
            people.add(hidden, "research", user=user, now=timezone.now())
            drained()
            take_away(hidden, user)
            drained()
        people.add(hidden, "research", user=user, now=timezone.now())
        drained()

        assert site.asked.count("/harbor") == 3
        assert [page.state for page in CrawledPage.objects.all()] == ["read"]

    def test_an_edit_does_not_forget_what_a_tag_has_followed(self, site, hidden):
        people.add(hidden, "research", user=make.superuser(), now=timezone.now())
        drained()
        hidden.content = "Another hidden link"
        hidden.save()

        crawl(hidden, now=timezone.now())

        assert followed(hidden) == [site.url("/harbor")]

    def test_a_hashtag_that_a_person_removed_is_none(self, site):
        site.pages["/law"] = article("Law", "A law. " * 50)
        post = linking(site.url("/law"), text="A #law", hashtags=["law"])
        run.tag_again([post.pk], now=timezone.now())
        drained()
        assert followed(post)

        take_away(post, make.superuser(), "law")
        drained()

        assert followed(post) == []

    def test_any_other_tag_asks_no_page_again(self, site):
        site.pages["/1"] = article("One", "Words. " * 50)
        post = linking(site.url("/1"))
        crawl(post, now=timezone.now())
        before = crawls()

        people.add(post, "weather", user=make.superuser(), now=timezone.now())
        drained()

        assert (crawls(), site.asked.count("/1")) == (before, 1)

    @pytest.mark.parametrize("trigger", ["initial", "manual", "vision_retag"])
    def test_what_came_of_seeing_a_picture_again_decides_nothing(self, site, hidden, trigger):
        person = make.superuser()
        people.add(hidden, "weather", user=person, now=timezone.now())
        Delivery.objects.all().delete()
        event = OutboxEvent.objects.get(topic="posts.tagged")
        _publish_again(event, trigger)

        found = Delivery.objects.filter(subscriber="crawl.follow_tagged").count()
        assert found == (trigger != "vision_retag")

    def test_a_post_without_links_makes_no_work(self, site):
        post = make.post(content="No link")
        people.add(post, "research", user=make.superuser(), now=timezone.now())

        assert not Delivery.objects.filter(subscriber="crawl.follow_tagged").exists()


def _publish_again(event, trigger: str) -> None:
    from django.db import transaction  # noqa: PLC0415

    from events import outbox  # noqa: PLC0415
    from events.schemas import PostTaggedEventV1  # noqa: PLC0415

    told = event.payload | {"trigger": trigger, "idempotency_key": f"again:{trigger}"}
    with transaction.atomic():
        outbox.publish(PostTaggedEventV1.model_validate(told))


def command(*words: str) -> dict:
    out = StringIO()
    call_command("crawl", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


class TestCatchingUp:
    @pytest.fixture
    def old(self, site):
        """Posts from before crawling, newest first; the last has a link without a reason."""
        of = make.channel(owner=make.tenant("house"))
        day = timedelta(days=1)
        posts = []
        for number in range(4):
            site.pages[f"/{number}"] = article(f"Storm {number}", "The harbor is shut. " * 20)
            text = HIDDEN["text"] if number == 3 else ""
            at = make.NOW - number * day
            posts.append(linking(site.url(f"/{number}"), of=of, text=text, posted_at=at))
        make.post(of=of, content="No link at all")
        linking(site.url("/0"))  # another tenant's
        return posts

    def test_the_preview_says_what_the_run_does_and_changes_nothing(self, site, old):
        plan = command("--follow", "--tenant", "house", "--dry-run")

        assert not CrawledPage.objects.exists()
        assert not PageMention.objects.exists()
        assert plan.pop("dry_run") is True
        assert plan == {
            "posts": 4, "changed": 3, "new_pages": 3, "days": 1,
            "reasons": {"url_in_text": 3, "below_word_count": 1}, "hosts": {"site.example": 3},
        }  # fmt: skip
        done = command("--follow", "--tenant", "house")
        assert done.pop("dry_run") is False
        assert done == plan
        worker.drain("crawl")
        assert [len(followed(post)) for post in old] == [1, 1, 1, 0]
        assert sorted(set(site.asked) - {"/robots.txt"}) == ["/0", "/1", "/2"]
        assert set(Delivery.objects.filter(queue="crawl").values_list("backfill", flat=True)) == {
            True
        }
        entries = AuditEntry.objects.filter(event__startswith="following").order_by("pk")
        assert [entry.event for entry in entries] == ["following.started", "following.ended"]

    def test_repeated_it_does_nothing(self, site, old):
        command("--follow", "--tenant", "house")
        worker.drain("crawl")
        asked, before = len(site.asked), crawls()

        again = command("--follow", "--tenant", "house")
        worker.drain("crawl")

        assert (again["changed"], again["new_pages"]) == (0, 0)
        assert (len(site.asked), crawls()) == (asked, before)

    def test_cut_off_it_goes_on(self, site, old, monkeypatch):
        monkeypatch.setattr(catch_up, "BATCH", 1)

        def stop(_count):
            raise KeyboardInterrupt

        choice = catch_up.Choice(old[0].tenant)
        with pytest.raises(KeyboardInterrupt):
            catch_up.run(choice, now=timezone.now(), progress=stop)
        assert [len(followed(post)) for post in old] == [1, 0, 0, 0]

        assert catch_up.run(choice, now=timezone.now()).changed == 2
        assert [len(followed(post)) for post in old] == [1, 1, 1, 0]

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (("--since", (make.NOW - timedelta(hours=30)).isoformat()), [1, 1, 0, 0]),
            (("--until", (make.NOW - timedelta(hours=30)).isoformat()), [0, 0, 1, 0]),
            (("--limit", "1"), [1, 0, 0, 0]),
        ],
    )
    def test_filters_choose_among_the_posts(self, site, old, words, expected):
        command("--follow", "--tenant", "house", *words)

        assert [len(followed(post)) for post in old] == expected

    def test_of_a_channel_only_its_own(self, site, old):
        other = linking(site.url("/0"), of=make.channel(owner=old[0].tenant))

        command("--follow", "--tenant", "house", "--channel", str(old[0].channel_id))

        assert (len(followed(old[0])), len(followed(other))) == (1, 0)

    def test_while_crawling_is_off_it_shows_and_refuses(self, site, old, settings):
        settings.CRAWL = settings.CRAWL.model_copy(update={"feature_crawl_enabled": False})

        assert command("--follow", "--tenant", "house", "--dry-run")["changed"] == 3
        with pytest.raises(CommandError, match="FEATURE_CRAWL_ENABLED"):
            call_command("crawl", "--follow", "--tenant", "house", "--json", stdout=StringIO())
        with pytest.raises(CrawlingSwitchedOff):
            catch_up.run(catch_up.Choice(old[0].tenant), now=timezone.now())
