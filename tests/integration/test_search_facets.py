"""Facets count what a query finds, for those who may see it, and lead to what they count."""

import json
from datetime import UTC, datetime
from io import StringIO
from math import sqrt
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, User
from search.index.postgresql import facets as index
from search.index.postgresql.facets import Facet
from search.models import SearchDocument
from search.services.facets import facets_in
from search.services.find import find_text
from search.services.indexing.index_words import index_words
from tests import factories as make
from vision.models import PostTag, TagState

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture
def channel():
    return make.channel(title="Горы", username="mountains")


@pytest.fixture
def other(channel):
    """Another channel of the same tenant, without a username."""
    return make.channel(owner=channel.tenant, title="Море", username="")


def write(of, text, *, day="2026-05-10", kind="", hour=12, tags=()):
    """A post; `tags` are names with their categories."""
    moment = datetime.fromisoformat(f"{day}T{hour:02}:30:00+00:00")
    post = make.post(of=of, content=text, posted_at=moment)
    for name, category in tags:
        make.tagged(post, name, category=category)
    index_words([post.pk], now=timezone.now())
    SearchDocument.objects.filter(pk=post.pk).update(classification=kind)
    return post


def counts(text, channel, *facets, zone=UTC):
    found = facets_in(text, (channel.tenant_id,), facets or [*Facet], zone=zone)
    values = {facet: [(v.name, v.posts) for v in found.values[facet]] for facet in found.values}
    return found.posts, values


class TestCounts:
    def test_each_facet_counts_the_posts_with_the_words(self, channel, other):
        named = [("иванов", "person"), ("петров", "person")]
        write(channel, "снег #зима", day="2026-01-05", kind="photo", tags=named)
        write(channel, "снег #зима #лыжи", day="2026-01-20", kind="meme", tags=[("сочи", "place")])
        write(other, "снег", day="2026-02-01", kind="photo", tags=[("иванов", "person")])
        write(other, "дождь", day="2026-03-01", kind="photo")

        posts, values = counts("снег", channel)

        assert posts == 3
        assert values == {
            Facet.CHANNEL: [("Горы", 2), ("Море", 1)],
            Facet.TAG: [("зима", 2), ("иванов", 2), ("лыжи", 1), ("петров", 1), ("сочи", 1)],
            Facet.CATEGORY: [("человек", 2), ("место", 1)],
            Facet.CLASS: [("photo", 2), ("meme", 1)],
            Facet.MONTH: [("2026-02", 1), ("2026-01", 2)],
        }

    @pytest.mark.parametrize(
        "text", ["снег", "снег has:hashtag", "#зима", "has:hashtag", "before:2026-02"]
    )
    def test_a_condition_leaves_what_was_counted(self, channel, other, text):
        write(channel, "снег #зима", day="2026-01-05", kind="photo", tags=[("иванов", "person")])
        write(other, "снег #зима #белая_зима", day="2026-01-31", kind="other")
        write(other, "снег в горах", day="2026-02-01")

        found = facets_in(text, (channel.tenant_id,), [*Facet], zone=UTC)

        values = [value for group in found.values.values() for value in group]
        assert {value.condition.partition(":")[0] for value in values} >= {
            "channel",
            "tag",
            "category",
            "class",
            "on",
        }
        for value in values:
            narrowed = f"{text} {value.condition}"
            assert facets_in(narrowed, (channel.tenant_id,), [], zone=UTC).posts == value.posts
            assert find_text(narrowed, (channel.tenant_id,), zone=UTC, limit=10).problems == ()

    @pytest.mark.parametrize(
        ("text", "posts"),
        [
            ("https://t.me/mountains/45", 2), ("45", 1), ("№", 0), ("😀", 1), ("", 0), ("--", 0), ("и", 0),
            ("t.me/mountains/45 has:video", 0), ("№ has:text", 4), ("😀 has:text", 1), ("-снег", 2),
        ],
    )  # fmt: skip
    def test_a_query_without_words_counts_what_it_finds_and_not_all(self, channel, text, posts):
        write(channel, "снег")
        write(channel, "снег 😀")
        write(channel, "читайте https://t.me/mountains/45")
        named = make.post(of=channel, content="дождь", telegram_message_id=45)
        index_words([named.pk], now=timezone.now())

        assert counts(text, channel)[0] == posts

    def test_categories_are_those_of_tags_that_hold(self, channel, other):
        both = [("иванов", "person"), ("сочи", "place"), ("зима", "")]
        post = write(channel, "снег", tags=both)
        write(other, "снег", tags=[("сочи", "place")])

        def found(text):
            return counts(text, channel)[0]

        assert [found(f"снег {text}") for text in ("category:place", "category:person")] == [2, 1]
        assert found("категория:место категория:человек") == 1
        assert [found("снег -category:person"), found("снег category:event")] == [1, 0]
        PostTag.objects.filter(post=post, category="person").update(state=TagState.PROPOSED)
        index_words([post.pk], now=timezone.now())
        assert found("category:person") == 0

    def test_posts_with_little_of_the_query_are_not_counted(self, channel):
        for n in range(8):
            write(channel, f"новость номер {n}")
        write(channel, "птерозавр летит")

        assert counts("новость птерозавр", channel, Facet.TAG)[0] == 1

    def test_months_are_those_of_the_zone(self, channel):
        write(channel, "снег", day="2026-01-31", hour=22)

        tokyo = counts("снег", channel, Facet.MONTH, zone=ZoneInfo("Asia/Tokyo"))

        assert counts("снег", channel, Facet.MONTH)[1] == {Facet.MONTH: [("2026-01", 1)]}
        assert tokyo[1] == {Facet.MONTH: [("2026-02", 1)]}

    @pytest.mark.parametrize("text", ["снег", "has:text", "#зима", "", "снег channel:@mountains"])
    def test_posts_of_another_tenant_are_not_counted(self, channel, text):
        foreign = make.channel(title="Чужие", username="mountains")
        write(foreign, "снег #зима #чужое")
        write(channel, "снег #зима")

        posts, values = counts(text, channel)

        assert posts <= 1
        assert "чужое" not in str(values)
        assert facets_in(text, (), [*Facet], zone=UTC).posts == 0

    def test_a_channel_of_two_tenants_is_one_value(self, channel):
        twin = make.channel(title="Горы", username="mountains")
        write(channel, "снег")
        write(twin, "снег")

        found = facets_in("снег", (channel.tenant_id, twin.tenant_id), [Facet.CHANNEL], zone=UTC)

        assert [(v.condition, v.posts) for v in found.values[Facet.CHANNEL]] == [
            ("channel:@mountains", 2)
        ]

    @pytest.mark.parametrize(
        "text", ["нетакогослова", '"нет такой"', "#нет", "-снег", "channel:@nobody"]
    )
    def test_what_finds_nothing_counts_nothing(self, channel, text):
        write(channel, "снег")

        assert counts(text, channel)[0] == 0

    @pytest.mark.costly
    def test_of_many_posts_a_sample_tells_the_number(self, channel, other, monkeypatch):
        """Each post is in the sample by its random id, so that the size of the sample is binomial."""
        posts = [make.post(of=channel if n % 10 else other, content="снег") for n in range(400)]
        index_words([post.pk for post in posts], now=timezone.now())
        monkeypatch.setattr(index, "COUNTED", 100)
        monkeypatch.setattr(index, "_TRIED", 50)
        monkeypatch.setattr(index.planning, "expected_rows", lambda *_: 400)
        halvings, halve = [], index._halvings
        monkeypatch.setattr(
            index, "_halvings", lambda *a: halvings.append(halve(*a)) or halvings[-1]
        )

        found = facets_in("снег", (channel.tenant_id,), [Facet.CHANNEL], zone=UTC)
        again = facets_in("снег", (channel.tenant_id,), [Facet.CHANNEL], zone=UTC)

        assert not found.exact
        assert found == again
        part = 0.5 ** halvings[0]
        assert abs(found.posts - 400) <= 6 * sqrt(400 * (1 - part) / part)
        assert found.values[Facet.CHANNEL][0].name == "Горы"
        assert sum(value.posts for value in found.values[Facet.CHANNEL]) == found.posts


class TestDoors:
    @pytest.fixture
    def bob(self, channel):
        client, user = Client(), User.objects.create_user("bob", is_staff=True)
        Membership.objects.create(user=user, tenant=channel.tenant)
        client.force_login(user)
        return client

    def test_the_api_counts_what_is_asked_for(self, bob, channel):
        write(channel, "снег #зима")

        body = bob.get("/api/v1/search", {"q": "снег", "facets": "tag, month,tag"}).json()

        assert body["facets"] == {
            "posts": 1,
            "exact": True,
            "values": {
                "tag": [{"value": "зима", "name": "зима", "posts": 1, "condition": "tag:зима"}],
                "month": [
                    {"value": "2026-05", "name": "2026-05", "posts": 1, "condition": "on:2026-05"}
                ],
            },
        }
        assert bob.get("/api/v1/search", {"q": "снег"}).json()["facets"] is None

    def test_the_api_names_what_it_does_not_know(self, bob):
        answer = bob.get("/api/v1/search", {"q": "снег", "facets": "tag,color"})

        assert answer.status_code == 422
        assert "color" in answer.content.decode()

    def test_the_command_counts(self, channel):
        write(channel, "снег #зима")
        out, text = StringIO(), StringIO()

        call_command("search", "снег", "--facets", "tag,channel", "--json", stdout=out)
        call_command("search", "снег", "--facets", "tag", stdout=text)

        assert json.loads(out.getvalue())["facets"]["values"]["tag"][0]["posts"] == 1
        assert "1 зима (tag:зима)" in text.getvalue()
        with pytest.raises(CommandError):
            call_command("search", "снег", "--facets", "color")

    def test_the_console_links_to_what_it_counts(self, bob, channel, other):
        write(channel, "снег #зима", day="2026-01-05")
        write(other, "снег <b>", day="2026-02-05")

        page = bob.get(reverse("find_posts"), {"q": "снег"}).content.decode()

        assert "?q=%D1%81%D0%BD%D0%B5%D0%B3+channel%3A%40mountains" in page
        assert "<meter" in page
