"""What an edit, a shorter export or a late replay does to pictures and albums."""

import os
from datetime import UTC, timedelta
from hashlib import sha256

import pytest
from django.db import transaction
from django.utils import timezone
from PIL import Image

from accounts import tenants
from albums.models import MediaGroup
from albums.services import overdue
from events import outbox, subscriptions
from events.delivery import dead_letters, worker
from events.models import Delivery, OutboxEvent
from events.schemas import PostParsedEventV1
from media.models import Channel, Post, PostMedia
from media.posts import post_events, post_row
from media.services import imports
from media.sources.export import ExportSource
from search.models import SearchDocument
from search.services.find import find_text
from storage_quota import tasks
from storage_quota.object_store import get_store
from tests.factories import START
from tests.unit import exports
from vision import providers
from vision.models import PostEnrichment
from vision.providers.fake import FakeVision
from vision.providers.port import ProviderRefused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def provider(monkeypatch):
    fake = FakeVision()
    monkeypatch.setattr(providers, "get_ocr", lambda: fake)
    return fake


def run(folder, messages):
    exports.write(folder, exports.chat(messages))
    return imports.import_export(
        source=ExportSource(folder, zone=UTC), path=folder, tenant=tenants.default_tenant()
    )


def settle():
    for _ in range(4):
        Delivery.objects.filter(state="pending").update(due_at=timezone.now())
        worker.drain("default")
        worker.drain("vision")
        worker.drain("vision_backfill")


def swap(archive, post, body, *, minutes):
    """The post shows another picture from now on."""
    media = archive.media(body)
    with transaction.atomic():
        PostMedia.objects.filter(post=post).delete()
        PostMedia.objects.create(post=post, media_object=media, position=0, uploaded_at=START)
        post.revision += 1
        post.save()
        asked_at = START + timedelta(minutes=minutes)
        outbox.publish(post_events.uploaded(post, [media], first=False, now=asked_at, trace_id="t"))


def short(body):
    return sha256(body).hexdigest()[:8]


class TestPictures:
    def test_a_replayed_old_event_does_not_bring_back_the_old_picture(self, archive):
        post = archive.post(b"A")
        Delivery.objects.filter(subscriber="vision.analyze").update(state="dead")
        swap(archive, post, b"B", minutes=5)
        settle()

        dead_letters.replay(Delivery.objects.filter(state="dead"), now=timezone.now())
        settle()

        assert PostEnrichment.objects.get().vision_ocr_text.endswith(short(b"B"))

    def test_a_picture_that_cannot_be_read_says_nothing_of_the_one_before(
        self, provider, monkeypatch, archive
    ):
        post = archive.post(b"A")
        settle()
        provider.errors[sha256(b"B").hexdigest()] = ProviderRefused("broken_image", "x")
        swap(archive, post, b"B", minutes=5)
        settle()

        row = PostEnrichment.objects.get()
        assert (row.vision_provider, row.vision_ocr_text, row.ocr_present) == ("none", "", False)
        assert row.data == {}

    def test_a_second_analysis_that_died_is_an_error_not_the_first_ones_success(
        self, provider, archive
    ):
        post = archive.post(b"A")
        settle()
        provider.errors[sha256(b"B").hexdigest()] = OSError("no space left on device")
        swap(archive, post, b"B", minutes=5)
        for _ in range(2):
            settle()

        row = PostEnrichment.objects.get()
        assert (row.status, row.vision_ocr_text) == ("error", "")

    def test_what_failed_once_is_read_when_it_is_replayed(self, provider, archive):
        archive.post(b"A")
        provider.errors[sha256(b"A").hexdigest()] = ProviderRefused("timeout", "60 s")
        settle()
        provider.errors.clear()

        dead_letters.replay(
            Delivery.objects.filter(subscriber="vision.analyze"), now=timezone.now()
        )
        settle()

        assert PostEnrichment.objects.get().vision_analyzed_at is not None

    def test_pictures_that_alternate_without_an_edit_time_are_followed(self, tmp_path):
        (tmp_path / "photos").mkdir()
        path = tmp_path / "photos" / "1.jpg"
        for number, (color, size) in enumerate((("red", 40), ("blue", 80)) * 2, start=2):
            Image.new("RGB", (size, size), color).save(path)
            run(tmp_path, [exports.photo(1, photo="photos/1.jpg"), exports.message(number)])
            settle()

        assert PostEnrichment.objects.get().vision_ocr_text.endswith(short(path.read_bytes()))


class TestAlbums:
    def test_an_edited_caption_reaches_the_album(self, tmp_path):
        messages = [exports.photo(1, text="old"), exports.photo(2)]
        run(tmp_path, messages)
        settle()
        messages[0] |= {"text": "new", "edited_unixtime": "1781868999"}
        run(tmp_path, messages)
        settle()

        assert MediaGroup.objects.get().caption_text == "new"

    def test_an_album_whose_first_post_was_deleted_stays_one(self, tmp_path):
        messages = [exports.photo(1), exports.photo(2), exports.photo(3)]

        for chosen in (messages, messages[1:], messages, messages[2:], messages[1:]):
            run(tmp_path, chosen)
            settle()
            group = MediaGroup.objects.get()
            assert (group.grouped_id, group.items_count, group.items.count()) == (-1, 3, 3)
            assert group.status == "complete"

    @pytest.mark.costly
    def test_an_album_that_gets_its_first_post_later_is_the_same_album(self, tmp_path):
        messages = [exports.photo(n, text="подпись" if n == 1 else "") for n in range(1, 5)]
        run(tmp_path, messages[2:])
        settle()
        album = MediaGroup.objects.get()

        for chosen in (messages[1:], messages):
            run(tmp_path, chosen)
            settle()

        found = MediaGroup.objects.get()
        assert (found.pk, found.grouped_id, found.items_count) == (album.pk, -1, 4)
        assert (found.caption_text, found.status) == ("подпись", "complete")
        published = OutboxEvent.objects.filter(topic="album.assembled").order_by("pk")
        assert {event.payload["album_id"] for event in published} == {album.pk}
        assert published.last().payload["items_count"] == 4

    @pytest.mark.costly
    def test_two_albums_that_turn_out_to_be_one_become_one(self, tmp_path):
        messages = [exports.photo(n) for n in range(1, 5)]
        for chosen in (messages[:2], messages[2:], messages):
            run(tmp_path, chosen)
            settle()

        found = MediaGroup.objects.order_by("-grouped_id")
        assert [(g.grouped_id, g.items.count()) for g in found] == [(-1, 4), (-3, 0)]

    def test_a_long_run_is_cut_alike_after_posts_of_it_were_deleted(self, tmp_path):
        messages = [exports.photo(n, text="x" if n in (1, 5, 9) else "") for n in range(1, 13)]
        whole = {n: -1 if n < 5 else -5 if n < 9 else -9 for n in range(1, 13)}
        for number, chosen in enumerate([messages[3:], messages, messages[2:11]]):
            run(tmp_path / str(number), chosen)

        assert dict(Post.objects.values_list("telegram_message_id", "grouped_id")) == whole

    @pytest.mark.costly
    def test_an_album_is_not_published_with_the_text_of_a_picture_that_is_gone(self, archive):
        posts = [archive.post(f"{n}".encode(), grouped_id=-1) for n in range(2)]
        settle()
        assembled = OutboxEvent.objects.filter(topic="album.assembled")
        before = assembled.count()
        swap(archive, posts[0], b"new", minutes=5)
        with transaction.atomic():
            posts[0].fingerprint = "x" * 64
            contents = [sha256(b"new").hexdigest()]
            outbox.publish(
                post_events.parsed(posts[0], archive.channel, contents, first=False, trace_id="t")
            )

        worker.drain("default")
        early = assembled.count()
        settle()

        assert early == before
        assert short(b"new") in assembled.order_by("pk").last().payload["vision_ocr_text"]

    def test_one_album_that_is_being_assembled_does_not_hold_up_the_overdue_ones(self, archive):
        for group in (-1, -2):
            for number in range(2):
                archive.post(f"{group}{number}".encode(), grouped_id=group)
        worker.drain("default")
        now = timezone.now()
        MediaGroup.objects.filter(grouped_id=-1).update(claimed_until=now + timedelta(hours=1))
        MediaGroup.objects.update(updated_at=now - timedelta(hours=1))

        count = overdue.assemble_overdue(timeout=timedelta(minutes=15), now=now)

        assert count == 1
        assert MediaGroup.objects.get(grouped_id=-2).status == "partial"


class TestHostileMessages:
    def test_text_the_database_cannot_index_whole_is_stored_all_the_same(self, tmp_path):
        text = " ".join(f"{n:x}q{n}" for n in range(150_000))

        summary = run(tmp_path, [exports.message(1, text="a"), exports.message(2, text=text)])

        assert (summary.clean, Post.objects.count()) == (True, 2)

    def test_a_number_beyond_the_database_costs_its_field_only(self, tmp_path):
        messages = [
            exports.message(1, text="a"),
            exports.message(2, text="b", reply_to_message_id=2**70),
            exports.message(3, text="c"),
        ]

        summary = run(tmp_path, messages)

        assert (Post.objects.count(), summary.counts["problems"]) == (3, 0)
        assert Post.objects.get(telegram_message_id=2).reply_to_message_id is None

    def test_what_only_the_database_refuses_is_found_and_named(self, tmp_path, monkeypatch):
        build = post_row.build

        def too_long(channel, parsed):
            post = build(channel, parsed)
            if parsed.message.message_id == 5:
                post.via_bot = "x" * 100
            return post

        monkeypatch.setattr("media.posts.post_row.build", too_long)
        messages = [exports.message(n, text=f"{n}") for n in range(1, 10)]

        summary = run(tmp_path, messages)

        assert [(p.code, p.message_id) for p in summary.problems] == [("unstorable", 5)]
        assert Post.objects.count() == 8
        assert summary.counts["new"] == 8

    def test_a_date_at_the_end_of_the_calendar_is_refused(self, tmp_path):
        summary = run(tmp_path, [exports.message(1, text="a", date_unixtime="253402300799")])

        assert (summary.counts["problems"], Post.objects.count()) == (1, 0)

    def test_a_folder_whose_name_is_no_unicode_can_be_imported_from(self, tmp_path):
        folder = tmp_path / os.fsdecode(b"\xff\xfe")

        assert run(folder, [exports.message(1, text="a")]).clean

    def test_an_error_text_that_is_no_unicode_does_not_poison_the_queue(self, archive):
        def refuse(event, **_):
            raise ValueError("\udcff")

        subscriptions.subscribe(PostParsedEventV1, name="test.bad")(refuse)
        archive.post(b"A")
        for _ in range(6):
            Delivery.objects.filter(state="pending").update(due_at=timezone.now())
            worker.drain("default")

        assert Delivery.objects.get(subscriber="test.bad").state == "dead"


def test_what_a_killed_writer_left_half_written_is_removed():
    drafts = get_store().store.root / ".uploads" / "media"
    drafts.mkdir(parents=True)
    for name, age in (("old~1", 10_000), ("young~2", 0)):
        (drafts / name).write_bytes(b"half")
        at = timezone.now().timestamp() - age
        os.utime(drafts / name, (at, at))

    tasks.release_expired()

    assert [path.name for path in drafts.iterdir()] == ["young~2"]


class TestBesideTheText:
    """A later export, or Telegram, says more of a message whose text is as it was."""

    def told(self):
        return OutboxEvent.objects.filter(topic="posts.parsed", payload__tg_message_id=1).count()

    def import_both(self, folder, **fields):
        run(folder / "old", [exports.message(1, text="Смотрите")])
        worker.drain("search")
        run(folder / "new", [exports.message(1, text="Смотрите", **fields), exports.message(2)])
        worker.drain("search")

    @pytest.mark.parametrize(
        ("fields", "query"),
        [
            (
                {"inline_bot_buttons": [[{"type": "callback", "text": "Подробности"}]]},
                "подробность",
            ),
            ({"author": "Ирина Лес"}, "from:Ирина"),
            ({"location_information": {"latitude": 1.5, "longitude": 2.5}}, "has:location"),
        ],
    )
    def test_it_is_found_by_it(self, tmp_path, fields, query):
        self.import_both(tmp_path, **fields)

        found = find_text(query, (tenants.default_tenant().pk,), limit=5)

        assert [hit.post_id for hit in found.hits] == [Post.objects.get(telegram_message_id=1).pk]
        assert self.told() == 2

    def test_a_file_is_found_by_the_name_that_a_later_export_gives_it(self, tmp_path):
        for folder, name, more in (("old", "", []), ("new", "Смета.pdf", [exports.message(2)])):
            (tmp_path / folder / "files").mkdir(parents=True)
            (tmp_path / folder / "files" / "file_1.pdf").write_bytes(b"%PDF-1.4 the same file")
            named = {"file_name": name} if name else {}
            run(
                tmp_path / folder,
                [
                    exports.message(
                        1, file="files/file_1.pdf", mime_type="application/pdf", **named
                    ),
                    *more,
                ],
            )
            worker.drain("search")

        found = find_text("смета", (tenants.default_tenant().pk,), limit=5)

        assert len(found.hits) == 1

    def test_counts_are_no_news(self, tmp_path):
        self.import_both(tmp_path, reactions=[{"type": "emoji", "count": 5, "emoji": "👍"}])

        assert Post.objects.get(telegram_message_id=1).reactions_count == 5
        assert self.told() == 1


class TestDeletedInTheDatabase:
    def test_what_is_imported_again_is_told_again(self, tmp_path):
        """Events are known by their keys for a week; those of the former rows tell nothing of these."""
        messages = [
            exports.message(1, text="Снег https://example.org"),
            *map(exports.photo, (2, 3)),
        ]
        run(tmp_path, messages)
        self.drain()
        before = self.projected()

        Channel.objects.all().delete()
        assert not SearchDocument.objects.exists()
        run(tmp_path, messages)
        self.drain()

        assert before[0] == 3
        assert self.projected() == before

    def drain(self):
        for _ in range(2):
            for queue in ("default", "search", "tagging"):
                worker.drain(queue)

    def projected(self):
        in_album = SearchDocument.objects.filter(album_id__isnull=False)
        assembled = MediaGroup.objects.exclude(version=0)
        tagged = PostEnrichment.objects.filter(kind="tags")
        return SearchDocument.objects.count(), in_album.count(), assembled.count(), tagged.count()
