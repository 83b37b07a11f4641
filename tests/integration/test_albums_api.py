"""/api/v1/albums: what programs read of albums, and only of their own tenants."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from albums.models import MediaGroup
from albums.services import assemble, collect
from media.models import MediaRole, Post
from tests import factories as make
from tests.plans import plan_with_one_index

pytestmark = pytest.mark.django_db
ALBUMS = "/api/v1/albums"


@pytest.fixture
def channel():
    return make.channel(title="Двор")


@pytest.fixture
def ask(channel):
    client = Client()
    client.force_login(make.member("viewer", channel.tenant))

    def _(address=ALBUMS, *, code=200, **query):
        answer = client.get(address, query)
        assert answer.status_code == code, answer.content
        return answer.json()

    return _


@pytest.fixture
def album(channel):
    """Albums of one picture each; `at` are minutes."""

    def _(*, at=0, of=None, **fields):
        of = of or channel
        moment = make.NOW + timedelta(minutes=at)
        pictures = [make.media_object(owner=of.tenant)]
        return make.album(of=of, pictures=pictures, posted_at=moment, **fields)

    return _


def ids(answer) -> list[int]:
    return [one["id"] for one in answer["results"]]


def collected(*posts: Post) -> MediaGroup:
    for post in posts:
        collect.save_media_group(post_id=str(post.pk), tenant_id=str(post.tenant_id))
    return MediaGroup.objects.get(grouped_id=posts[0].grouped_id)


class TestList:
    def test_the_newest_come_first_whatever_the_order_of_their_making(self, ask, album):
        old, new, middle = album(at=1), album(at=3), album(at=2)

        assert ids(ask()) == [new.pk, middle.pk, old.pk]

    def test_pages_have_every_album_once_though_one_comes_meanwhile(self, ask, album):
        made = [album(at=0).pk for _ in range(5)]  # of one moment: the id decides

        first = ask(page_size=2)
        album(at=9)
        second = ask(page_size=2, cursor=first["next"])
        third = ask(page_size=2, cursor=second["next"])

        assert [*ids(first), *ids(second), *ids(third)] == sorted(made, reverse=True)
        assert third["next"] is None

    def test_filters(self, ask, album, channel):
        other = make.channel(owner=channel.tenant)
        waiting = album(at=1, status="waiting", album_kind="mixed")
        partial = album(at=2, status="partial")
        elsewhere = album(at=3, of=other)
        all_of_them = [elsewhere.pk, partial.pk, waiting.pk]

        assert ids(ask(status="waiting")) == [waiting.pk]
        assert ids(ask(status=["waiting", "partial"])) == [partial.pk, waiting.pk]
        assert ids(ask(status="waiting,partial")) == [partial.pk, waiting.pk]
        assert ids(ask(kind="mixed")) == [waiting.pk]
        assert ids(ask(channel_id=other.pk)) == [elsewhere.pk]
        assert ids(ask(tenant_id=channel.tenant_id)) == all_of_them
        assert ids(ask(since=partial.posted_at.isoformat())) == [elsewhere.pk, partial.pk]
        assert ids(ask(until=partial.posted_at.isoformat())) == [waiting.pk]

    def test_an_album_whose_items_have_all_left_is_not_listed(self, ask, album):
        album(items_count=0)

        assert ids(ask()) == []

    def test_of_another_tenant_nothing_is_told(self, ask, album):
        foreign = album(of=make.channel())

        assert ids(ask()) == []
        assert ids(ask(channel_id=foreign.channel_id)) == []
        assert ids(ask(tenant_id=foreign.tenant_id)) == []
        ask(f"{ALBUMS}/{foreign.pk}", code=404)

    @pytest.mark.parametrize(
        "query",
        [
            {"status": "odd"}, {"kind": "document"}, {"cursor": "odd"}, {"page_size": 101},
            {"since": "yesterday"}, {"channel_id": "5"},
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused_by_name(self, ask, album, query):
        album()

        assert next(iter(query)) in str(ask(code=422, **query))

    def test_a_cursor_belongs_to_its_filters_and_to_albums(self, ask, album):
        album(), album()
        albums, posts = ask(page_size=1)["next"], ask("/api/v1/posts", page_size=1)["next"]

        for query in ({"cursor": albums, "status": "partial"}, {"cursor": posts}):
            assert "cursor" in str(ask(page_size=1, code=422, **query))

    def test_a_page_of_many_costs_as_many_queries_as_one_of_one(self, ask, album):
        album()
        ask()  # the first request also reads what is kept
        with CaptureQueriesContext(connection) as of_one:
            ask()
        for n in range(8):
            album(at=n)
        with CaptureQueriesContext(connection) as of_many:
            ask()

        assert len(of_many) == len(of_one)

    @pytest.mark.parametrize("name", ["tenant", "channel"])
    def test_a_page_is_read_along_one_index(self, album, name):
        owner, index = getattr(album(), f"{name}_id"), f"media_group_of_{name}"

        plan = plan_with_one_index(
            f"SELECT id FROM media_groups WHERE {name}_id = %s AND posted_at <= %s"  # noqa: S608
            " ORDER BY posted_at DESC, id DESC LIMIT 2",
            owner, make.NOW, table="media_groups", index=index,
        )  # fmt: skip

        assert f"using {index}" in plan
        assert "Sort" not in plan


class TestOne:
    def test_items_are_in_order_each_with_what_was_seen(self, ask, channel):
        pictures = [make.media_object(owner=channel.tenant) for _ in range(2)]
        second, first = (
            make.post(of=channel, media=[media], telegram_message_id=number, grouped_id=5,
                      content=text, hashtags=["#двор"] if text else [])
            for media, number, text in zip(pictures, (12, 11), ("подпись #двор", ""), strict=True)
        )  # fmt: skip
        make.enrichment(
            first, decisions=[make.decision(pictures[1])], vision_ocr_text="слова",
            vision_description="кот", vision_classification={"tags": ["cat"]},
        )  # fmt: skip
        group = collected(second, first)

        found = ask(f"{ALBUMS}/{group.pk}")

        assert [item["post_id"] for item in found["items"]] == [str(first.pk), str(second.pk)]
        assert [item["awaited"] for item in found["items"]] == [False, True]
        assert [item["text"] for item in found["items"]] == ["слова", ""]
        assert found["items"][0]["labels"] == ["cat"]
        assert (found["caption"], found["hashtags"]) == ("подпись #двор", ["#двор"])
        assert found["cover_media_id"] == str(pictures[1].pk)
        assert found["summary"] is None
        assert found["waits_for"]["positions"] == [1]
        since, until = (found["waits_for"][name] for name in ("last_progress_at", "until"))
        assert timezone.datetime.fromisoformat(until) - timezone.datetime.fromisoformat(
            since
        ) == timedelta(minutes=15)

        make.enrichment(second, decisions=[make.decision(pictures[0])], vision_ocr_text="ещё")
        assemble.assemble_album(group_id=group.pk, now=timezone.now())
        assembled = ask(f"{ALBUMS}/{group.pk}")

        assert assembled["waits_for"] is None
        assert (assembled["status"], assembled["version"]) == ("complete", 1)
        assert assembled["summary"]["text"] == "слова | ещё"
        assert ask()["results"][0]["summary"] == assembled["summary"]

    @pytest.mark.parametrize("wrong", ["5.5", "x", "-1", "٣"])
    def test_an_id_that_is_no_number_is_refused(self, ask, wrong):
        ask(f"{ALBUMS}/{wrong}", code=422)

    @pytest.mark.parametrize("none", ["77777777", "9" * 19, "9" * 400])
    def test_a_number_that_no_album_has_is_not_found(self, ask, none):
        ask(f"{ALBUMS}/{none}", code=404)

    def test_the_cover_of_an_album_of_videos_is_the_preview_of_the_first_that_has_one(
        self, channel
    ):
        videos = [
            make.post(of=channel, media=[make.media_object(owner=channel.tenant, mime="video/mp4")],
                      media_kind="video", grouped_id=5)
            for _ in range(3)
        ]  # fmt: skip
        without = collected(*videos)
        assert (without.album_kind, without.cover_media_id) == ("video", None)

        for video in (videos[2], videos[1]):
            preview = make.media_object(owner=channel.tenant)
            make.show(video, preview, role=MediaRole.THUMBNAIL)

        assert collected(*videos).cover_media_id == preview.pk
