"""Rules for tags in the console: a form with a preview, and applying them in the background."""

import os
import signal

import pytest
from django.db import connections
from django.test import Client

from accounts.models import AuditEntry
from events.console import list_of, page_of
from media.models import Post
from tests import factories as make
from tests.integration.test_tagging import tags
from vision.models import PostTag, TagRule
from vision.tagging.by_hand import people
from vision.tagging.rules import rule_jobs, rules

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]
ADD = "/admin/vision/tagrule/add/"


@pytest.fixture
def post() -> Post:
    return make.post(content="О дорогах в горах")


@pytest.fixture
def operator(post) -> Client:
    user, client = make.member("operator", post.tenant), Client()
    user.language = "en"
    user.save()
    client.force_login(user)
    return client


def form(post: Post, **fields) -> dict:
    usual = {"tenant": str(post.tenant_id), "name": "#Путь", "word": "дорога", "channel": "",
             "label": "", "confirmed": ""}  # fmt: skip
    return usual | fields


def confirmed(client: Client, data: dict) -> dict:
    """The form as the preview hands it back."""
    shown = client.post(ADD, data)
    assert shown.status_code == 200
    return data | {"confirmed": shown.context["adminform"].form.data["confirmed"]}


class TestForm:
    def test_it_shows_what_would_be_tagged_and_changes_nothing(self, operator, post) -> None:
        shown = operator.post(ADD, form(post)).content.decode()

        assert "1 posts match, of which 1 do not have the tag" in shown
        assert "О дорогах в горах" in shown
        assert not TagRule.objects.exists()
        assert tags(post) == set()

    def test_sent_again_it_makes_the_rule_for_new_posts(self, operator, post) -> None:
        answer = operator.post(ADD, confirmed(operator, form(post)))

        assert answer.status_code == 302, answer.context["adminform"].form.errors
        rule = TagRule.objects.get()
        assert (rule.tag.name, rule.word, rule.tenant) == ("путь", "дорога", post.tenant)
        assert tags(post) == set()
        assert AuditEntry.objects.filter(event="tag_rule.made").count() == 1

    def test_where_it_is_wished_for_it_is_applied_as_well(self, operator, post) -> None:
        operator.post(ADD, confirmed(operator, form(post, apply="on")))

        assert tags(post) == {"путь"}
        assert AuditEntry.objects.get(event="tag_rule.applied").after["posts"] == 1

    def test_another_condition_after_the_preview_is_previewed_first(self, operator, post) -> None:
        seen = confirmed(operator, form(post))

        assert operator.post(ADD, seen | {"word": "снег"}).status_code == 200
        assert not TagRule.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"name": "!!"}, "A tag needs a letter."),
            ({"word": ""}, "Without a condition every post would get the tag."),
            ({"name": "x" * 65}, "at most 64 characters"),
        ],
    )
    def test_what_is_no_rule_is_said(self, operator, post, fields, said) -> None:
        assert said in operator.post(ADD, form(post, **fields)).content.decode()
        assert not TagRule.objects.exists()

    def test_neither_channels_nor_tenants_of_others_can_be_chosen(self, operator, post) -> None:
        foreign = make.channel(title="Чужой")
        page = operator.get(ADD).content.decode()

        assert "Чужой" not in page
        for fields in ({"tenant": str(foreign.tenant_id)}, {"channel": str(foreign.pk)}):
            answer = operator.post(ADD, form(post, **fields))
            assert "Select a valid choice" in answer.content.decode()
        assert not TagRule.objects.exists()

    def test_whoever_may_only_look_makes_none(self, post) -> None:
        client = Client()
        client.force_login(make.member("viewer", post.tenant))

        assert client.post(ADD, form(post)).status_code == 403


class TestBackground:
    @pytest.fixture
    def rule(self, post, monkeypatch) -> TagRule:
        monkeypatch.setattr(rules, "MOST_POSTS", 2)
        monkeypatch.setattr(rule_jobs, "BATCH", 2)
        for _ in range(4):
            make.post(of=post.channel, content="дороги")
        removed = make.post(of=post.channel, content="дорогой")
        user = make.superuser()
        people.remove(people.add(removed, "путь", user=user, now=make.NOW), user=user, now=make.NOW)
        return rules.make(post.tenant, "путь", word="дорога")

    def test_many_posts_are_tagged_bit_by_bit_and_the_list_says_how_far(
        self, operator, rule
    ) -> None:
        chosen = {"action": "apply_rules", "_selected_action": [str(rule.pk)]}
        answer = operator.post(list_of(TagRule), chosen, follow=True).content.decode()
        assert "1 rule is applied in the background" in answer
        assert "0 of 5 posts" in answer
        rule_jobs.work(now=make.NOW, seconds=-1)  # no time for any
        rule_jobs._batch(rule.pk, now=make.NOW)
        assert "2 of 5 posts" in operator.get(page_of(TagRule, rule.pk)).content.decode()
        assert rule_jobs.work(now=make.NOW) == 3
        rule.refresh_from_db()

        assert (rule.apply_wanted_at, rule.applied_posts) == (None, 5)
        assert PostTag.objects.filter(state="accepted").count() == 5
        events = AuditEntry.objects.filter(event__startswith="tag_rule").order_by("pk")
        assert [one.event for one in events] == [
            "tag_rule.made", "tag_rule.wanted", "tag_rule.applied",
        ]  # fmt: skip
        assert rule_jobs.work(now=make.NOW) == 0

    def test_wished_for_twice_it_is_done_once_and_a_deleted_rule_not_at_all(self, rule) -> None:
        rule_jobs.want(rule, now=make.NOW)
        rule_jobs.want(rule, now=make.NOW)
        assert AuditEntry.objects.filter(event="tag_rule.wanted").count() == 1
        rules.forget(rule)

        assert rule_jobs.work(now=make.NOW) == 0

    def test_the_api_does_the_same(self, operator, rule) -> None:
        address = f"/api/v1/tags/rules/{rule.pk}"

        assert operator.post(f"{address}/apply").json() == {"posts": 0, "in_background": True}
        assert operator.get(address).json()["rule"]["applying_since"]
        rule_jobs.work(now=make.NOW)
        assert operator.get(address).json()["rule"]["applied_posts"] == 5
        assert operator.post(f"{address}/apply").json() == {"posts": 0, "in_background": False}

    @pytest.mark.django_db(transaction=True)
    def test_a_worker_that_is_killed_leaves_nothing_half_done(self, rule) -> None:
        rule_jobs.want(rule, now=make.NOW)
        connections.close_all()
        pid = os.fork()
        if not pid:
            rules.settle = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
            rule_jobs.work(now=make.NOW)
            os._exit(0)
        os.waitpid(pid, 0)
        rule.refresh_from_db()
        assert (rule.applied_posts, PostTag.objects.filter(state="accepted").count()) == (0, 0)

        assert rule_jobs.work(now=make.NOW) == 5

    def test_rules_are_deleted_in_the_console(self, operator, rule) -> None:
        chosen = {"action": "forget_rules", "_selected_action": [str(rule.pk)]}
        operator.post(list_of(TagRule), chosen)

        assert not TagRule.objects.exists()
        assert AuditEntry.objects.filter(event="tag_rule.deleted").count() == 1
