"""`manage.py diag_albums`, as an operator types it; and assembling again from the console."""

import io
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone, translation

from accounts.models import AuditEntry
from albums import handlers
from albums.models import MediaGroup
from albums.services import assemble, collect, overdue
from events.console import list_of, page_of
from events.models import OutboxEvent
from events.schemas import AlbumParsedEventV1
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_english(admin_client) -> Iterator[None]:
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    with translation.override("en"):
        yield


@pytest.fixture
def diag():
    """Runs the command; returns what it wrote to stdout, and its exit code."""

    def run(*arguments):
        out = io.StringIO()
        try:
            call_command("diag_albums", *map(str, arguments), stdout=out, stderr=io.StringIO())
        except CommandError as refusal:
            return out.getvalue() or str(refusal), refusal.returncode
        return out.getvalue(), 0

    return run


@pytest.fixture
def album(store, archive):
    """An album of two photos of which the first was analyzed, and the second not yet."""
    first, _ = (
        archive.post(f"{n}".encode(), grouped_id=-1, content=text, tell=False)
        for n, text in ((1, "подпись"), (2, ""))
    )
    make.enrichment(
        first, decisions=[make.decision(first.media.get())], vision_ocr_text="слова"
    )  # fmt: skip
    collect.save_media_group(post_id=str(first.pk), tenant_id=str(first.tenant_id))
    return MediaGroup.objects.get()


def long_ago(**ago):
    """Let all that came to albums have come so long ago."""
    at = timezone.now() - timedelta(**ago)
    MediaGroup.objects.update(updated_at=at)
    make.PostEnrichment.objects.update(updated_at=at)


def see(album, position):
    post = album.items.get(position=position).post
    make.enrichment(post, decisions=[make.decision(post.media.get())], vision_ocr_text="ещё")


def _deliver():
    """Hand the newest `albums.parsed` to its subscriber."""
    last = OutboxEvent.objects.filter(topic="albums.parsed").order_by("pk").last()
    handlers.assemble_parsed(AlbumParsedEventV1.model_validate(last.payload), now=timezone.now())


def published():
    return OutboxEvent.objects.filter(topic="album.assembled").count()


class TestState:
    def test_an_album_with_its_items_and_what_it_waits_for(self, diag, album):
        out, code = diag("state", "--album-id", album.pk, "--json")
        found = json.loads(out)

        assert code == 0
        assert (found["status"], found["items_count"], found["items_analyzed"]) == ("waiting", 2, 1)
        assert [item["state"] for item in found["items"]] == ["analyzed", "awaited"]
        assert found["due_at"] > found["last_progress_at"] >= found["waits_since"]

    def test_it_is_found_by_any_of_its_posts_and_reads_as_text(self, diag, album):
        post = album.items.get(position=1).post_id

        out, code = diag("state", "--post-id", post)

        assert code == 0
        assert "awaited" in out
        assert str(post) in out
        assert "подпись" in out

    def test_one_that_waits_for_nothing_says_so(self, diag, album):
        see(album, 1)
        assemble.assemble_album(group_id=album.pk, now=timezone.now())

        found = json.loads(diag("state", "--album-id", album.pk, "--json")[0])

        assert (found["status"], found["waits_since"], found["due_at"]) == ("complete", None, None)

    def test_without_an_album_it_counts_them(self, diag, album):
        found = json.loads(diag("state", "--json")[0])

        assert (found["waiting"], found["complete"], found["partial"]) == (1, 0, 0)
        assert found["waits_longest_since"]
        assert "Waiting" in diag("state")[0]

    @pytest.mark.parametrize("which", [("--album-id", 7), ("--post-id", uuid.UUID(int=7))])
    def test_one_that_does_not_exist_is_an_error_in_json_too(self, diag, db, which):
        out, code = diag("state", *which, "--json")

        assert code == 1
        assert json.loads(out)["error"] == "album_unknown"

    @pytest.mark.parametrize("arguments", [(), ("state", "--post-id", "odd")])
    def test_what_makes_no_sense_is_refused(self, diag, db, arguments):
        assert diag(*arguments)[1] == 1


class TestStuck:
    def test_none_is_no_failure(self, diag, album):
        assert diag("stuck") == ("No album is stuck.\n", 0)

    def test_one_names_the_messages_it_waits_for_and_ends_with_1(self, diag, album):
        long_ago(minutes=16)

        out, code = diag("stuck")

        assert code == 1
        assert "message 2" in out
        found = json.loads(diag("stuck", "--json")[0])
        assert (found["stuck"], found["albums"][0]["album_id"]) == (1, album.pk)

    @pytest.mark.parametrize(("minutes", "code"), [(10, 1), (30, 0)])
    def test_the_patience_is_an_option(self, diag, album, minutes, code):
        long_ago(minutes=20)

        assert diag("stuck", "--minutes", minutes)[1] == code

    def test_progress_of_one_item_is_progress(self, diag, album):
        long_ago(minutes=20)
        make.PostEnrichment.objects.update(updated_at=timezone.now())

        assert diag("stuck")[1] == 0


class TestReassemble:
    def test_a_complete_album_becomes_another_version_and_tells_so(self, diag, album):
        see(album, 1)
        assemble.assemble_album(group_id=album.pk, now=timezone.now())

        out, code = diag("reassemble", "--album-id", album.pk, "--json")
        _deliver()

        album.refresh_from_db()
        assert (code, json.loads(out)["albums"]) == (0, {str(album.pk): "queued"})
        assert (album.version, album.status, published()) == (2, "complete", 2)
        assert AuditEntry.objects.get(event="albums.reassembled").after["albums"] == 1

    def test_at_once_and_from_what_there_is(self, diag, album):
        out, code = diag("reassemble", "--album-id", album.pk, "--now")

        album.refresh_from_db()
        assert (code, album.status, album.version) == (0, "partial", 1)
        assert "partial" in out

    def test_the_stuck_ones_and_only_those(self, diag, album, archive):
        long_ago(minutes=20)
        post = archive.post(b"3", grouped_id=-2, tell=False)
        collect.save_media_group(post_id=str(post.pk), tenant_id=str(post.tenant_id))

        planned = json.loads(diag("reassemble", "--stuck", "--dry-run", "--json")[0])
        before = MediaGroup.objects.get(pk=album.pk).status
        done = json.loads(diag("reassemble", "--stuck", "--now", "--json")[0])

        assert list(planned["albums"]) == list(done["albums"]) == [str(album.pk)]
        assert before == "waiting"
        assert "nothing" in diag("reassemble", "--stuck")[0]

    def test_unknown_numbers_change_nothing(self, diag, album):
        out, code = diag("reassemble", "--album-id", album.pk, 777, "--json")

        assert code == 1
        assert json.loads(out)["error"] == "album_unknown"
        assert not AuditEntry.objects.filter(event="albums.reassembled").exists()

    def test_one_that_a_worker_has_is_not_done_and_ends_with_1(self, diag, album):
        until = timezone.now() + timedelta(minutes=5)
        MediaGroup.objects.update(claimed_until=until, claimed_by=uuid.uuid4())

        out, code = diag("reassemble", "--album-id", album.pk, "--now", "--json")

        assert code == 1
        assert "another worker" in json.loads(out)["albums"][str(album.pk)]

    @pytest.mark.parametrize(("role", "code"), [("operator", 0), ("viewer", 1), (None, 1)])
    def test_as_somebody_it_does_what_he_may(self, diag, album, role, code):
        user = make.member(role, album.tenant) if role else make.member("operator", make.tenant())

        name = ("--as", user.username)

        assert diag(*name, "reassemble", "--album-id", album.pk)[1] == code
        assert diag(*name, "state", "--album-id", album.pk)[1] == (0 if role else 1)


class TestConsole:
    def test_the_page_says_what_is_awaited_since_when_and_until_when(self, admin_client, album):
        page = admin_client.get(page_of(MediaGroup, album.pk)).content.decode()

        assert page_of(make.Post, album.items.get(position=1).post_id) in page
        for words in ("last progress", "assembled in any case after"):
            assert words in page

    def test_after_its_time_the_page_still_says_what_is_missing(self, admin_client, album):
        long_ago(minutes=20)
        overdue.assemble_overdue(timeout=timedelta(minutes=15), now=timezone.now())

        page = admin_client.get(page_of(MediaGroup, album.pk)).content.decode()

        assert "2 · #2</a>" in page
        assert "assembled in any case after" not in page

    def test_the_action_queues_another_version(self, admin_client, album):
        see(album, 1)
        assemble.assemble_album(group_id=album.pk, now=timezone.now())
        chosen = {"action": "reassemble", "_selected_action": [album.pk]}

        answer = admin_client.post(list_of(MediaGroup), chosen, follow=True)
        _deliver()

        assert "The assembly of 1 album is queued." in answer.content.decode()
        assert MediaGroup.objects.get().version == 2
