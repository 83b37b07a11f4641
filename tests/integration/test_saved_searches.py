"""Saved searches: what matches is told once, to whoever may see it, and to nobody else."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry, Membership, Scope, User
from events.delivery import worker
from events.models import OutboxEvent
from events.outbox.publishing import publish
from media.history.record import absence, live
from media.history.record.origins import live_origin
from media.models import Post, PostSource
from media.posts import post_events
from search.models import SavedSearch, SearchDocument, SearchMatch
from search.saved import follow, keep
from search.saved.follow import index_and_match
from search.saved.keep import SavedSearchRefused
from search.saved.matches import matches_of, saved_searches, unseen_count
from tests import factories as make
from tests.tokens import token_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

API = "/api/v1/search/saved"


@pytest.fixture
def channel():
    return make.channel(title="Горные новости", username="mountains")


@pytest.fixture
def anna(channel):
    return make.member("viewer", channel.tenant)


@pytest.fixture
def client(anna):
    client = Client()
    client.force_login(anna)
    return client


def save(user, text, **more):
    # Every fixture's rows were made before, as those of an archive were.
    return keep.save(user, text, now=timezone.now(), **more)


def write(of, text, **fields):
    """A post comes in, and its event is handled."""
    post = make.post(of=of, content=text, **fields)
    index_and_match([post.pk], now=timezone.now())
    return post


def edit(post, text):
    Post.objects.filter(pk=post.pk).update(content=text)
    index_and_match([post.pk], now=timezone.now())


def old(post):
    """Let the post have come in a day ago."""
    Post.objects.filter(pk=post.pk).update(created_at=timezone.now() - timedelta(days=1))
    return post


def matched(kept):
    return set(SearchMatch.objects.filter(saved_search=kept).values_list("post", flat=True))


def told():
    return list(OutboxEvent.objects.filter(topic="search.matched").order_by("pk"))


class TestWhatMatches:
    @pytest.mark.parametrize(
        ("query", "text", "matches"),
        [
            ("снег горы", "В горах выпал снег", True),
            ("снег горы", "Снег в городе", False),  # each word is needed
            ("снег", "Снега много, снегом замело", True),
            ("ёлка", "Елки продают", True),
            ("елка", "Ёлки продают", True),
            ("snow", "It snowed; SNOWS again", True),
            ("snow in the mountains", "Snow on a mountain", True),
            ("снег и в", "снег", True),  # words that PostgreSQL leaves out
            ('"первый снег"', "Вот и первый снег", True),
            ('"первый снег"', "Снег, а первый или нет", False),
            ("#зима", "Холодно #Зима", True),
            ("#зима", "зима", False),
            ("снег -реклама", "снег и реклама", False),
            ("снег channel:@mountains", "снег", True),
            ("снег -channel:@mountains", "снег", False),
            ("has:link", "см. https://example.org", False),  # see `urls` below
            ("снег lang:en", "снег идёт с самого утра и не кончается", False),
            ("снегопаж", "снегопад", False),  # nothing is corrected
        ],
    )
    def test_all_words_phrases_tags_and_conditions(self, channel, anna, query, text, matches):
        kept = save(anna, query)

        post = write(channel, text)

        assert matched(kept) == ({post.pk} if matches else set())

    def test_conditions_alone(self, channel, anna):
        kept = save(anna, "has:link from:анна")

        post = write(channel, "x", urls=["https://example.org"], post_author="Анна")
        write(channel, "x", urls=["https://example.org"], post_author="Борис")

        assert matched(kept) == {post.pk}

    def test_words_seen_in_a_picture_that_are_known_later(self, channel, anna):
        kept = save(anna, "кот")
        post = write(channel, "без слов")
        assert matched(kept) == set()

        Post.objects.filter(pk=post.pk).update(picture_words="рыжий кот")
        index_and_match([post.pk], now=timezone.now())

        assert matched(kept) == {post.pk}

    def test_relative_dates_move_on(self, channel, anna):
        kept = save(anna, "снег after:7d")
        recent = write(channel, "снег", at=timezone.now())
        write(channel, "снег", at=timezone.now() - timedelta(days=30))

        assert matched(kept) == {recent.pk}

    def test_dates_are_those_of_the_zone_of_the_user(self, channel, anna):
        anna.time_zone = "Asia/Kamchatka"
        anna.save()
        now = timezone.now()
        kept = save(anna, "снег on:2026-11-02")

        early = write(channel, "снег", posted_at=now.replace(2026, 11, 1, 13))
        write(channel, "снег", posted_at=now.replace(2026, 11, 2, 13))

        assert matched(kept) == {early.pk}


class TestOnce:
    def test_a_match_is_told_once_however_often_the_post_is_indexed(self, channel, anna):
        kept = save(anna, "снег")
        post = write(channel, "снег")
        edit(post, "снег!")
        edit(post, "дождь")
        edit(post, "снова снег")

        [event] = told()
        assert event.payload["saved_search_id"] == str(kept.pk)
        assert event.payload["post_id"] == str(post.pk)
        assert event.payload["user_id"] == str(anna.pk)
        assert event.tenant_id == str(channel.tenant_id)
        assert SearchMatch.objects.count() == 1

    def test_the_event_has_neither_the_name_nor_the_query(self, channel, anna):
        save(anna, "развод", name="личное")
        write(channel, "развод мостов")

        [event] = told()

        assert "личное" not in json.dumps(event.payload, ensure_ascii=False)
        assert "развод" not in json.dumps(event.payload, ensure_ascii=False)

    def test_each_search_of_each_user_is_told(self, channel, anna):
        boris = make.member("operator", channel.tenant)
        kept = [save(anna, "снег"), save(anna, "идёт"), save(boris, "снег")]
        post = write(channel, "снег идёт")

        assert [matched(one) for one in kept] == [{post.pk}] * 3
        assert len(told()) == 3

    def test_an_edit_that_makes_an_old_post_match_is_told(self, channel, anna):
        post = old(write(channel, "дождь"))
        kept = save(anna, "снег")

        edit(post, "снег")

        assert matched(kept) == {post.pk}

    def test_what_matched_already_when_it_was_saved_is_not_told_by_a_change(self, channel, anna):
        post = old(write(channel, "снег"))
        kept = save(anna, "снег")

        edit(post, "снег и дождь")

        assert matched(kept) == set()

    def test_an_index_that_is_built_again_tells_nothing_of_old_posts(self, channel, anna):
        posts = [old(write(channel, "снег")) for _ in range(3)]
        kept = save(anna, "снег")
        fresh = write(channel, "снег")
        SearchDocument.objects.all().delete()

        index_and_match([*(post.pk for post in posts), fresh.pk], now=timezone.now())

        assert matched(kept) == {fresh.pk}
        assert len(told()) == 1

    def test_what_is_indexed_by_the_command_first_is_told_all_the_same(self, channel, anna):
        kept = save(anna, "снег")
        post = make.post(of=channel, content="снег")
        call_command("rebuild_index", "--words-only", stdout=StringIO(), stderr=StringIO())

        index_and_match([post.pk], now=timezone.now())

        assert matched(kept) == {post.pk}
        assert len(told()) == 1

    def test_a_post_that_came_just_before_and_is_indexed_just_after(self, channel, anna):
        post = make.post(of=channel, content="снег")
        Post.objects.filter(pk=post.pk).update(created_at=timezone.now() - timedelta(minutes=2))
        kept = save(anna, "снег")

        index_and_match([post.pk], now=timezone.now())

        assert matched(kept) == {post.pk}

    def test_by_its_event(self, channel, anna):
        kept = save(anna, "снег")
        post = make.post(of=channel, content="снег")
        with transaction.atomic():
            publish(post_events.parsed(post, channel, [], first=True, trace_id="t1"))

        worker.drain("search")

        assert matched(kept) == {post.pk}

    def test_if_the_index_cannot_be_written_nothing_is_told(self, channel, anna, monkeypatch):
        save(anna, "снег")
        post = make.post(of=channel, content="снег")
        monkeypatch.setattr("search.saved.follow.publish_many", _fails)

        with pytest.raises(RuntimeError):
            index_and_match([post.pk], now=timezone.now())
        monkeypatch.undo()

        assert not SearchDocument.objects.exists()
        assert not SearchMatch.objects.exists()
        index_and_match([post.pk], now=timezone.now())
        assert len(told()) == 1


def _fails(*_args, **_more):
    raise RuntimeError("killed")


class TestDeletions:
    """`is:deleted` is no matter of the index: saved searches are asked when it happens."""

    @pytest.fixture
    def post(self, channel):
        return old(write(channel, "снег"))

    @staticmethod
    def delete(post, moment=None):
        at = moment or timezone.now()
        origin = live_origin("7900", now=at)
        live.record_deletions(post.channel, [post.telegram_message_id], origin=origin, at=at)
        worker.drain("search")

    @staticmethod
    def see_again(post):
        PostSource.objects.filter(post=post).update(version=PostSource.SEEN)
        with transaction.atomic():
            absence.settle(post.channel, after_id=None, ids=[post.telegram_message_id])
        worker.drain("search")

    @pytest.mark.parametrize("query", ["is:deleted", "снег is:deleted", "is:deleted from:анна"])
    def test_an_old_post_that_is_deleted_is_told_once(self, channel, anna, post, query):
        kept, other = save(anna, query), save(anna, "дождь is:deleted")
        Post.objects.filter(pk=post.pk).update(post_author="Анна")
        index_and_match([post.pk], now=timezone.now())

        self.delete(post)
        self.delete(post)
        edit(post, "снег!")

        assert (matched(kept), matched(other)) == ({post.pk}, set())
        assert [event.payload["saved_search_id"] for event in told()] == [str(kept.pk)]

    def test_a_search_for_words_hears_nothing_of_it(self, anna, post):
        kept = save(anna, "снег has:text")

        self.delete(post)

        assert matched(kept) == set()

    def test_what_was_deleted_before_it_was_saved_is_not_told(self, anna, post):
        self.delete(post)
        kept = save(anna, "снег is:deleted")

        edit(post, "снег!")
        self.delete(post, timezone.now() - timedelta(hours=1))  # more is known of the same deletion

        assert matched(kept) == set()

    def test_one_that_is_seen_again_is_no_deleted_one(self, anna, post):
        self.delete(post, timezone.now() - timedelta(hours=2))
        kept, gone = save(anna, "снег -is:deleted"), save(anna, "снег is:deleted")

        self.see_again(post)

        assert (matched(kept), matched(gone)) == ({post.pk}, set())

    def test_of_another_tenant_nothing_is_told(self, anna):
        kept = save(anna, "is:deleted")

        self.delete(old(write(make.channel(title="Чужие"), "снег")))

        assert (matched(kept), told()) == (set(), [])


class TestWhoMaySee:
    def test_posts_of_other_tenants_never_match(self, channel, anna):
        kept = save(anna, "снег")
        write(make.channel(title="Чужие"), "снег")

        assert matched(kept) == set()
        assert told() == []

    def test_of_a_batch_of_several_tenants_each_is_told_of_its_own(self, channel, anna):
        other = make.channel(title="Море")
        boris = make.member("viewer", other.tenant)
        hers, his, both = (
            save(anna, "снег"), save(boris, "снег"), save(make.superuser(), "снег has:text")
        )  # fmt: skip
        mine, theirs = make.post(of=channel, content="снег"), make.post(of=other, content="снег")

        index_and_match([mine.pk, theirs.pk], now=timezone.now())

        assert [matched(one) for one in (hers, his, both)] == [
            {mine.pk}, {theirs.pk}, {mine.pk, theirs.pk}
        ]  # fmt: skip

    def test_who_is_no_member_any_more_is_told_nothing_and_sees_nothing(self, channel, anna):
        kept = save(anna, "снег")
        write(channel, "снег")
        assert unseen_count(anna) == 1

        Membership.objects.filter(user=anna).delete()
        anna = User.objects.get(pk=anna.pk)
        write(channel, "снег ещё раз")

        assert len(told()) == 1
        assert unseen_count(anna) == 0
        assert not matches_of(kept, anna).exists()
        assert [(one.total, one.unseen) for one in saved_searches(anna)] == [(0, 0)]

    def test_a_deactivated_user_is_told_nothing(self, channel, anna):
        save(anna, "снег")
        User.objects.filter(pk=anna.pk).update(is_active=False)

        write(channel, "снег")

        assert told() == []

    def test_of_two_tenants_the_one_that_is_left_goes_on(self, channel):
        other = make.channel(title="Море")
        boris = make.member("viewer", channel.tenant, other.tenant)
        kept = save(boris, "снег")
        Membership.objects.filter(user=boris, tenant=channel.tenant).delete()

        write(channel, "снег")
        seen = write(other, "снег")

        assert matched(kept) == {seen.pk}

    def test_a_superuser_is_told_of_every_tenant(self, channel):
        root = make.superuser()
        kept = save(root, "снег")

        post = write(channel, "снег")

        assert matched(kept) == {post.pk}


class TestKeeping:
    @pytest.mark.parametrize(
        ("query", "reason"),
        [
            ("", "nothing_asked"),
            ("  !!! :) ", "nothing_asked"),
            ("и в на", "nothing_asked"),
            ("снег after:вчерась", "problems"),
            ("снег channel:@nobody", "problems"),
            ("is:unknown", "problems"),
            ("снег " * 400, "problems"),
        ],
    )
    def test_a_query_that_cannot_work_is_refused_when_it_is_saved(self, anna, query, reason):
        with pytest.raises(SavedSearchRefused) as refusal:
            save(anna, query)

        assert refusal.value.reason == reason
        assert str(refusal.value)
        assert not SavedSearch.objects.exists()

    def test_a_query_that_matches_nearly_everything_is_refused_with_its_figures(
        self, channel, anna
    ):
        posts = [make.post(of=channel, content=f"снег {n % 2 or 'дождь'}") for n in range(100)]
        index_and_match([post.pk for post in posts], now=timezone.now())

        with pytest.raises(SavedSearchRefused, match="100") as refusal:
            save(anna, "снег")

        assert refusal.value.reason == "too_wide"
        with pytest.raises(SavedSearchRefused):
            save(anna, "-реклама")
        assert save(anna, "дождь")  # just half of them

    def test_the_same_twice_and_too_many_are_refused(self, anna, monkeypatch):
        monkeypatch.setattr(keep, "MOST_SAVED", 2)
        save(anna, "снег")
        for text, reason in (("снег ", "already_saved"), ("дождь", ""), ("град", "too_many")):
            if reason:
                with pytest.raises(SavedSearchRefused) as refusal:
                    save(anna, text)
                assert refusal.value.reason == reason
            else:
                save(anna, text)

    def test_what_came_while_it_was_paused_is_not_told_later(self, channel, anna):
        kept = save(anna, "снег")
        keep.change(kept, is_paused=True, now=timezone.now())
        old(write(channel, "снег"))
        keep.change(kept, is_paused=False, now=timezone.now())
        assert matched(kept) == set()

        post = write(channel, "снег")

        assert matched(kept) == {post.pk}

    def test_a_changed_query_keeps_its_matches_and_begins_anew(self, channel, anna):
        kept = save(anna, "снег")
        first = write(channel, "снег")
        keep.change(kept, text="дождь", now=timezone.now())
        second = write(channel, "дождь")

        assert matched(kept) == {first.pk, second.pk}
        assert SavedSearch.objects.get().name == "снег"

    def test_what_two_change_at_once_is_both_done(self, anna):
        first = save(anna, "снег")
        second = SavedSearch.objects.get()
        keep.change(first, is_paused=True, now=timezone.now())
        keep.change(second, name="Зима", now=timezone.now())

        kept = SavedSearch.objects.get()
        assert (kept.name, kept.is_paused) == ("Зима", True)

    def test_one_that_was_deleted_meanwhile_is_not_there(self, anna):
        kept = save(anna, "снег")
        keep.forget(SavedSearch.objects.get())

        with pytest.raises(SavedSearchRefused) as refusal:
            keep.change(kept, name="Зима", now=timezone.now())
        keep.forget(kept)

        assert (refusal.value.http_status, refusal.value.code) == (404, "not_found")
        assert AuditEntry.objects.filter(event="saved_search.deleted").count() == 1

    @pytest.mark.parametrize("change", [{"text": "дождь"}, {"is_paused": True}, None])
    def test_one_that_changes_or_goes_while_it_is_asked_is_told_nothing(
        self, channel, anna, change, monkeypatch
    ):
        """And the posts are indexed: a match of a search that is gone would undo all of it."""
        save(anna, "снег")
        save(anna, "мокрый снег")
        read = follow._followed

        def changed_after_that(*args, **kwargs):
            found, row = read(*args, **kwargs), SavedSearch.objects.get(text="снег")
            keep.change(row, **change, now=timezone.now()) if change else keep.forget(row)
            return found

        monkeypatch.setattr(follow, "_followed", changed_after_that)
        post = write(channel, "мокрый снег")

        assert [m.saved_search.text for m in SearchMatch.objects.all()] == ["мокрый снег"]
        assert SearchDocument.objects.filter(pk=post.pk).exists()

    def test_text_that_no_database_takes(self, anna):
        kept = save(anna, "снег\0 \ud800", name="\0имя\udfff")

        kept.refresh_from_db()
        assert kept.text == "снег  ?"

    def test_keeping_is_in_the_audit_without_the_query(self, anna):
        kept = save(anna, "тайна")
        keep.change(kept, is_paused=True, now=timezone.now())
        keep.forget(kept)

        entries = AuditEntry.objects.filter(event__startswith="saved_search").order_by("pk")
        assert [entry.event.partition(".")[2] for entry in entries] == [
            "saved", "changed", "deleted",
        ]  # fmt: skip
        assert "тайна" not in f"{[(e.before, e.after, e.object_name) for e in entries]}"


class TestCost:
    def test_the_statements_do_not_grow_with_the_number_of_searches(self, channel, anna):
        def statements():
            post = make.post(of=channel, content="снег")
            with CaptureQueriesContext(connection) as made:
                index_and_match([post.pk], now=timezone.now())
            return len(made)

        save(anna, "слово0")
        one = statements()
        for number in range(1, 20):
            save(anna, f"слово{number} -has:video")
            save(make.member("viewer", channel.tenant), f"слово{number}")

        assert statements() == one

    def test_a_search_whose_words_a_post_lacks_is_not_read_for_it(self, channel, anna, monkeypatch):
        save(anna, "снег after:1d")
        write(channel, "дождь")
        read = []
        monkeypatch.setattr(follow, "demands", lambda asked, **_: read.extend(asked) or [])

        write(channel, "дождь, а не метель")

        assert read == []

    def test_without_saved_searches_nothing_is_asked_of_the_documents(self, channel):
        post = make.post(of=channel, content="снег")

        with CaptureQueriesContext(connection) as made:
            index_and_match([post.pk], now=timezone.now())

        assert not [q for q in made.captured_queries if "search_match" in q["sql"]]


class TestApi:
    def test_saving_listing_changing_deleting(self, client, channel):
        answer = client.post(API, {"q": "снег", "name": "Зима"}, content_type="application/json")
        assert answer.status_code == 201, answer.content
        made = answer.json()
        assert (made["name"], made["q"], made["paused"]) == ("Зима", "снег", False)
        assert (made["matches"], made["unseen"]) == (0, 0)
        write(channel, "снег")

        [listed] = client.get(API).json()
        assert (listed["id"], listed["matches"], listed["unseen"]) == (made["id"], 1, 1)

        changed = client.patch(
            f"{API}/{made['id']}", {"paused": True, "name": ""}, content_type="application/json"
        ).json()
        assert (changed["paused"], changed["name"]) == (True, "снег")

        assert client.delete(f"{API}/{made['id']}").status_code == 204
        assert client.get(f"{API}/{made['id']}").status_code == 404
        assert not SearchMatch.objects.exists()

    def test_matches_come_in_pages_and_can_be_marked_as_seen(self, client, anna, channel):
        kept = save(anna, "снег")
        posts = [write(channel, f"снег {n}") for n in range(3)]

        page = client.get(f"{API}/{kept.pk}/matches?page_size=2").json()
        assert (page["total"], page["page_size"]) == (3, 2)
        assert [one["post_id"] for one in page["results"]] == [
            str(post.pk) for post in posts[:0:-1]
        ]
        assert page["results"][0]["channel"] == "Горные новости"

        chosen = [one["id"] for one in page["results"]]
        seen = f"{API}/{kept.pk}/seen"
        marked = client.post(seen, {"matches": chosen}, content_type="application/json").json()
        again = client.post(seen, {"matches": chosen}, content_type="application/json").json()
        assert (marked, again) == ({"marked": 2}, {"marked": 0})
        left = client.get(f"{API}/{kept.pk}/matches?unseen=true").json()
        assert [one["post_id"] for one in left["results"]] == [str(posts[0].pk)]
        assert client.post(seen, {}, content_type="application/json").json() == {"marked": 1}
        assert client.get(f"{API}/{kept.pk}").json()["unseen"] == 0

    @pytest.mark.parametrize(
        "body",
        [{}, {"q": ""}, {"q": "a" * 1001}, {"q": "и"}, {"q": "снег on:32"}, {"q": ["a"]},
         {"q": "a\0"}, {"q": "снег", "name": "n" * 101}],
    )  # fmt: skip
    def test_a_bad_body_is_refused(self, client, body):
        answer = client.post(API, body, content_type="application/json")

        assert answer.status_code == 422
        assert not SavedSearch.objects.exists()

    def test_a_refusal_names_what_is_wrong(self, client):
        answer = client.post(API, {"q": "снег after:завтрева"}, content_type="application/json")

        body = answer.json()
        assert (body["code"], body["reason"]) == ("saved_search_refused", "problems")
        assert body["problems"] == [{"code": "bad_date", "text": "after:завтрева"}]

    def test_nobody_reaches_the_searches_of_others(self, client, channel):
        boris = make.member("administrator", channel.tenant)
        kept = save(boris, "снег")
        address = f"{API}/{kept.pk}"

        answers = [
            client.get(address), client.delete(address), client.get(f"{address}/matches"),
            client.patch(address, {"paused": True}, content_type="application/json"),
            client.post(f"{address}/seen", {}, content_type="application/json"),
        ]  # fmt: skip

        assert {answer.status_code for answer in answers} == {404}
        assert client.get(API).json() == []
        assert not SavedSearch.objects.get().is_paused

    def test_a_token_for_reading_reads(self, channel):
        boris = make.member("operator", channel.tenant)
        kept = save(boris, "снег")
        _, reading = token_of(boris, Scope.READ)
        _, writing = token_of(boris, Scope.OPERATE)
        client, more = Client(), {"content_type": "application/json"}

        assert client.get(API, headers=reading).status_code == 200
        assert client.post(API, {"q": "x1"}, headers=reading, **more).status_code == 403
        assert client.delete(f"{API}/{kept.pk}", headers=reading).status_code == 403
        assert client.post(API, {"q": "x1"}, headers=writing, **more).status_code == 201

    def test_a_token_of_one_tenant_shows_its_matches_only(self, channel):
        other = make.channel()
        boris = make.member("viewer", channel.tenant, other.tenant)
        kept = save(boris, "снег")
        write(channel, "снег")
        seen = write(other, "снег")
        _, headers = token_of(boris, Scope.READ, tenant=other.tenant)

        page = Client().get(f"{API}/{kept.pk}/matches", headers=headers).json()

        assert [one["post_id"] for one in page["results"]] == [str(seen.pk)]
        assert Client().get(API, headers=headers).json()[0]["unseen"] == 1

    @pytest.mark.parametrize("query", ["снег channel:@mountains", "channel:@mountains"])
    def test_a_token_of_one_tenant_finds_out_nothing_of_another_by_a_change(self, channel, query):
        other = make.channel(username="sea")
        boris = make.member("operator", channel.tenant, other.tenant)
        kept = save(boris, "снег")
        _, headers = token_of(boris, Scope.OPERATE, tenant=other.tenant)
        ways = {
            "post": lambda text: Client().post(API, {"q": text}, **of_json),
            "patch": lambda text: Client().patch(f"{API}/{kept.pk}", {"q": text}, **of_json),
        }
        of_json = {"content_type": "application/json", "headers": headers}

        answers = {name: ask(query).json() for name, ask in ways.items()}

        problems = {name: answer["problems"][0]["code"] for name, answer in answers.items()}
        assert problems == {"post": "unknown_channel", "patch": "unknown_channel"}
        assert ways["patch"]("снег channel:@sea").status_code == 200

    @pytest.mark.parametrize("pk", ["x", "00000000-0000-0000-0000-000000000007", "9" * 500])
    def test_an_odd_id(self, client, pk):
        assert client.get(f"{API}/{pk}").status_code in {404, 422}


class TestConsole:
    def test_saving_from_the_search_page(self, client, channel):
        page = client.get("/admin/find/?q=снег+горы").content.decode()
        assert (
            "/admin/saved-searches/?q=%D1%81%D0%BD%D0%B5%D0%B3%20%D0%B3%D0%BE%D1%80%D1%8B" in page
        )

        form = client.get("/admin/saved-searches/?q=снег+горы").content.decode()
        assert 'value="снег горы"' in form
        client.post("/admin/saved-searches/", {"q": "снег горы", "name": "<b>Зима</b>"})
        write(channel, "в горах снег <script>")

        home = client.get("/admin/", headers={"Accept-Language": "en"}).content.decode()
        assert "1 new match" in home
        listed = client.get("/admin/saved-searches/").content.decode()
        assert "<b>Зима" not in listed
        assert "<strong>1</strong>" in listed
        kept = SavedSearch.objects.get()
        matches = client.get(f"/admin/saved-searches/{kept.pk}/").content.decode()
        assert "&lt;script&gt;" in matches
        newest = SearchMatch.objects.latest("pk").pk
        assert f'name="up_to" value="{newest}"' in matches
        client.post(f"/admin/saved-searches/{kept.pk}/", {"up_to": newest})
        assert (
            "new match"
            not in client.get("/admin/", headers={"Accept-Language": "en"}).content.decode()
        )

    def test_pausing_resuming_deleting(self, client, anna):
        kept = save(anna, "снег")
        for action, paused in (("pause", True), ("resume", False)):
            client.post("/admin/saved-searches/", {"do": action, "id": str(kept.pk)})
            kept.refresh_from_db()
            assert kept.is_paused == paused

        client.post("/admin/saved-searches/", {"do": "delete", "id": str(kept.pk)})

        assert not SavedSearch.objects.exists()

    def test_a_refusal_is_said(self, client):
        answer = client.post("/admin/saved-searches/", {"q": "снег after:завтрева"}, follow=True)

        assert "after:завтрева" in answer.content.decode()
        assert not SavedSearch.objects.exists()

    @pytest.mark.parametrize("do", ["pause", "resume", "delete"])
    def test_nobody_touches_those_of_others(self, client, channel, do):
        kept = save(make.member("viewer", channel.tenant), "снег")

        answers = [
            client.post("/admin/saved-searches/", {"do": do, "id": one})
            for one in (str(kept.pk), "00000000-0000-0000-0000-000000000007", "x", "")
        ]

        assert [answer.status_code for answer in answers] == [404] * 4
        assert client.get(f"/admin/saved-searches/{kept.pk}/").status_code == 404
        assert client.post(f"/admin/saved-searches/{kept.pk}/").status_code == 404
        assert not SavedSearch.objects.get().is_paused


class TestCommand:
    @pytest.fixture
    def run(self, anna):
        def _(*arguments, user=anna):
            out = StringIO()
            who = ["--as", user.username] if user else []
            call_command("saved_search", *who, *arguments, stdout=out, stderr=StringIO())
            return out.getvalue()

        return _

    def test_everything(self, run, channel):
        made = json.loads(run("add", "снег", "горы", "--name", "Зима", "--json"))
        post = write(channel, "в горах снег")

        [listed] = json.loads(run("list", "--json"))["searches"]
        assert (listed["q"], listed["unseen"], listed["matches"]) == ("снег горы", 1, 1)
        assert "Зима" in run("list")
        shown = json.loads(run("matches", made["id"], "--unseen", "--mark-seen", "--json"))
        assert [one["post_id"] for one in shown["matches"]] == [str(post.pk)]
        assert json.loads(run("matches", made["id"], "--unseen", "--json"))["matches"] == []
        assert "Горные новости" in run("matches", made["id"])
        assert json.loads(run("pause", made["id"], "--json"))["paused"] is True
        assert json.loads(run("resume", made["id"], "--json"))["paused"] is False
        assert json.loads(run("delete", made["id"], "--json")) == {"deleted": made["id"]}
        assert json.loads(run("list", "--json")) == {"searches": []}

    def test_a_query_that_is_its_own_name_is_listed_once(self, run):
        run("add", "снег", "горы")
        run("add", "лёд", "--name", "Зима")

        listed = run("list")

        assert listed.count("снег горы") == 1
        assert "Зима\n    лёд" in listed

    def test_refusals(self, run, channel):
        foreign = save(make.member("viewer", channel.tenant), "снег")

        with pytest.raises(CommandError, match="--as"):
            run("list", user=None)
        with pytest.raises(CommandError, match=str(foreign.pk)):
            run("delete", str(foreign.pk))
        with pytest.raises(CommandError):
            run("add", "и")
        assert SavedSearch.objects.count() == 1
