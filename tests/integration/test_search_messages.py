"""A message by its link or number comes first; conditions on posts; how a query was understood."""

from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import call_command

from media.models import Channel, Post
from media.posts.searched_text import other_words
from tests import factories as make
from tests.searching import ask, ids, keys, member_of, write

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]


@pytest.fixture
def channel():
    return make.channel(title="Горные новости", username="Mountains", tg_channel_id=-1001234567890)


@pytest.fixture
def other():
    """A channel of another tenant."""
    return make.channel(title="Чужие новости", username="foreign")


@pytest.fixture
def bob(channel):
    return member_of(channel)


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
    @pytest.mark.sampled(5)
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

    def test_a_post_that_has_the_link_behind_a_word_follows_too(self, bob, channel):
        named = write(channel, "снег", telegram_message_id=45)
        extra = {"formatting": [[0, 4, "text_link", "https://t.me/mountains/45"]]}
        words = other_words(SimpleNamespace(content="сюда", media_name="", extra=extra))
        mentions = write(channel, "сюда", extra=extra, other_words=words)

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
