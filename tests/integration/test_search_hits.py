"""What a hit shows: one of an album, and the texts and pictures in which words stand."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from media.models import Post
from search.services import find
from tests import factories as make
from tests.searching import album, analyzed, ask, ids, index, keys, member_of, write

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]


@pytest.fixture
def channel():
    return make.channel(title="Горные новости", username="Mountains", tg_channel_id=-1001234567890)


@pytest.fixture
def bob(channel):
    return member_of(channel)


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

    @pytest.mark.costly
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

    @pytest.mark.costly
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

    @pytest.mark.costly
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


def test_people_read_how_much_of_an_album_matches_and_where_words_stand(channel):
    items, out = album(channel, "утро", "день"), StringIO()
    analyzed(items[1], ("снег", ""))

    with override("en"):
        call_command("search", "снег", stdout=out, stderr=StringIO())

    assert "album: 1 of 2 items match" in out.getvalue()
    assert "утро" not in out.getvalue()
