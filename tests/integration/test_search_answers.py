"""What a search shows: messages by link, one hit per album, matches in each text, similar posts."""

import io
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from PIL import Image

from accounts.models import Membership, User
from events.delivery import worker
from media.models import Channel, MediaRole, Post
from search.services import find
from search.services.index_meaning import index_meaning
from search.services.index_words import index_words
from search.services.similar.posts import By, similar_to
from tests import factories as make
from vision.duplicates import hash_index
from vision.duplicates.phash import PHash

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

API = "/api/v1/search"
SAMPLE = Path("telegram_assistant/sample/ChatExport_2026-11-01/photos")
SIMILAR = "/api/v1/search/similar"


@pytest.fixture
def channel():
    return make.channel(title="Горные новости", username="Mountains", tg_channel_id=-1001234567890)


@pytest.fixture
def other():
    """A channel of another tenant."""
    return make.channel(title="Чужие новости", username="foreign")


@pytest.fixture
def bob(channel):
    client = Client(headers={"accept-language": "en"})
    user = User.objects.create_user("bob")
    Membership.objects.create(user=user, tenant=channel.tenant)
    client.force_login(user)
    return client


def compressed_again(path):
    body = io.BytesIO()
    with Image.open(path) as picture:
        picture.resize([side * 3 // 4 for side in picture.size]).save(body, "JPEG", quality=60)
    return body.getvalue()


def index(*posts):
    index_words([post.pk for post in posts], now=timezone.now())
    index_meaning([post.pk for post in posts])


def write(of, text, **fields):
    post = make.post(of=of, content=text, **fields)
    index(post)
    return post


def album(of, *texts, caption=""):
    """An album with these texts of its items, indexed; returns the items in order."""
    pictures = [make.media_object(owner=of.tenant) for _ in texts]
    group = make.album(of=of, pictures=pictures, caption_text=caption)
    items = list(Post.objects.filter(album_item__group=group).order_by("album_item__position"))
    for item, text in zip(items, texts, strict=True):
        Post.objects.filter(pk=item.pk).update(content=text, posted_at=make.NOW)
    index(*items)
    return items


def get(client, address, **parameters):
    answer = client.get(address, parameters)
    assert answer.status_code == 200, answer.content
    return answer.json()


def ask(client, text, **more):
    return get(client, API, q=text, **more)


def ids(body):
    return [hit["post_id"] for hit in body["hits"]]


def keys(*posts):
    return [str(post.pk) for post in posts]


LINKS = [
    "https://t.me/Mountains/45", "http://t.me/mountains/45", "t.me/MOUNTAINS/45",
    "https://telegram.me/mountains/45/", "https://t.me/s/mountains/45",
    "https://t.me/mountains/45?single", "https://t.me/mountains/7/45",
    "https://t.me/mountains/45?comment=9#x", "(https://t.me/mountains/45).",
    "https://t.me/c/1234567890/45", "https://t.me/c/1234567890/7/45?thread=7",
    "https://mountains.t.me/45", "https://telegram.dog/mountains/45",
    "tg://resolve?domain=mountains&post=45", "tg://privatepost?channel=1234567890&post=45&single",
]  # fmt: skip


class TestMessages:
    @pytest.mark.parametrize("link", LINKS)
    def test_a_link_in_any_form_finds_exactly_its_message_first(self, bob, channel, link):
        for number in (4, 44, 46, 145, 450):
            write(channel, "снег в горах 45", telegram_message_id=number)
        found = write(channel, "без единого слова запроса", telegram_message_id=45)

        first = ask(bob, link)["hits"][0]
        among_words = ask(bob, f"снег {link} горы")["hits"][0]

        assert first["post_id"] == among_words["post_id"] == str(found.pk)
        assert (first["reasons"]["named"], first["message_id"]) == (True, 45)

    def test_posts_that_mention_the_link_follow_and_no_others(self, bob, channel):
        named = write(channel, "снег", telegram_message_id=45)
        mentions = write(channel, "читайте https://t.me/mountains/45 !")
        write(channel, "читайте https://t.me/mountains/46")
        write(channel, "http и me")

        assert ids(ask(bob, "https://t.me/mountains/45")) == keys(named, mentions)

    def test_a_message_that_is_not_indexed_yet_is_found(self, bob, channel):
        post = make.post(of=channel, content="только что", telegram_message_id=45)

        assert ids(ask(bob, "t.me/mountains/45")) == keys(post)

    def test_the_link_of_a_renamed_channel_still_leads_to_it(self, bob, channel):
        post = write(channel, "снег", telegram_message_id=45)
        Channel.objects.filter(pk=channel.pk).update(username="hills")

        assert ids(ask(bob, "t.me/hills/45")) == ids(ask(bob, "t.me/mountains/45")) == keys(post)

    def test_conditions_apply_to_it(self, bob, channel):
        post = write(channel, "снег", telegram_message_id=45)

        assert ids(ask(bob, "t.me/mountains/45 has:text")) == keys(post)
        assert ids(ask(bob, "t.me/mountains/45 has:video")) == []
        assert ids(ask(bob, "t.me/mountains/45 -снег")) == []

    def test_a_link_to_what_is_foreign_is_one_to_nothing(self, bob, channel, other):
        write(other, "чужое", telegram_message_id=45)
        write(channel, "снег", telegram_message_id=45)

        foreign, none = ask(bob, "t.me/foreign/45"), ask(bob, "t.me/nowhere/45")

        assert ids(foreign) == ids(none) == []
        [one], [two] = foreign["problems"], none["problems"]
        assert one["code"] == two["code"] == "unknown_message"
        assert one["message"].replace("foreign", "nowhere") == two["message"]

    def test_a_number_alone_finds_the_messages_of_this_number_first(self, bob, channel):
        second = make.channel(owner=channel.tenant)
        word = write(channel, "их было 45", telegram_message_id=9)
        one = write(channel, "снег", telegram_message_id=45)
        two = write(second, "дождь", telegram_message_id=45)

        assert {*ids(ask(bob, "45"))[:2]} == {*ids(ask(bob, "#45"))[:2]} == {*keys(one, two)}
        assert ids(ask(bob, "45 channel:@mountains"))[0] == str(one.pk)
        assert str(word.pk) in ids(ask(bob, "45"))
        assert not any(hit["reasons"]["named"] for hit in ask(bob, "45 снег")["hits"])
        assert ask(bob, "77777")["problems"] == []


class TestConditions:
    @pytest.mark.parametrize(
        ("condition", "fields"),
        [
            ("is:edited", {"is_edited": True}),
            ("is:reply", {"reply_to_message_id": 7}),
            ("has:poll", {"extra": {"poll": {"question": "?"}}}),
            ("has:location", {"extra": {"location": {"latitude": 0, "longitude": 0}}}),
            ("есть:место", {"extra": {"place": {"name": "", "address": ""}}}),
            ("has:contact", {"extra": {"contact": True}}),
            ("has:game", {"extra": {"game": {"title": ""}}}),
            ("есть:кнопка", {"extra": {"buttons": [{"text": "Да"}]}}),
        ],
    )
    def test_it_leaves_the_posts_that_are_so(self, bob, channel, condition, fields):
        plain, found = write(channel, "снег"), write(channel, "снег", **fields)

        assert ids(ask(bob, f"снег {condition}")) == ids(ask(bob, condition)) == keys(found)
        assert ids(ask(bob, f"снег -{condition}")) == keys(plain)
        assert ask(bob, condition)["problems"] == []

    def test_a_rebuild_fills_what_older_rows_lack(self, bob, channel):
        post = write(channel, "снег")
        Post.objects.filter(pk=post.pk).update(is_edited=True)
        assert ids(ask(bob, "is:edited")) == []

        call_command("rebuild_index", "--words-only", stdout=StringIO(), stderr=StringIO())

        assert ids(ask(bob, "is:edited")) == keys(post)

    def test_the_answer_says_how_it_was_understood(self, bob, channel):
        said = ask(bob, "  снег  есть:фото   канал:@Mountains -дождь")["understood"]

        assert said == "снег channel:@Mountains has:photo -дождь"
        assert ask(bob, said)["understood"] == said

    @pytest.mark.parametrize(
        "query", ["есть:текст -дождь", "«снег в горах» с:2026", "t.me/mountains/45 снег", "-это:репост"]
    )  # fmt: skip
    def test_what_was_understood_finds_the_same(self, bob, channel, query):
        for number, text in enumerate(["снег в горах", "дождь", "снег", "горы"]):
            write(channel, text, telegram_message_id=43 + number, is_forward=number == 0)

        body = ask(bob, query)

        assert body["hits"]
        assert ids(ask(bob, body["understood"])) == ids(body)


class TestAlbums:
    def test_an_album_is_one_hit_that_names_its_matching_item(self, bob, channel):
        items = album(channel, "утро", "снег в горах", "вечер")
        single = write(channel, "снег")

        body = ask(bob, "снег")

        [hit] = [hit for hit in body["hits"] if hit["album"]]
        assert {*ids(body)} == {*keys(items[1], single)}
        assert hit["album"]["items"] == 3
        assert hit["album"]["matching_items"] == 1

    def test_a_caption_makes_all_items_match_and_the_one_that_has_it_is_named(self, bob, channel):
        items = album(channel, "", "Поход на Эльбрус", "", "", caption="Поход на Эльбрус")

        [hit] = ask(bob, "Эльбрус")["hits"]

        assert hit["post_id"] == str(items[1].pk)
        assert hit["album"]["matching_items"] == 4

    def test_of_items_that_match_equally_the_first_is_named(self, bob, channel):
        items = album(channel, "", "", "", caption="Поход на Эльбрус")

        [hit] = ask(bob, "эльбрус")["hits"]
        [by_condition] = ask(bob, "is:album")["hits"]

        assert hit["post_id"] == by_condition["post_id"] == str(items[0].pk)
        assert by_condition["album"]["matching_items"] == 3
        assert hit["snippet"] == "Поход на Эльбрус"

    def test_who_asks_for_an_album_sees_its_items(self, bob, channel):
        items = album(channel, "раз", "два")
        [hit] = ask(bob, "is:album")["hits"]

        body = ask(bob, f"album:{hit['album']['album_id']}")

        assert {*ids(body)} == {*keys(*items)}
        assert [hit["album"] for hit in body["hits"]] == [None, None]

    def test_albums_do_not_crowd_out_others_and_pages_fit_together(self, bob, channel):
        single = write(channel, "снег", at=make.NOW.replace(year=2020))
        for number in range(12):
            album(channel, *["снег"] * 10, caption=f"снег {number}")

        for query in ("снег", "has:text"):
            whole = ids(ask(bob, query, limit=100))
            pages = [ids(ask(bob, query, limit=5, offset=offset)) for offset in (0, 5, 10)]
            assert len(whole) == len({*whole}) == ask(bob, query)["found"]
            assert [one for page in pages for one in page] == whole
            assert str(single.pk) in whole
            assert len(whole) == 13

    def test_conditions_alone_look_behind_albums(self, bob, channel, monkeypatch):
        monkeypatch.setattr(find, "DEPTH", 20)
        for _ in range(5):
            album(channel, *["снег"] * 10)

        assert ask(bob, "is:album")["found"] == 5

    def test_a_named_item_stands_for_its_album(self, bob, channel):
        items = album(channel, "снег", "дождь", "град")

        [hit] = ask(bob, f"снег {items[2].telegram_post_url}")["hits"]

        assert hit["post_id"] == str(items[2].pk)
        assert hit["album"]["items"] == 3

    def test_the_excluded_items_do_not_count(self, bob, channel):
        album(channel, "снег", "снег и дождь", "снег")

        [hit] = ask(bob, "снег -дождь")["hits"]

        assert hit["album"]["matching_items"] == 2


def analyzed(post, *pictures):
    """What was read and seen in the pictures of a post: (text, description) each."""
    shown = [row.media_object.file_sha256 for row in post.post_media.order_by("position")]
    analyses = {
        sha256: {"ocr": {"text": text}, "description": seen, "labels": []}
        for sha256, (text, seen) in zip(shown, pictures, strict=True)
    }
    make.enrichment(
        post,
        data={"analyses": analyses},
        vision_ocr_text="\n\n".join(text for text, _ in pictures),
        vision_description=" | ".join(seen for _, seen in pictures),
    )
    index(post)


class TestMatches:
    def post(self, channel, text="Новости Ёлки"):
        media = [make.media_object(owner=channel.tenant) for _ in range(2)]
        return make.post(of=channel, content=text, media=media)

    def test_each_text_has_its_own_matches_with_their_picture(self, bob, channel):
        post = self.post(channel)
        analyzed(post, ("СНЕГ <b>и</b> ёлка", "гора"), ("", "елка под снегом"))

        [hit] = ask(bob, "снег ёлка")["hits"]

        marked = [
            (
                match["field"],
                match["picture"] and match["picture"]["number"],
                [match["text"][start:end] for start, end in match["highlights"]],
            )
            for match in hit["matches"]
        ]
        assert marked == [
            ("text", None, ["Ёлки"]),
            ("picture_text", 1, ["СНЕГ", "ёлка"]),
            ("description", 2, ["елка", "снегом"]),
        ]
        assert [one["number"] for one in hit["reasons"]["pictures"]] == [1, 2]
        assert hit["snippet"] == "Новости Ёлки"

    def test_a_picture_alone_is_shown_by_its_words(self, bob, channel):
        post = self.post(channel, text="")
        analyzed(post, ("", ""), ("расписание трамвая", ""))

        [hit] = ask(bob, "расписание")["hits"]

        assert hit["snippet"] == "расписание трамвая"
        assert [one["number"] for one in hit["reasons"]["pictures"]] == [2]

    def test_what_was_analyzed_before_pictures_were_told_apart_is_shown(self, bob, channel):
        post = self.post(channel)
        make.enrichment(
            post, vision_ocr_text="снег", vision_description="гора", data={"analyses": 5}
        )
        index(post)

        [match] = ask(bob, "снег")["hits"][0]["matches"]

        assert (match["field"], match["picture"]) == ("picture_text", None)

    def test_names_of_files_are_matches_too(self, bob, channel):
        post = make.post(of=channel, content="см. файл", media_name="План-двора.pdf")
        Post.objects.filter(pk=post.pk).update(other_words="План-двора.pdf\nПлан двора pdf")
        index(post)

        [match] = ask(bob, "двор")["hits"][0]["matches"]

        assert (match["field"], match["text"]) == ("other", "План-двора.pdf")

    def test_a_page_takes_as_many_queries_for_ten_hits_as_for_one(self, bob, channel):
        def queries(limit):
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert len(ask(bob, "снег", limit=limit)["hits"]) == limit
            return len(captured)

        for _ in range(10):
            analyzed(self.post(channel, "снег"), ("снег", "снег"), ("", "снег"))
        album(channel, "снег", "снег")
        queries(1)

        assert queries(10) <= queries(1) + 1  # one of the ten may be the album

    def test_the_page_shows_them_safely(self, bob, channel):
        analyzed(self.post(channel), ("снег <script>alert(1)</script>", ""), ("", ""))

        page = bob.get("/admin/find/", {"q": "снег"}).content.decode()

        assert "<mark>снег</mark> &lt;script&gt;" in page
        assert "<script>alert" not in page
        assert "in picture 1 of 2" in page


class TestSimilar:
    def pictured(self, channel, bits, text="", *, body=b""):
        media = make.media_object(owner=channel.tenant, body=body)
        hash_index.remember(
            tenant=channel.tenant, sha256=media.file_sha256, phash=PHash(bits << 100, 16)
        )
        return write(channel, text, media=[media])

    def test_by_meaning_the_nearest_come_first_and_not_itself(self, bob, channel):
        post = write(channel, "кошка спит на окне")
        near = write(channel, "кошка спит на диване")
        far = write(channel, "биржа закрылась ростом")

        body = get(bob, SIMILAR, post=str(post.pk), by="meaning")

        assert (body["post_id"], body["degraded"]) == (str(post.pk), [])
        assert ids(body) == keys(near, far)
        distances = [hit["reasons"]["distance"] for hit in body["hits"]]
        assert distances == sorted(distances)

    @pytest.mark.parametrize("name", ["t.me/mountains/45", "45", "{pk}", " {pk} "])
    def test_the_post_is_named_by_id_link_or_number(self, bob, channel, name):
        post = write(channel, "кошка спит", telegram_message_id=45)

        assert get(bob, SIMILAR, post=name.format(pk=post.pk))["post_id"] == str(post.pk)

    def test_by_picture_copies_come_first_the_nearest_before_the_others(self, bob, channel):
        post = self.pictured(channel, 0b1111)
        near = self.pictured(channel, 0b11111111)
        nearer = self.pictured(channel, 0b111111)
        self.pictured(channel, (1 << 60) - 1)
        same = make.post(of=channel, content="", media=[post.post_media.get().media_object])
        index(same)

        body = get(bob, SIMILAR, post=str(post.pk), by="picture")

        assert ids(body) == keys(same, nearer, near)
        found = [hit["reasons"]["same_picture"]["distance"] for hit in body["hits"]]
        assert found == [0, 2, 4]
        assert [len(hit["reasons"]["pictures"]) for hit in body["hits"]] == [1, 1, 1]

    def test_a_copy_that_shares_an_analysis_is_found_from_either_side(self, bob, channel):
        source, copy = self.pictured(channel, 0b1111), self.pictured(channel, 0b111111)
        shas = [one.post_media.get().media_object.file_sha256 for one in (source, copy)]
        hash_index.reuse(
            tenant=channel.tenant, sha256=shas[1], source=hash_index.HashMatch(shas[0], 2)
        )

        assert ids(get(bob, SIMILAR, post=str(source.pk), by="picture")) == keys(copy)
        assert ids(get(bob, SIMILAR, post=str(copy.pk), by="picture")) == keys(source)

    @pytest.mark.django_db(transaction=True)
    def test_without_a_paid_provider_copies_are_found_as_well(self, archive, ocr):
        """Nothing is configured but Tesseract; Telegram compressed the second picture again."""
        [photo] = SAMPLE.glob("photo_1@*.jpg")
        [another] = SAMPLE.glob("photo_8@*.jpg")
        post = archive.post(photo.read_bytes())
        copy = archive.post(compressed_again(photo))
        archive.post(another.read_bytes())

        worker.drain("vision")

        found = similar_to(post, by=By.PICTURE).hits
        assert [hit.post_id for hit in found.hits] == [copy.pk]
        assert found.hits[0].picture.distance <= 10

    def test_what_a_person_marked_as_distinct_is_no_copy(self, bob, channel):
        one, two = self.pictured(channel, 0b1111), self.pictured(channel, 0b111111)
        first, second = (p.post_media.get().media_object.file_sha256 for p in (one, two))
        make.distinctions.mark_distinct(
            tenant=channel.tenant, first=first, second=second, user=make.superuser(), now=make.NOW
        )

        assert ids(get(bob, SIMILAR, post=str(one.pk), by="picture")) == []

    def test_thumbnails_make_no_posts_alike(self, bob, channel):
        thumbnail = make.media_object(owner=channel.tenant)
        one, two = write(channel, "раз"), write(channel, "два")
        for post in (one, two):
            make.show(post, thumbnail, role=MediaRole.THUMBNAIL)

        assert ids(get(bob, SIMILAR, post=str(one.pk), by="picture")) == []

    def test_by_any_pictures_come_first_then_meaning(self, bob, channel):
        post = self.pictured(channel, 0b1111, "кошка спит")
        copy = self.pictured(channel, 0b111111, "курс валют")
        near = write(channel, "кошка спит")

        assert ids(get(bob, SIMILAR, post=str(post.pk))) == keys(copy, near)

    def test_an_album_is_one_hit_and_its_own_items_are_none(self, bob, channel):
        own = album(channel, "кошка спит", "кошка ест")
        others = album(channel, "кошка спит", "кошка ест")

        [hit] = get(bob, SIMILAR, post=str(own[0].pk))["hits"]

        assert hit["post_id"] in keys(*others)
        assert hit["album"]["items"] == 2

    def test_without_vectors_it_goes_by_words_and_says_so(self, bob, channel):
        post = make.post(of=channel, content="кошка спит на диване")
        near, _ = (make.post(of=channel, content=text) for text in ("кошка на диване", "биржа"))
        index_words([one.pk for one in Post.objects.all()], now=timezone.now())

        body = get(bob, SIMILAR, post=str(post.pk))

        assert ids(body) == keys(near)
        assert body["degraded"] == ["only by words: the meaning of this post is not indexed"]

    def test_a_post_without_text_and_picture_is_like_none(self, bob, channel):
        post = write(channel, "")
        write(channel, "кошка")

        body = get(bob, SIMILAR, post=str(post.pk))

        assert (ids(body), body["degraded"]) == ([], [])

    def test_nothing_of_others_is_shown_or_found(self, bob, channel, other):
        media = b"the same file"
        mine = self.pictured(channel, 0b1111, "кошка спит", body=media)
        foreign = self.pictured(other, 0b1111, "кошка спит", body=media)

        assert ids(get(bob, SIMILAR, post=str(mine.pk))) == []
        for name in (str(foreign.pk), foreign.telegram_post_url, "nothing", "77777"):
            assert bob.get(SIMILAR, {"post": name}).status_code == 404
            page = bob.get("/admin/find/", {"like": name}).content.decode()
            assert "There is no such post." in page
            assert "кошка" not in page

    @pytest.mark.parametrize(
        "parameters", [{}, {"post": ""}, {"post": "45", "by": "taste"}, {"post": "45", "limit": "0"},
                       {"post": "x" * 301}],
    )  # fmt: skip
    def test_a_bad_value_is_refused(self, bob, channel, parameters):
        assert bob.get(SIMILAR, parameters).status_code == 422

    @pytest.mark.parametrize("name", ["\x00", "\ud800", "'", "9" * 300, "t.me/a/" + "9" * 19])
    def test_any_name_of_a_post_will_do(self, bob, channel, name):
        address = f"{SIMILAR}?post={name.encode('utf-8', 'replace').decode()}"
        assert bob.get(address.replace("\x00", "%00")).status_code in {404, 422}
        assert bob.get("/admin/find/", {"like": name.replace("\ud800", "")}).status_code == 200

    def test_the_page_of_hits_leads_there(self, bob, channel):
        post, near = write(channel, "кошка спит"), write(channel, "кошка ест")

        page = bob.get("/admin/find/", {"q": "спит"}).content.decode()
        alike = bob.get("/admin/find/", {"like": str(post.pk)}).content.decode()

        assert f'href="?like={post.pk}"' in page
        assert f"/media/post/{near.pk}/" in alike


class TestCommand:
    def run(self, *arguments):
        out, err = StringIO(), StringIO()
        with override("en"):
            call_command("search", *arguments, stdout=out, stderr=err)
        return out.getvalue()

    def test_like_prints_similar_posts_and_why(self, channel):
        post, near = write(channel, "кошка спит"), write(channel, "кошка спит и ест")

        report = json.loads(self.run("--like", str(post.pk), "--by", "meaning", "--json"))
        text = self.run("--like", post.telegram_post_url)

        assert [hit["post_id"] for hit in report["hits"]] == keys(near)
        assert "кошка спит и ест" in text
        assert "distance of meaning" in text

    def test_people_read_how_much_of_an_album_matches_and_where_words_stand(self, channel):
        items = album(channel, "утро", "день")
        analyzed(items[1], ("снег", ""))

        text = self.run("снег")

        assert "album: 1 of 2 items match" in text
        assert "утро" not in text

    def test_a_post_that_does_not_exist_and_a_query_beside_it_are_refused(self, channel):
        for arguments in (["--like", "45"], [], ["снег", "--like", "45"]):
            with pytest.raises(CommandError):
                self.run(*arguments)
