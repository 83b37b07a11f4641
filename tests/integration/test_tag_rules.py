"""Rules for tags in the console: a form with a preview, and applying them in the background."""

import os
import signal

import pytest
from django.db import connections
from django.test import Client

from accounts.models import AuditEntry
from events.console import list_of, page_of
from media.models import Post
from media.posts.word_forms import further_forms
from tests import factories as make
from tests.integration.test_tagging import tags
from vision.models import PostTag, TagRule
from vision.tagging import rows
from vision.tagging.by_hand import people, synonyms
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


class TestApplied:
    def test_what_is_only_proposed_lacks_the_tag(self, operator, post) -> None:
        [tag] = rules.rows.tags_of(post.tenant, ["путь"]).values()
        other = make.post(of=post.channel, content="о дороге")
        PostTag.objects.create(
            tenant=post.tenant, post=post, tag=tag, origin="model", state="proposed", confidence=0.5
        )
        user = make.superuser()
        row = people.add(other, "путь", user=user, now=make.NOW)
        people.remove(row, user=user, now=make.NOW)
        rule = rules.make(post.tenant, "путь", word="дорога")
        assert (rules.preview(rule).count, rules.preview(rule).lacking) == (2, 1)

        assert rules.apply(rule, now=make.NOW) == 1
        assert (tags(post), tags(other)) == ({"путь"}, set())
        assert PostTag.objects.get(post=post).origin == "rule"
        assert rules.preview(rule).lacking == 0

    def test_a_number_is_a_word_and_no_messages_id(self, post) -> None:
        number = str(post.telegram_message_id)
        said = make.post(of=post.channel, content=f"Дом {number}")
        rule = rules.make(post.tenant, "дом", word=number)

        assert rules.preview(rule).newest == [said]


WRITTEN = {
    "cpp": "Пишу на C++, с удовольствием",
    "cpp17": "C/C++17 и немного магии",
    "cpp_job": "Ищем c++-разработчика (#c++)",
    "ellipsis": "И вот...C++",
    "sharp": "Курсы C# и F#. Бесплатно",
    "net": "Платформа C#/.NET",
    "dotnet": ".NET-разработчики",
    "asp": "ASP.NET Core",
    "word_net": "net profit, vitamin C.",
    "file": "main.c",
    "tag": "#новости: дороги открыты",
    "word": "Хорошая новость о дороге",
    "age": "Фильм 18+",
    "year": "18 лет",
}


FOUND = {
    "C++": "cpp cpp17 cpp_job ellipsis",
    "#c++": "cpp cpp17 cpp_job ellipsis",
    "C#": "net sharp",
    "f#": "sharp",
    ".NET": "dotnet net",
    "net": "asp dotnet net word_net",
    "C": "cpp17 word_net",
    "18+": "age",
    "#новости": "tag word",
    "дорога": "tag word",
    "C++ or F#": "cpp cpp17 cpp_job ellipsis sharp",
    "C# -.net": "sharp",
    '"разработчик c++"': "cpp_job",
    '"пишу на C++" удовольствие': "cpp",
    "C++ -разработчик -магия": "cpp ellipsis",
    "новости or C++ магия": "cpp17 tag word",
}


def test_words_with_marks_are_found_as_they_are_written_and_others_in_all_forms() -> None:
    first = make.post(content="ни о чём")
    posts = {
        make.post(
            of=first.channel, content=text, other_words="\n".join(further_forms(text))
        ).pk: name
        for name, text in WRITTEN.items()
    }

    found = {word: rules.matching(rules.draft(first.tenant, "тег", word=word)) for word in FOUND}

    names = {word: " ".join(sorted(posts[one.pk] for one in rows)) for word, rows in found.items()}
    assert names == FOUND


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


class TestChangedWhileItIsApplied:
    """Somebody has the tenant's turn, for which the rule waits, and changes it."""

    @pytest.fixture
    def rule(self, post) -> TagRule:
        return rules.make(post.tenant, "путь", word="дорога")

    @pytest.fixture
    def before_it(self, monkeypatch):
        def then(module, do) -> None:
            real = module.in_turn

            def in_turn(name: str) -> None:
                monkeypatch.setattr(module, "in_turn", real)
                do()
                real(name)

            monkeypatch.setattr(module, "in_turn", in_turn)

        return then

    @pytest.fixture(params=["at once", "in the background"])
    def apply(self, request, rule):
        """The module that waits for the turn, and what applies the rule."""
        if request.param == "at once":
            return rules, lambda: rules.apply(rule, now=make.NOW)
        rule_jobs.want(rule, now=make.NOW)
        return rule_jobs, lambda: rule_jobs.work(now=make.NOW)

    def test_one_that_is_deleted_gives_its_tag_to_nobody(self, post, rule, before_it, apply):
        module, work = apply
        before_it(module, TagRule.objects.get(pk=rule.pk).delete)

        assert work() == 0
        assert not PostTag.objects.exists()

    def test_a_tag_that_is_merged_is_given_as_what_it_means(self, post, rule, before_it, apply):
        module, work = apply
        [into] = rows.tags_of(post.tenant, ["дорога"]).values()
        before_it(module, lambda: synonyms.merge(rule.tag, into, now=make.NOW))

        work()

        assert PostTag.objects.get().tag == into
