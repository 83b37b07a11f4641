"""Tags in the search, the API, the console and by command."""

import io
import json
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import AuditEntry
from events.console import list_of
from events.delivery import worker
from events.models import OutboxEvent
from media.models import Post
from search.models import SearchDocument
from tests import factories as make
from tests.integration.test_tagging import LONG, drain, parsed, tags
from vision.models import PostTag, Tag, TagState
from vision.tagging.by_hand import people, synonyms

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]


@pytest.fixture
def post() -> Post:
    made = make.post(content=f"{LONG} #Зима")
    parsed(made)
    drain()
    return made


@pytest.fixture
def operator(post: Post) -> Client:
    client = Client()
    client.force_login(make.member("operator", post.tenant))
    return client


def indexed(post: Post) -> set[str]:
    worker.drain("search")
    return set(SearchDocument.objects.get(post=post).tags)


class TestSearch:
    def test_a_keyword_is_found_as_a_tag_and_is_no_hashtag(self) -> None:
        made = make.post(content=LONG)
        parsed(made)
        drain()

        assert indexed(made) == {"снег"}
        assert "hashtag" not in SearchDocument.objects.get(post=made).has

    def test_what_a_person_added_and_removed_reaches_the_index(self, post) -> None:
        user = make.superuser()
        people.add(post, "горы", user=user, now=make.NOW)
        assert indexed(post) == {"зима", "снег", "горы"}
        people.remove(PostTag.objects.get(tag__name="зима"), user=user, now=make.NOW)
        assert indexed(post) == {"снег", "горы"}

    def test_a_change_that_is_undone_is_told_by_the_index_each_time(self, post) -> None:
        user = make.superuser()
        indexed(post)
        before = OutboxEvent.objects.filter(topic="posts.indexed").count()
        for _ in range(2):
            row = people.add(post, "горы", user=user, now=make.NOW)
            indexed(post)
            people.remove(row, user=user, now=make.NOW)
            indexed(post)

        assert OutboxEvent.objects.filter(topic="posts.indexed").count() == before + 4

    def test_posts_of_either_synonym_are_found_by_both(self, post) -> None:
        other = make.post(of=post.channel, content="#зимушка")
        parsed(other)
        drain()
        indexed(post)
        synonyms.merge(Tag.objects.get(name="зимушка"), Tag.objects.get(name="зима"), now=make.NOW)

        assert {"зима", "зимушка"} <= indexed(post)
        assert {"зима", "зимушка"} <= indexed(other)


class TestApi:
    def _send(self, client: Client, method: str, address: str, **body: object) -> object:
        answer = client.generic(
            method, f"/api/v1/tags{address}", json.dumps(body), content_type="application/json"
        )
        assert answer.status_code < 300, answer.content
        return answer.json() if answer.content else None

    def test_a_tag_is_given_and_removed(self, operator, post) -> None:
        made = self._send(operator, "POST", f"/posts/{post.pk}", name="#Горы зимой")
        assert (made["name"], made["origin"], made["state"]) == ("горы_зимой", "person", "accepted")
        self._send(operator, "DELETE", f"/posts/{post.pk}/Горы зимой")

        kept = {
            row["name"]: row["state"] for row in self._send(operator, "GET", f"/posts/{post.pk}")
        }
        assert kept == {"горы_зимой": "dropped", "зима": "accepted", "снег": "accepted"}
        events = AuditEntry.objects.filter(event__startswith="tag.").order_by("pk")
        assert [entry.event for entry in events] == ["tag.added", "tag.removed"]

    def test_tags_say_how_many_posts_have_them(self, operator, post) -> None:
        make.proposal(post, "зимовье")
        found = self._send(operator, "GET", "?q=ЗИМ")["results"]

        assert [(row["name"], row["posts"]) for row in found] == [("зима", 1), ("зимовье", 0)]

    @pytest.mark.parametrize(
        ("part", "names"), [("19", ["ковид19"]), ("#19", ["ковид19"]), ("!!!", []), ("_", [])]
    )
    def test_a_part_without_letters_finds_the_tags_that_have_it(
        self, operator, post, part, names
    ) -> None:
        make.proposal(post, "ковид19")
        found = self._send(operator, "GET", f"?{urlencode({'q': part})}")["results"]

        assert [row["name"] for row in found] == names

    def test_a_proposal_is_taken(self, operator, post) -> None:
        row = make.proposal(post)
        [seen] = self._send(operator, "GET", "/proposals")["results"]
        told = self._send(operator, "POST", "/proposals", accept=True, proposals=[seen["id"]])

        assert told == {"decided": 1}
        assert row.tag.name in tags(post)

    def test_of_proposals_with_one_that_is_not_there_none_is_decided(self, operator, post) -> None:
        row, foreign = make.proposal(post), make.proposal(make.post())
        body = json.dumps({"accept": True, "proposals": [str(row.pk), str(foreign.pk)]})
        answer = operator.post("/api/v1/tags/proposals", body, content_type="application/json")

        assert answer.status_code == 404
        row.refresh_from_db()
        assert row.state == TagState.PROPOSED

    def test_a_rule_is_made_looked_at_applied_and_deleted(self, operator, post) -> None:
        made = self._send(
            operator, "POST", "/rules", tag="погода", tenant_id=str(post.tenant_id), word="снега"
        )
        seen = self._send(operator, "GET", f"/rules/{made['id']}")
        assert (seen["posts"], seen["lacking"], seen["newest"]) == (1, 1, [str(post.pk)])
        assert self._send(operator, "POST", f"/rules/{made['id']}/apply")["posts"] == 1
        self._send(operator, "DELETE", f"/rules/{made['id']}")

        assert "погода" in tags(post)
        assert self._send(operator, "GET", "/rules") == []
        told = AuditEntry.objects.filter(event__startswith="tag_rule").order_by("pk")
        assert [entry.event for entry in told] == [
            "tag_rule.made", "tag_rule.applied", "tag_rule.deleted",
        ]  # fmt: skip

    def test_a_tag_without_a_letter_is_refused(self, operator, post) -> None:
        address = f"/api/v1/tags/posts/{post.pk}"
        answer = operator.post(address, '{"name": "123"}', content_type="application/json")

        assert answer.status_code == 422


class TestConsole:
    def test_proposals_are_dropped_in_bulk(self, admin_client, post) -> None:
        rows = [make.proposal(post, name) for name in ("один", "два")]
        admin_client.post(
            list_of(PostTag), {"action": "drop_tags", "_selected_action": [row.pk for row in rows]}
        )

        assert tags(post, TagState.DROPPED) == {"один", "два"}
        entry = AuditEntry.objects.get(event="tags.dropped")
        assert entry.after == {"proposals": 2, "tags": ["два", "один"]}


class TestCommand:
    def _run(self, *arguments: str) -> str:
        out = io.StringIO()
        call_command("retag", *arguments, stdout=out, stderr=io.StringIO())
        return out.getvalue()

    def test_a_preview_changes_nothing(self, post) -> None:
        Post.objects.filter(pk=post.pk).update(content="#лето", revision=1)
        told = json.loads(self._run("--post-id", str(post.pk), "--json", "--dry-run"))

        assert told == {
            "done": False, "posts": 1, "provider": "local", "model": "keywords-1", "asked": 0,
            "tokens": 0, "roubles": 0.0, "reason": "",
        }  # fmt: skip
        assert tags(post) == {"зима", "снег"}

    def test_posts_are_tagged_again_once(self, post) -> None:
        Post.objects.filter(pk=post.pk).update(content="#лето", revision=1)
        told = [json.loads(self._run("--all", "--yes", "--json")) for _ in range(2)]

        assert [one["changed"] for one in told] == [1, 0]
        assert tags(post) == {"лето"}
        assert AuditEntry.objects.filter(event="retagging.ended").count() == 2

    def test_without_a_filter_nothing_is_done(self) -> None:
        for arguments in ((), ("--yes",), ("--yes", "--dry-run", "--all")):
            with pytest.raises(CommandError):
                self._run(*arguments)
