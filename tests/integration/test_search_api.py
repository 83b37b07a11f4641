"""The search through the API and the command: every field, every refusal, and nobody else's posts."""

import json
from io import StringIO
from unicodedata import normalize

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, User
from media.models import Post
from search.services.indexing.index_meaning import index_meaning
from search.services.indexing.index_words import index_words
from tests import factories as make

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

API = "/api/v1/search"


@pytest.fixture
def channel():
    return make.channel(title="Горные новости", username="mountains", tg_channel_id=-1001234567890)


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


def write(of, text, **fields):
    post = make.post(of=of, content=text, **fields)
    index_words([post.pk], now=timezone.now())
    index_meaning([post.pk])
    return str(post.pk)


def ask(client, text, **more):
    answer = client.get(API, {"q": text, **more})
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(body):
    return [hit["post_id"] for hit in body["hits"]]


class TestAnswer:
    def test_a_hit_has_its_post_and_says_why(self, bob, channel):
        picture = make.media_object(owner=channel.tenant)
        found = write(channel, "Снег в горах #зима", media=[picture])

        answer = bob.get(API, {"q": "гора снег #зима"}, headers={"X-Trace-ID": "t1"})
        body = answer.json()

        [hit] = body["hits"]
        assert (body["trace_id"], body["found"]) == ("t1", 1)
        assert body["problems"] == body["degraded"] == []
        assert (hit["post_id"], hit["channel"]) == (found, "Горные новости")
        assert (hit["tenant_id"], hit["channel_id"]) == (str(channel.tenant_id), str(channel.pk))
        assert hit["posted_at"] == timezone.localtime(Post.objects.get().posted_at).isoformat()
        assert hit["media_count"] == 1
        marked = [hit["snippet"][start:end] for start, end in hit["highlights"]]
        assert marked == ["Снег", "горах", "зима"]
        assert {*hit["reasons"]["words"]} >= {"гора", "снег"}
        assert hit["reasons"]["tags"] == ["зима"]
        assert 0 <= hit["reasons"]["distance"] <= 2

    @pytest.mark.costly
    def test_pages_fit_together(self, bob, channel):
        for number in range(7):
            write(channel, f"снег {number}")

        pages = [ids(ask(bob, "снег", limit=3, offset=offset)) for offset in (0, 3, 6, 200)]

        assert [len(page) for page in pages] == [3, 3, 1, 0]
        assert [one for page in pages for one in page] == ids(ask(bob, "снег", limit=100))

    @pytest.mark.parametrize(
        "query",
        [
            {"q": "a", "limit": "0"},
            {"q": "a", "limit": "101"},
            {"q": "a", "limit": "ten"},
            {"q": "a", "limit": "9" * 5000},
            {"q": "a", "offset": "-1"},
            {"q": "a", "offset": "201"},
            {"limit": "1"},
        ],
    )
    def test_a_bad_value_is_refused(self, bob, query):
        assert bob.get(API, query).status_code == 422

    def test_without_the_encoder_it_says_so(self, bob, channel, _no_model_is_loaded):
        found = write(channel, "снег")
        _no_model_is_loaded.failure = "the model is away"

        body = ask(bob, "снег")

        assert ids(body) == [found]
        assert body["degraded"] == ["only by words: the model is away"]


class TestConditions:
    def test_conditions_alone_give_the_newest_posts(self, bob, channel):
        posts = [write(channel, text) for text in ("снег", "дождь", "град")]

        assert ids(ask(bob, "since:1970")) == posts[::-1]
        assert ids(ask(bob, "-дождь")) == [posts[2], posts[0]]
        assert ids(ask(bob, "")) == ids(ask(bob, "!!! :)")) == []

    @pytest.mark.parametrize(
        "name",
        ["@Mountains", "mountains", "горные", '"Горные новости"', "-1001234567890", "1234567890",
         "t.me/mountains"],
    )  # fmt: skip
    def test_a_channel_is_found_by_each_of_its_names(self, bob, channel, name):
        second = make.channel(owner=channel.tenant, title="Море", tg_channel_id=-1009876543210)
        mountains, sea = write(channel, "снег"), write(second, "снег и море")

        assert ids(ask(bob, f"снег channel:{name}")) == [mountains]
        assert ids(ask(bob, f"снег -channel:{name}")) == [sea]

    def test_authors_are_found_in_any_case_and_excluded(self, bob, channel):
        anna = write(channel, "снег", post_author="Анна Ёлкина")
        boris = write(channel, "снег", post_author="Борис")

        assert ids(ask(bob, 'снег from:"анна ёлкина"')) == [anna]
        assert ids(ask(bob, "снег -from:БОРИС")) == [anna]
        assert {*ids(ask(bob, 'снег from:борис from:"Анна Ёлкина"'))} == {anna, boris}

    @pytest.mark.costly
    def test_whole_words_of_an_author_are_enough(self, bob, channel):
        anna = write(channel, "снег", post_author="Анна-Мария Ёлкина (ред.)")
        write(channel, "снег", post_author="Иоанна Елкинаева ред_")

        for name in (
            "анна",
            "Ёлкина",
            "ЕЛКИНА",
            '"мария ёлкина"',
            "ред.",
            '"(ред.)"',
            "анна-мария",
        ):
            assert ids(ask(bob, f"снег from:{name}")) == [anna], name
        for name in ("анн", ".*", "|", r"\w+", "^", "(", "[а-я]+", '"ёлкина анна"', "***=а"):
            assert ids(ask(bob, f"снег from:{name}")) == [], name

    def test_an_author_whose_name_came_through_a_mac_is_found(self, bob, channel):
        anna = write(channel, "снег", post_author=normalize("NFD", "Анна Ёлкина-Йорк"))

        for name in ("ёлкина", "Елкина", "йорк", normalize("NFD", "йорк")):
            assert ids(ask(bob, f"снег from:{name}")) == [anna], name

    @pytest.mark.parametrize("common", ['"и в"', '"не"', '-"и не"', '"AT&T"', "№", "-№"])
    def test_what_has_only_words_that_the_index_leaves_out_is_said(self, bob, channel, common):
        write(channel, "снег и в горах не тает, AT&T")

        answer = ask(bob, f"снег {common}")

        assert len(answer["hits"]) == 1
        [problem] = answer["problems"]
        assert (problem["code"], problem["text"]) == ("too_common", common)
        assert ask(bob, '"не тает"')["problems"] == []

    def test_what_posts_have(self, bob, channel):
        text = write(channel, "снег")
        tagged = write(channel, "снег #зима")
        forward = write(channel, "снег", is_forward=True)

        assert ids(ask(bob, "has:hashtag")) == ids(ask(bob, "tag:Зима")) == [tagged]
        assert ids(ask(bob, "is:forward")) == [forward]
        assert ids(ask(bob, "снег -is:forward -#зима")) == [text]
        assert ids(ask(bob, "снег has:video")) == []

    def test_a_day_is_that_of_the_time_zone_of_whoever_asks(self, bob, channel):
        User.objects.filter(username="bob").update(time_zone="Asia/Vladivostok")
        late = write(channel, "снег", posted_at=make.NOW.replace(day=20, hour=20))  # the 21st there

        assert ids(ask(bob, "on:2026-11-21")) == [late]
        assert ids(ask(bob, "снег on:2026-11-20")) == ids(ask(bob, "-on:2026-11-21")) == []

    def test_a_problem_of_the_text_has_its_place(self, bob):
        [problem] = ask(bob, "  снег has:nothing")["problems"]

        assert (problem["code"], problem["start"], problem["end"]) == ("unknown_value", 7, 18)


class TestTenants:
    def test_a_channel_of_others_is_one_that_does_not_exist(self, bob, channel, other):
        write(channel, "снег")
        write(other, "снег")

        foreign, none = ask(bob, "снег channel:@foreign"), ask(bob, "снег channel:@nowhere")

        assert ids(foreign) == ids(none) == []
        assert [one["code"] for one in foreign["problems"]] == ["unknown_channel"]
        assert [one["code"] for one in none["problems"]] == ["unknown_channel"]

    def test_nobody_is_answered_who_is_no_member(self, client, other):
        assert client.get(API, {"q": "снег"}).status_code == 401
        client.force_login(User.objects.create_user("stranger"))
        assert client.get(API, {"q": "снег"}).status_code == 403


class TestPage:
    @pytest.mark.costly
    def test_it_shows_hits_remarks_and_the_next_page(self, bob, channel, other):
        posts = [write(channel, f"<b>снег</b> {number}") for number in range(11)]
        write(other, "снег чужой")

        page = bob.get("/admin/find/", {"q": "снег"}).content.decode()
        last = bob.get("/admin/find/", {"q": "снег", "p": "2"}).content.decode()

        shown = [[pk for pk in posts if f"/media/post/{pk}/" in one] for one in (page, last)]
        assert [len(one) for one in shown] == [10, 1]
        assert "чужой" not in page + last
        assert "<b>снег" not in page + last
        assert "<mark>снег</mark>" in last
        assert "p=1" in last
        assert "p=3" not in last

    def test_what_was_not_applied_is_said_and_the_text_is_kept(self, bob, channel):
        write(channel, "снег")

        page = bob.get("/admin/find/", {"q": 'снег channel:@nobody "><script>'}).content.decode()

        assert "channel:@nobody" in page
        assert '"><script>' not in page
        assert 'class="warning"' in page

    @pytest.mark.parametrize("number", ["0", "-1", "x", "999", "9" * 500, "²"])
    def test_any_number_of_a_page_will_do(self, bob, channel, number):
        write(channel, "снег")

        assert bob.get("/admin/find/", {"q": "снег\x00", "p": number}).status_code == 200

    def test_the_index_of_the_console_leads_to_it(self, bob):
        assert 'href="/admin/find/"' in bob.get("/admin/").content.decode()


def test_the_command_prints_problems_with_their_remedy(channel):
    write(channel, "снег")
    out, err = StringIO(), StringIO()

    call_command("search", "снег", "has:nothing", stdout=out, stderr=err)
    assert "снег" in out.getvalue()
    assert "has:nothing" in err.getvalue()

    out = StringIO()
    call_command("search", "снег", "has:nothing", "--json", stdout=out)
    [problem] = json.loads(out.getvalue())["problems"]
    assert (problem["code"], problem["start"]) == ("unknown_value", 5)
    assert problem["remedy"]
