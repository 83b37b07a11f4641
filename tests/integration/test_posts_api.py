"""/api/v1/posts and /channels: what programs read of the archive, and only of their own tenants."""

import base64
import json
from datetime import datetime, timedelta, timezone
from itertools import chain
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from media.models import Post
from storage_quota.models import StoredObject
from storage_quota.object_store import get_store
from tests import factories as make
from tests.plans import plan_with_one_index
from tests.tokens import member, token_of

pytestmark = pytest.mark.django_db
POSTS, CHANNELS = "/api/v1/posts", "/api/v1/channels"


@pytest.fixture
def channel():
    return make.channel(title="Двор")


@pytest.fixture
def viewer(channel):
    client = Client()
    client.force_login(make.member("viewer", channel.tenant))
    return client


@pytest.fixture
def ask(viewer):
    def _(address=POSTS, *, status=200, **query):
        answer = viewer.get(address, query)
        assert answer.status_code == status, answer.content
        return answer.json()

    return _


def ids(answer) -> list[str]:
    return [one["id"] for one in answer["results"]]


def keys(*posts: Post) -> list[str]:
    return [str(post.pk) for post in posts]


def pages(ask, **query):
    """All pages, one after the other."""
    cursor = {}
    while True:
        answer = ask(**query, **cursor)
        yield ids(answer)
        if answer["next"] is None:
            return
        cursor = {"cursor": answer["next"]}


class TestPages:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
    def test_every_post_is_on_one_page_newest_first(self, ask, channel, size):
        posts = [make.post(of=channel) for _ in range(7)]

        assert list(chain(*pages(ask, page_size=size))) == keys(*reversed(posts))

    def test_posts_of_one_second_are_neither_lost_nor_repeated(self, ask, channel):
        posts = [make.post(of=channel, posted_at=make.NOW) for _ in range(7)]

        found = list(chain(*pages(ask, page_size=2)))
        assert sorted(found) == sorted(keys(*posts))
        assert found == sorted(found, reverse=True)

    def test_what_comes_or_goes_meanwhile_moves_no_page(self, ask, channel):
        posts = [make.post(of=channel) for _ in range(6)]
        first = ask(page_size=2)
        make.post(of=channel, at=make.NOW + timedelta(days=1))  # newer than all
        Post.objects.filter(pk__in=ids(first)).delete()

        assert ids(ask(page_size=2, cursor=first["next"])) == keys(posts[3], posts[2])

    @pytest.mark.parametrize(
        "cursor", ["x", "%00", "W10", "bnVsbA", "e30", "A" * 299, "Wzl", "ey", "привет", "[" * 99]
    )
    def test_what_is_no_cursor_is_refused_in_words(self, ask, channel, cursor):
        assert ask(cursor=cursor, status=422)["errors"][0]["field"] == "cursor"

    @pytest.mark.parametrize("zone", ["+23:59", "-16:00"])
    def test_a_cursor_with_a_zone_that_no_database_takes_is_its_moment(self, ask, channel, zone):
        post = make.post(of=channel)
        make.post(of=channel)
        cursor = ask(page_size=1)["next"]
        moment, key, digest = json.loads(
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        )
        far = timezone(timedelta(hours=int(zone[:3]), minutes=int(zone[0] + zone[4:])))
        told = [datetime.fromisoformat(moment).astimezone(far).isoformat(), key, digest]
        forged = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")

        assert ids(ask(page_size=1, cursor=forged)) == keys(post)
        told[0] = "0001-01-01T00:00:00+23:59"  # before all time
        forged = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
        assert ask(cursor=forged, status=422)["errors"][0]["field"] == "cursor"

    def test_a_cursor_of_other_filters_is_refused(self, ask, channel):
        for _ in range(3):
            make.post(of=channel, content="x", urls=["https://example.org"])
        cursor = ask(page_size=1, has="link")["next"]

        assert "другим фильтрам" in str(ask(page_size=1, cursor=cursor, status=422))
        assert len(ask(page_size=2, has="link", cursor=cursor)["results"]) == 2

    @pytest.mark.parametrize("size", ["0", "101", "x", "-1"])
    def test_sizes_out_of_bounds_are_refused(self, ask, size):
        ask(page_size=size, status=422)


class TestFilters:
    def test_by_channel_and_tenant(self, ask, channel):
        here, other = make.post(of=channel), make.channel(owner=channel.tenant)
        there = make.post(of=other)
        foreign = make.post()

        assert ids(ask(channel_id=str(other.pk))) == keys(there)
        assert sorted(ids(ask(tenant_id=str(channel.tenant_id)))) == sorted(keys(here, there))
        assert ids(ask(channel_id=str(foreign.channel_id))) == []
        assert ids(ask(tenant_id=str(foreign.tenant_id))) == []
        assert ids(ask(channel_id=str(channel.pk), tenant_id=str(foreign.tenant_id))) == []
        ask(channel_id="7", status=422)

    def test_since_is_included_and_until_is_not(self, ask, channel):
        first, second = (
            make.post(of=channel, posted_at=make.NOW + timedelta(hours=n)) for n in range(2)
        )

        assert ids(ask(since=second.posted_at.isoformat())) == keys(second)
        assert ids(ask(until=second.posted_at.isoformat())) == keys(first)
        assert ids(ask(since="2026-11-21T15:00:00+03:00", until="2026-11-21T12:00:01Z")) == keys(
            first
        )
        ask(since="yesterday", status=422)
        ask(since="0001-01-01T00:00:00+23:59", status=422)

    def test_kinds_of_files_fit_any_and_the_rest_all(self, ask, viewer, channel):
        photo = make.post(of=channel, media_kind="photo", has_media=True, content="")
        video = make.post(of=channel, media_kind="video", has_media=True, content="слова")
        link = make.post(of=channel, urls=["https://example.org"])

        assert ids(ask(has="photo")) == keys(photo)
        assert ids(ask(has="photo,video")) == keys(video, photo)
        repeated = viewer.get(f"{POSTS}?has=photo&has=video&has=text").json()
        assert ids(repeated) == keys(video)
        assert ids(ask(has="link")) == keys(link)
        assert "has" in str(ask(has="wings", status=422))


class TestOnePost:
    def test_it_has_everything_that_is_known(self, ask, channel):
        picture = make.media_object(owner=channel.tenant, defect="broken_image")
        group = make.album(of=channel, pictures=[picture])
        post = group.items.get().post
        Post.objects.filter(pk=post.pk).update(
            content="Текст #двор @kot", urls=["https://example.org"], mentions=["@kot"],
            hashtags=["#двор"], is_forward=True, forward_from_name="Сосед",
            extra={"poll": {"question": "Когда?"}, "unknown": {"x": 1}},
        )  # fmt: skip
        make.enrichment(post, decisions=[make.decision(picture)], vision_description="кот")
        make.document(media=picture, text="в файле")

        found = ask(f"{POSTS}/{post.pk}")

        assert found["text"] == "Текст #двор @kot"
        assert found["entities"] == {
            "links": ["https://example.org"], "mentions": ["@kot"], "hashtags": ["#двор"],
        }  # fmt: skip
        assert found["forward"]["name"] == "Сосед"
        assert found["other_content"] == {"poll": {"question": "Когда?"}}
        assert found["problems"] == [{"code": "broken_image", "media_id": str(picture.pk)}]
        assert found["analysis"]["description"] == "кот"
        assert found["analysis"]["decisions"][0]["explanation"]
        assert found["documents"][0]["text"] == [{"page": 1, "sheet": "", "text": "в файле"}]
        assert found["album"]["post_ids"] == keys(post)
        assert found["media"][0]["sha256"] == picture.file_sha256

    def test_of_a_bare_post_the_parts_are_empty(self, ask, channel):
        found = ask(f"{POSTS}/{make.post(of=channel, media_state='quota_exceeded').pk}")

        assert (found["analysis"], found["album"], found["forward"]) == (None, None, None)
        assert found["documents"] == found["media"] == []
        assert found["problems"] == [{"code": "quota_exceeded", "media_id": None}]

    def test_others_posts_do_not_exist(self, ask, channel):
        foreign = make.post()

        assert ask(f"{POSTS}/{foreign.pk}", status=404)["code"] == "not_found"
        ask(f"{POSTS}/{channel.pk}", status=404)
        ask(f"{POSTS}/7", status=422)

    def test_a_link_to_a_folder_of_files_takes_whoever_may_see_the_post(self, viewer, ask, channel):
        media = make.media_object(owner=channel.tenant, body=b"the bytes", stored=True)
        [shown] = ask(f"{POSTS}/{make.post(of=channel, media=[media]).pk}")["media"]

        assert shown["url_expires_at"] is None
        path = urlsplit(shown["url"]).path
        assert b"".join(viewer.get(path).streaming_content) == b"the bytes"
        assert Client().get(path).status_code in {401, 403}
        stranger = Client()
        stranger.force_login(make.member("viewer", make.tenant()))
        assert stranger.get(path).status_code == 404

    def test_a_store_that_signs_makes_links_that_end(self, ask, channel, monkeypatch):
        media = make.media_object(owner=channel.tenant, body=b"signed", stored=True)
        post = make.post(of=channel, media=[media], media_name="Отчёт.png")
        names = []

        def presign(_, key, *, filename, **__):
            names.append(filename)
            return f"https://s3.example.org/{key}?signature=1"

        monkeypatch.setattr(type(get_store()), "presign", presign)
        [shown] = ask(f"{POSTS}/{post.pk}")["media"]

        assert shown["url"].startswith("https://s3.example.org/media/")
        assert shown["url_expires_at"] is not None
        assert names == ["Отчёт.png"]
        assert StoredObject.objects.get(pk=media.s3_key).last_read_at is not None


class TestChannels:
    def test_counts_and_the_last_post(self, ask, channel):
        make.post(of=channel)
        newest = make.post(of=channel, media=[make.media_object(owner=channel.tenant)])
        empty = make.channel(owner=channel.tenant, title="Пусто")
        make.channel()

        first, second = ask(CHANNELS)["results"]
        assert (first["title"], first["posts"], first["posts_with_media"]) == ("Двор", 2, 1)
        assert first["last_post_id"] == str(newest.pk)
        assert first["last_posted_at"].startswith("2026-11-2")
        assert (second["id"], second["posts"], second["last_post_id"]) == (str(empty.pk), 0, None)
        assert ask(f"{CHANNELS}/{channel.pk}") == first

    def test_others_channels_do_not_exist(self, ask, channel):
        foreign = make.channel()

        ask(f"{CHANNELS}/{foreign.pk}", status=404)
        assert ask(CHANNELS, tenant_id=str(foreign.tenant_id))["results"] == []
        assert len(ask(CHANNELS, tenant_id=str(channel.tenant_id))["results"]) == 1


class TestCost:
    @pytest.mark.parametrize("address", [POSTS, CHANNELS])
    def test_a_page_costs_the_same_however_long_it_is(self, viewer, channel, address):
        counts = []
        viewer.get(address)  # what is asked once for each session
        for _ in range(2):
            for _ in range(5):
                of = make.channel(owner=channel.tenant)
                make.post(of=of, media=[make.media_object(owner=channel.tenant) for _ in "ab"])
            with CaptureQueriesContext(
                connection,
            ) as queries:
                viewer.get(address)
            counts.append(len(queries))

        assert counts[0] == counts[1] <= 7

    @pytest.mark.costly
    def test_a_post_costs_the_same_however_much_it_has(self, viewer, channel):
        counts = []
        viewer.get(POSTS)  # what is asked once for each session
        for number in (1, 6):
            media = [make.media_object(owner=channel.tenant, stored=True) for _ in range(number)]
            group = make.album(of=channel, pictures=media)
            post = make.post(of=channel, media=media)
            make.enrichment(post)
            for one in media:
                make.document(media=one)
            for of in (post, group.items.first().post):
                with CaptureQueriesContext(connection) as queries:
                    assert viewer.get(f"{POSTS}/{of.pk}").status_code == 200
                counts.append(len(queries))

        assert max(counts) <= 14
        assert counts[:2] == counts[2:]


class TestTokens:
    def test_a_token_reads_and_one_of_another_tenant_finds_nothing(self, channel):
        post = make.post(of=channel)

        for tenant, status in ((channel.tenant, 200), (make.tenant(), 404)):
            _, headers = token_of(member(tenant))
            answer = Client().get(f"{POSTS}/{post.pk}", headers=headers)
            assert answer.status_code == status
        assert Client().get(POSTS).status_code == 401


def test_the_description_of_the_api_has_the_members_of_rooms_above(viewer):
    schema = json.loads(viewer.get("/api/schema/?format=json").content)

    detail = schema["components"]["schemas"]["PostDetail"]["properties"]
    assert detail["documents"]["items"]["$ref"].endswith("/PostDocument")
    assert {"analysis", "album", "entities", "problems"} <= set(detail)
    parameters = schema["paths"]["/api/v1/posts"]["get"]["parameters"]
    assert {p["name"] for p in parameters} == {
        "channel_id", "tenant_id", "since", "until", "has", "cursor", "page_size",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "index"), [("channel", "idx_posts_channel"), ("tenant", "idx_posts_tenant")]
)
def test_a_page_is_read_from_an_index_in_its_order(channel, column, index):
    make.post(of=channel)
    statement = (
        f"SELECT id FROM posts WHERE {column}_id = %s AND posted_at <= %s"  # noqa: S608 - a column of ours
        " AND (posted_at < %s OR id < %s) ORDER BY posted_at DESC, id DESC LIMIT 51"
    )
    owner = channel.pk if column == "channel" else channel.tenant_id

    plan = plan_with_one_index(
        statement, owner, make.NOW, make.NOW, channel.pk, table="posts", index=index
    )
    assert f"using {index}" in plan
    assert "Sort" not in plan
    assert f"Index Cond: (({column}_id" in plan
