"""The graph says what the archive says: nodes, edges, twice, after changes, and when it was away."""

from datetime import timedelta

import pytest
from django.db import connection as database

from albums.models import MediaGroup
from albums.services import collect
from events.schemas import PostParsedEventV1
from graph import client, keys
from graph.facts import ALBUM, POST, Facts, Ref
from graph.handlers import write as handle
from graph.services import notes, verify
from graph.services.index import index
from graph.sources.read import Changed, read, version_now
from graph.store.write import write
from media.models import Channel, Post
from media.services.telegram.channels.public_names import take_name
from tests import factories as make
from tests.graph_world import dump

pytestmark = pytest.mark.django_db
LONG = "Сегодня в городе открылся новый мост через реку, и все пришли смотреть"


def posts(*rows):
    return Changed(posts=[one.pk for one in rows])


def edges(told, kind):
    return {(start, end) for start, of_kind, end in told["edges"] if of_kind == kind}


@pytest.fixture
def owner(graph):
    return make.tenant()


@pytest.fixture
def channel(owner):
    return make.channel(owner=owner)


class TestNames:
    def test_another_public_name_of_a_channel_is_in_the_links_to_its_posts(self, owner, channel):
        post = make.post(of=channel)
        index(posts(post))
        notes.read_notes()

        take_name(channel, "renamed")
        notes.read_notes()

        told = dump(owner.pk)["nodes"]
        assert told[POST, str(post.pk)]["url"] == f"https://t.me/renamed/{post.telegram_message_id}"
        assert told["Channel", str(channel.pk)]["username"] == "renamed"
        assert not verify.compare(owner.pk).unresolved


class TestNodes:
    def test_a_post_with_all_it_shows_says_and_links_to(self, owner, channel):
        picture = make.media_object(owner=owner)
        post = make.post(
            of=channel, media=[picture], content=LONG, hashtags=["#Мост", "город"],
            urls=["https://www.Example.com/a/?utm_source=tg&b=1#top", "mailto:a@example.com"],
        )  # fmt: skip

        index(posts(post))
        told = dump(owner.pk)

        node = told["nodes"][POST, str(post.pk)]
        assert node["content"] == LONG
        assert node["tenant_id"] == str(owner.pk)
        assert node["telegram_message_id"] == post.telegram_message_id
        assert edges(told, "HAS_POST") == {(("Channel", str(channel.pk)), (POST, str(post.pk)))}
        assert edges(told, "HAS_IMAGE") == {
            ((POST, str(post.pk)), ("ImageContent", keys.picture(owner.pk, picture.file_sha256)))
        }
        names = {one["name"] for (label, _), one in told["nodes"].items() if label == "Tag"}
        assert names == {"мост", "город"}
        urls = {one["url"] for (label, _), one in told["nodes"].items() if label == "Article"}
        assert urls == {"https://example.com/a?b=1"}
        assert len(edges(told, "SAYS")) == 1

    def test_fact_065_an_analyzed_picture_is_found_with_its_sha256_and_labels(
        self, owner, channel, graph
    ):
        from vision.models import PaidAnalysis  # noqa: PLC0415

        picture = make.media_object(owner=owner)
        post = make.post(of=channel, media=[picture])
        PaidAnalysis.objects.create(
            tenant=owner, sha256=picture.file_sha256, provider="gigachat", model="m", state="done",
            schema_version="1.0", analyzed_at=make.NOW,
            analysis={"classification": "meme", "is_meme": True, "labels": ["Cat"], "description": "кот"},
        )  # fmt: skip

        client.create_image_content_node(owner.pk, picture.file_sha256)

        found = graph.ask(
            "MATCH (p:Post)-[:HAS_IMAGE]->(img:ImageContent {sha256: $sha})-[:HAS_LABEL]->(t:Tag)"
            " RETURN p.post_id AS post, img.is_meme AS meme, img.provider AS provider, t.name AS tag",
            sha=picture.file_sha256,
        )
        assert found == [{"post": str(post.pk), "meme": True, "provider": "gigachat", "tag": "cat"}]

    def test_a_picture_that_was_read_has_the_provider_that_read_it(self, owner, channel):
        picture, other = make.media_object(owner=owner), make.media_object(owner=owner)
        post = make.post(of=channel, media=[picture, other])
        make.enrichment(
            post, decisions=[make.decision(picture), make.decision(other, outcome="skipped")]
        )

        index(posts(post))
        nodes = dump(owner.pk)["nodes"]

        assert (
            nodes["ImageContent", keys.picture(owner.pk, picture.file_sha256)]["provider"]
            == "ocr_fallback"
        )
        assert "provider" not in nodes["ImageContent", keys.picture(owner.pk, other.file_sha256)]

    def test_a_picture_that_shows_another_again_is_connected_with_it(self, owner, channel):
        near = make.near_duplicate(owner=owner)
        from media.models import MediaObject  # noqa: PLC0415

        picture = MediaObject.objects.get(tenant=owner, file_sha256=near.sha256)
        index(posts(make.post(of=channel, media=[picture])))
        told = dump(owner.pk)

        ends = [
            ("ImageContent", keys.picture(owner.pk, one)) for one in (near.sha256, near.same_as)
        ]
        assert edges(told, "LOOKS_LIKE") == {tuple(ends)}

    def test_replies_and_forwards_lead_to_posts_that_are_not_there_yet(self, owner, channel):
        post = make.post(
            of=channel, is_forward=True, forward_from_chat_id=-1005, forward_from_message_id=7,
            forward_from_name="Первый", reply_to_message_id=1,
        )  # fmt: skip
        index(posts(post))
        before = dump(owner.pk)
        answered = make.post(of=channel, telegram_message_id=1)
        index(posts(answered))
        after = dump(owner.pk)

        assert before["nodes"][POST, str(answered.pk)]["archived"] is False
        assert after["nodes"][POST, str(answered.pk)]["archived"] is True
        assert edges(after, "REPLIES_TO") == {((POST, str(post.pk)), (POST, str(answered.pk)))}
        assert edges(before, "FORWARDED_FROM") == edges(after, "FORWARDED_FROM") != set()

    def test_two_tenants_share_nothing(self, owner, channel):
        other = make.channel(tg_channel_id=channel.tg_channel_id)
        same = {"content": LONG, "hashtags": ["мост"], "urls": ["https://example.com/"]}
        body = make.picture("red")
        for of in (channel, other):
            media = make.media_object(owner=of.tenant, body=body)
            index(posts(make.post(of=of, media=[media], telegram_message_id=5, **same)))

        ours, theirs = dump(owner.pk), dump(other.tenant.pk)

        assert len(ours["nodes"]) == len(theirs["nodes"]) == 6
        assert not ours["nodes"].keys() & theirs["nodes"].keys()
        assert not ours["edges"].keys() & theirs["edges"].keys()


class TestChanges:
    def test_fact_104_indexing_twice_changes_nothing(self, owner, channel):
        album = make.album(of=channel, pictures=[make.media_object(owner=owner) for _ in range(2)])
        everything = Changed(
            posts=list(Post.objects.filter(tenant=owner).values_list("pk", flat=True)),
            albums=[album.pk],
        )
        first = index(everything)
        before = dump(owner.pk)
        again = index(everything)

        assert first.changed > 0
        assert again.changed == 0
        assert dump(owner.pk) == before

    def test_what_a_post_no_longer_has_vanishes_with_what_nobody_else_has(self, owner, channel):
        picture = make.media_object(owner=owner)
        kept = make.post(of=channel, hashtags=["общее"])
        post = make.post(
            of=channel,
            media=[picture],
            content=LONG,
            hashtags=["общее", "своё"],
            urls=["https://example.com/"],
        )
        index(posts(kept, post))
        post.post_media.all().delete()
        Post.objects.filter(pk=post.pk).update(content="", hashtags=[], urls=[])
        index(posts(post))
        told = dump(owner.pk)

        assert {label for label, _ in told["nodes"]} == {"Post", "Channel", "Tag"}
        assert edges(told, "TAGGED_AS") == {
            ((POST, str(kept.pk)), ("Tag", keys.tag(owner.pk, "общее")))
        }

    def test_a_deleted_post_stays_for_those_that_refer_to_it_only(self, owner, channel):
        first = make.post(of=channel, telegram_message_id=10**6, hashtags=["а"])
        answer = make.post(of=channel, reply_to_message_id=10**6)
        index(posts(first, answer))
        key = POST, str(first.pk)
        first.delete()
        notes.read_notes()
        told = dump(owner.pk)
        answer.delete()
        notes.read_notes()

        assert told["nodes"][key]["archived"] is False
        assert not edges(told, "TAGGED_AS")
        assert dump(owner.pk)["nodes"] == {}

    def test_a_deletion_is_noted_whoever_does_it_and_read_once(self, owner, channel):
        album = make.album(of=channel, pictures=[make.media_object(owner=owner) for _ in range(2)])
        client.create_album_node_and_relationships(album.pk)
        with database.cursor() as cursor:
            cursor.execute(
                "DELETE FROM media_group_items WHERE group_id = %s AND position = 1", [album.pk]
            )
            cursor.execute("SELECT kind, row_id FROM graph_notes")
            noted = cursor.fetchall()

        assert noted == [("album", str(album.pk))]
        assert notes.read_notes() == 1
        assert notes.read_notes() == 0
        assert [row["position"] for row in client.get_album_posts(album.pk)] == [0]

    def test_a_channel_gets_its_new_name(self, owner, channel):
        index(posts(make.post(of=channel)))
        Channel.objects.filter(pk=channel.pk).update(title="Новое имя")
        notes.read_notes()

        assert dump(owner.pk)["nodes"]["Channel", str(channel.pk)]["title"] == "Новое имя"

    def test_what_was_read_before_a_change_does_not_overwrite_it(self, owner, channel):
        post = make.post(of=channel, content="раньше", hashtags=["раньше"])
        version, stale = version_now(), read(posts(post))
        Post.objects.filter(pk=post.pk).update(content="позже", hashtags=["позже"])
        index(posts(post))
        write(stale, version=version, now=version_now)
        told = dump(owner.pk)

        assert told["nodes"][POST, str(post.pk)]["content"] == "позже"
        assert edges(told, "TAGGED_AS") == {
            ((POST, str(post.pk)), ("Tag", keys.tag(owner.pk, "позже")))
        }

    def test_nor_where_the_change_led_back_to_what_there_was(self, owner, channel):
        post = make.post(of=channel, content="одно")
        index(posts(post))
        Post.objects.filter(pk=post.pk).update(content="другое")
        version, stale = version_now(), read(posts(post))
        Post.objects.filter(pk=post.pk).update(content="одно")
        index(posts(post))
        write(stale, version=version, now=version_now)

        assert dump(owner.pk)["nodes"][POST, str(post.pk)]["content"] == "одно"


class TestSeedsMethods:
    def test_an_album_that_all_posts_have_left_is_none_any_more(self, owner, channel):
        """As after an export and Telegram itself, which numbers albums in its own way."""
        pictures = [make.media_object(owner=owner) for _ in range(2)]
        album = make.album(of=channel, pictures=pictures)
        client.create_album_node_and_relationships(album.pk)
        first = album.items.order_by("position")[0].post
        Post.objects.filter(channel=channel).update(grouped_id=5 * 10**15)

        collect.save_media_group(post_id=str(first.pk), tenant_id=str(owner.pk))
        notes.read_notes()
        new = MediaGroup.objects.get(grouped_id=5 * 10**15)
        index(posts(*Post.objects.filter(channel=channel)))
        client.create_album_node_and_relationships(new.pk)

        found = client.find_albums_by_channel(channel.pk)
        assert [row["album_id"] for row in found] == [new.pk]
        assert verify.compare(owner.pk).unresolved == 0

    def test_fact_103_albums_of_a_channel_are_the_newest_ones_newest_first(self, owner, channel):
        albums = [
            make.album(of=channel, pictures=[make.media_object(owner=owner)],
                       posted_at=make.NOW + timedelta(hours=n % 7, minutes=n))
            for n in range(12)
        ]  # fmt: skip
        for album in albums:
            client.create_album_node_and_relationships(album.pk)
        newest = sorted(albums, key=lambda one: one.posted_at, reverse=True)

        found = client.find_albums_by_channel(channel.pk)

        assert [row["album_id"] for row in found] == [one.pk for one in newest[:10]]
        assert {(row["expected_items"], row["actual_items"]) for row in found} == {(1, 1)}
        assert len(client.find_albums_by_channel(channel.pk, limit=3)) == 3

    def test_fact_103_albums_by_tags_have_all_of_them_among_their_posts(self, owner, channel):
        both, one = (
            make.album(of=channel, pictures=[make.media_object(owner=owner) for _ in range(2)])
            for _ in range(2)
        )
        members = [
            [item.post for item in album.items.order_by("position")] for album in (both, one)
        ]
        for post, tag in zip(members[0], ("Technology", "business"), strict=True):
            Post.objects.filter(pk=post.pk).update(hashtags=[tag])
        Post.objects.filter(pk=members[1][0].pk).update(hashtags=["technology"])
        for album in (both, one):
            client.create_album_node_and_relationships(album.pk)

        def found(*tags):
            rows = client.find_albums_by_tags(tags, tenants=[owner.pk])
            return [row["album_id"] for row in rows]

        assert found("technology", "business") == [both.pk]
        assert set(found("#TECHNOLOGY")) == {both.pk, one.pk}
        assert found("technology", "nothing") == found() == []
        assert client.find_albums_by_tags(["business"], tenants=[make.tenant().pk]) == []

    def test_fact_103_posts_of_an_album_come_by_position(self, owner, channel):
        album = make.album(of=channel, pictures=[make.media_object(owner=owner) for _ in range(4)])
        client.create_album_node_and_relationships(album.pk)

        rows = client.get_album_posts(album.pk, ordered=True)

        expected = list(album.items.order_by("position").values_list("post_id", flat=True))
        assert [row["post_id"] for row in rows] == [str(pk) for pk in expected]
        assert [row["position"] for row in rows] == [0, 1, 2, 3]

    def test_fact_105_a_crawled_page_is_connected_with_its_post(self, owner, channel, graph):
        post = make.post(of=channel, urls=["https://www.example.com/news?utm_medium=x"])
        make.article(of=post, url="https://www.example.com/news", title="Новость")

        client.create_article_node(owner.pk, "http://example.com/news/")

        assert graph.ask(
            "MATCH (p:Post {key: $key})-[:REFERS_TO]->(a:Article)"
            " RETURN a.title AS title, a.url AS url, a.content_sha256 AS sha256",
            key=str(post.pk),
        ) == [{"title": "Новость", "url": "https://www.example.com/news", "sha256": "0" * 64}]
        client.create_article_node(owner.pk, "https://nowhere.example/")
        assert len(graph.ask("MATCH (a:Article {tenant_id: $t}) RETURN a", t=str(owner.pk))) == 1


class TestUnits:
    def test_nothing_leads_back_to_where_it_starts(self):
        facts = Facts()
        facts.connect("REPLIES_TO", Ref(POST, "a"), Ref(POST, "a"))

        assert facts.edges == {}

    @pytest.mark.parametrize(
        "text", ["", "Доброе утро!", "#а #б #в #г #д #е #ж https://t.me/abc", "a b c d e f"]
    )
    def test_what_is_too_short_is_no_text_that_spreads(self, text):
        assert keys.text(make.tenant().pk, text) == ""

    @pytest.mark.parametrize(
        "other",
        [
            LONG.upper(),
            f"{LONG}!!!",
            f"{LONG}\n\n👉 @channel https://t.me/channel #новости",
            LONG.replace("й", "й"),
        ],
    )
    def test_a_text_is_the_same_whatever_is_put_around_it(self, other):
        tenant = make.tenant().pk

        assert keys.text(tenant, other) == keys.text(tenant, LONG) != ""

    @pytest.mark.parametrize(
        ("url", "form"),
        [
            ("HTTP://www.Example.com:80/", "https://example.com/"),
            ("https://example.com/#top", "https://example.com/"),
            ("example.com/a?b=2&a=1&fbclid=x", "https://example.com/a?a=1&b=2"),
            ("https://пример.рф/%d1%8f", "https://xn--e1afmkfd.xn--p1ai/%D1%8F"),
            ("https://XN--e1afmkfd.xn--p1ai/я", "https://xn--e1afmkfd.xn--p1ai/%D1%8F"),
            ("https://a:b@example.com/", ""),
            ("tg://resolve?domain=x", ""),
            ("mailto:a@b.com", ""),
            ("tel:+7999", ""),
            ("https://[::1", ""),
            ("слово", ""),
        ],
    )
    def test_an_address_has_one_form(self, url, form):
        assert keys.address(url) == form

    def test_each_spelling_of_a_form_has_this_form(self):
        form = keys.address("http://www.example.com/a?b=1")

        assert [keys.address(one) for one in keys.spellings(form)] == [form] * 4


def test_without_a_graph_nothing_is_written_and_all_say_so():
    from graph.errors import GraphOff  # noqa: PLC0415

    post = make.post()
    with pytest.raises(GraphOff, match="NEO4J_URL"):
        index(posts(post))
    assert handle([make_event(post)], now=make.NOW) == "no graph"
    post.delete()
    assert notes.read_notes() >= 1  # nobody has to be told


def test_a_graph_that_is_down_postpones_events_and_notes(no_graph_answers):
    from events.errors import RetryLater  # noqa: PLC0415
    from graph import tasks  # noqa: PLC0415

    post = make.post()
    with pytest.raises(RetryLater, match="NEO4J_URL"):
        handle([make_event(post)], now=make.NOW)
    with pytest.raises(RetryLater):  # at once: one batch has found out
        handle([make_event(post)], now=make.NOW)
    post.delete()
    assert tasks.note().startswith("postponed: ")


def make_event(post):
    return PostParsedEventV1(
        idempotency_key="k", tenant_id=str(post.tenant_id), channel_id=str(post.channel_id),
        post_id=str(post.pk), posted_at=post.posted_at, tg_message_id=1, telegram_message_id=1,
        tg_channel_id=-1,
    )  # fmt: skip


def test_albums_are_nodes_of_their_channel(graph):
    owner = make.tenant()
    album = make.album(of=make.channel(owner=owner), pictures=[make.media_object(owner=owner)])
    client.create_album_node_and_relationships(album.pk)

    node = dump(owner.pk)["nodes"][ALBUM, str(album.pk)]

    assert node["grouped_id"] == album.grouped_id
    assert node["album_kind"] == "photo"
