"""An export goes in; posts, media and events come out, whatever happens on the way."""

import io
import json
import math
import shutil
import signal
import subprocess
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone
from PIL import Image

from accounts import tenants
from accounts.models import Tenant
from events import subscriptions
from events.models import Delivery, OutboxEvent
from events.schemas import PostParsedEventV1
from events.workers import liveness
from media.models import Channel, ImportProblem, ImportRun, MediaObject, Post, PostMedia
from media.services import imports
from media.services.pipeline import batches
from media.sources.export import ExportSource
from storage_quota import services
from storage_quota.integrity import marker
from storage_quota.integrity.errors import MarkerMissing
from storage_quota.models import Reservation, StoredObject, TenantUsage
from storage_quota.object_store import StoreFull, files, get_store
from telegram_assistant.config import Limits
from tests.processes import SetUpPython
from tests.unit.exports import CHANNEL_ID, NOT_INCLUDED, chat, message, photo, write
from tests.unit.test_picture_structure import GIF_BOMB

pytestmark = pytest.mark.django_db(transaction=True)


def picture(folder: Path, name: str, color: str = "white", size=(40, 30)) -> str:
    path = folder / "photos" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, "JPEG")
    return f"photos/{name}"


def run(folder: Path, **options) -> imports.ImportSummary:
    source = ExportSource(folder, zone=UTC)
    tenant = options.pop("tenant", None) or tenants.default_tenant()
    return imports.import_export(source=source, path=folder, tenant=tenant, **options)


def state() -> dict:
    """Everything an import leaves, without the times."""
    return {
        "posts": list(
            Post.objects.order_by("telegram_message_id").values_list(
                "id", "telegram_message_id", "content", "media_state", "grouped_id", "fingerprint"
            )
        ),
        "media": list(
            MediaObject.objects.order_by("file_sha256").values_list(
                "file_sha256", "mime", "size_bytes", "s3_key", "width", "height", "refs_count"
            )
        ),
        "map": sorted(PostMedia.objects.values_list("post_id", "media_object_id", "position")),
        "events": sorted(OutboxEvent.objects.values_list("topic", "idempotency_key")),
        "ledger": sorted(StoredObject.objects.values_list("key", "size_bytes")),
        "bucket": sorted((o.key, o.size_bytes) for o in get_store().list("")),
        "usage": sorted(TenantUsage.objects.values_list("content_type", "total_bytes")),
        "reserved": Reservation.objects.count(),
    }


class TestOneImport:
    def test_a_post_is_stored_with_what_its_message_says(self, tmp_path):
        raw = message(
            7,
            text=[
                "Смотрите ",
                {"type": "link", "text": "https://example.org/a"},
                " и ",
                {"type": "hashtag", "text": "#новости"},
                {"type": "mention", "text": "@another"},
            ],
            edited_unixtime="1781868500",
            author="Ирина",
            forwarded_from="Другой канал",
            reply_to_message_id=3,
            reactions=[{"type": "emoji", "count": 5, "emoji": "👍"}],
        )

        summary = run(write(tmp_path, chat([raw])))

        post = Post.objects.get()
        assert summary.counts["new"] == 1
        assert post.content == "Смотрите https://example.org/a и #новости@another"
        assert post.urls == ["https://example.org/a"]
        assert (post.hashtags, post.mentions) == (["#новости"], ["@another"])
        assert post.posted_at == datetime.fromtimestamp(1781868417, UTC)
        assert (post.is_edited, post.post_author) == (True, "Ирина")
        assert (post.is_forward, post.forward_from_name) == (True, "Другой канал")
        assert (post.reply_to_message_id, post.reactions_count) == (3, 5)
        assert (post.views_count, post.forwards_count, post.replies_count) == (None, None, None)
        told = OutboxEvent.objects.get(topic="posts.parsed").payload
        assert (told["views_count"], told["forwards_count"]) == (None, None)
        assert post.engagement_score == pytest.approx(2 * math.log10(6))
        assert post.telegram_post_url == f"https://t.me/c/{CHANNEL_ID}/7"
        assert post.channel.tg_channel_id == -1000000000000 - CHANNEL_ID
        assert post.channel.last_message_id == 7

    def test_a_picture_is_stored_under_its_content_whatever_its_name_says(self, tmp_path):
        picture(tmp_path, "a.jpg")
        Image.new("RGB", (20, 10)).save(tmp_path / "photos" / "a.jpg", "PNG")

        run(write(tmp_path, chat([message(1, photo="photos/a.jpg")])))

        media = MediaObject.objects.get()
        assert (media.mime, media.width, media.height) == ("image/png", 20, 10)
        assert media.s3_key.endswith(f"/{media.file_sha256[:2]}/{media.file_sha256}.png")
        assert (Post.objects.get().media_state, media.refs_count) == ("stored", 1)
        with get_store().open(media.s3_key) as file:
            assert file.read() == (tmp_path / "photos" / "a.jpg").read_bytes()

    def test_fact_002_the_same_picture_is_stored_and_charged_once(self, tmp_path):
        first = picture(tmp_path, "a.jpg")
        shutil.copy(tmp_path / first, tmp_path / "photos" / "b.jpg")

        summary = run(
            write(
                tmp_path,
                chat(
                    [
                        message(1, photo=first),
                        message(2, photo=first),
                        message(3, photo="photos/b.jpg"),
                    ]
                ),
            )
        )

        media = MediaObject.objects.get()
        assert (media.refs_count, summary.counts["media_stored"]) == (3, 1)
        assert summary.counts["duplicates"] == 2
        assert (
            TenantUsage.objects.get().total_bytes
            == media.size_bytes
            == len((tmp_path / first).read_bytes())
        )
        assert StoredObject.objects.count() == 1

    def test_events_tell_of_each_post_and_of_each_picture(self, tmp_path):
        folder = write(
            tmp_path, chat([message(1, text="a"), message(2, photo=picture(tmp_path, "a.jpg"))])
        )

        run(folder)

        topics = sorted(OutboxEvent.objects.values_list("topic", flat=True))
        assert topics == ["posts.parsed", "posts.parsed", "posts.vision.uploaded"]
        post, media = Post.objects.get(telegram_message_id=2), MediaObject.objects.get()
        uploaded = OutboxEvent.objects.get(topic="posts.vision.uploaded")
        assert uploaded.idempotency_key == f"{post.tenant_id}:{post.pk}:{media.file_sha256}"
        assert uploaded.payload["media_files"][0]["s3_key"] == media.s3_key
        parsed = OutboxEvent.objects.filter(topic="posts.parsed").order_by("pk").last()
        assert parsed.payload["media_sha256_list"] == [media.file_sha256]
        assert parsed.idempotency_key == f"{post.tenant_id}:{post.channel_id}:2"

    def test_posts_of_the_past_are_backfill_and_new_ones_go_before_them(self, tmp_path, settings):
        subscriptions.subscribe(PostParsedEventV1, name="test.listen")(lambda event, *, now: "ok")
        age = {number: str(int(time.time() - hours * 3600)) for number, hours in ((1, 30), (2, 2))}
        messages = [message(n, date_unixtime=age[n], text=str(n)) for n in (1, 2)]

        run(write(tmp_path, chat(messages)))

        deliveries = Delivery.objects.filter(subscriber="test.listen")
        assert {d.event.payload["text"]: d.backfill for d in deliveries} == {"1": True, "2": False}

    def test_a_thumbnail_is_kept_beside_its_video(self, tmp_path):
        thumbnail = picture(tmp_path, "v.mp4_thumb.jpg")
        (tmp_path / "v.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 100)
        raw = message(
            1, file="v.mp4", media_type="video_file", mime_type="video/mp4", thumbnail=thumbnail
        )

        run(write(tmp_path, chat([raw])))

        roles = list(
            PostMedia.objects.order_by("position").values_list("role", "media_object__mime")
        )
        assert roles == [("primary", "video/mp4"), ("thumbnail", "image/jpeg")]

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_a_thumbnail_that_one_export_lacks_is_kept_in_either_order(self, tmp_path, order):
        exports = [tmp_path / "without", tmp_path / "with"]
        for folder in exports:
            folder.mkdir()
            (folder / "v.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 100)
        thumbnail = picture(exports[1], "t.jpg")
        raw = message(
            1, file="v.mp4", media_type="video_file", mime_type="video/mp4", thumbnail=thumbnail
        )

        for number in order:
            run(write(exports[number], chat([raw])))

        roles = PostMedia.objects.order_by("position").values_list("role", flat=True)
        assert list(roles) == ["primary", "thumbnail"]

    def test_refs_count_follows_the_posts_that_show_the_picture(self, tmp_path):
        path = picture(tmp_path, "a.jpg")
        run(write(tmp_path, chat([message(1, photo=path), message(2, photo=path)])))

        Post.objects.get(telegram_message_id=1).delete()

        assert MediaObject.objects.get().refs_count == 1


class TestRepeating:
    def test_a_second_import_changes_nothing(self, tmp_path):
        folder = write(
            tmp_path, chat([message(1, text="a"), message(2, photo=picture(tmp_path, "a.jpg"))])
        )
        run(folder)
        before = state()

        summary = run(folder)

        assert state() == before
        assert (summary.counts["new"], summary.counts["unchanged"]) == (0, 2)
        assert summary.counts["media_stored"] == 0

    def test_counts_that_another_source_knew_are_kept_also_where_they_are_zero(self, tmp_path):
        run(write(tmp_path, chat([message(7, text="one")])))
        Post.objects.update(views_count=12, forwards_count=0)

        run(write(tmp_path, chat([message(7, text="two", edited_unixtime="1781868500")])))

        post = Post.objects.get()
        assert post.content == "two"
        assert (post.views_count, post.forwards_count, post.replies_count) == (12, 0, None)

    def test_a_longer_export_adds_and_updates(self, tmp_path):
        run(write(tmp_path / "1", chat([message(1, text="old"), message(2, text="same")])))
        edited = message(1, text="new", edited_unixtime="1781868999")

        summary = run(
            write(tmp_path / "2", chat([edited, message(2, text="same"), message(3, text="x")]))
        )

        assert dict(Post.objects.values_list("telegram_message_id", "content")) == {
            1: "new", 2: "same", 3: "x",
        }  # fmt: skip
        assert (summary.counts["new"], summary.counts["updated"]) == (1, 1)
        keys = OutboxEvent.objects.values_list("idempotency_key", flat=True)
        assert len([k for k in keys if ":1:" in k]) == 1  # the edit, beside the first `…:1`

    def test_an_older_export_takes_nothing_away(self, tmp_path):
        path = picture(tmp_path / "new", "a.jpg")
        run(
            write(
                tmp_path / "new",
                chat([message(1, text="new", photo=path, edited_unixtime="1781868999")]),
            )
        )
        before = state()

        run(write(tmp_path / "old", chat([message(1, text="old", photo=NOT_INCLUDED)])))

        after = state()
        [(*file, references)], [(*file_before, _)] = after.pop("media"), before.pop("media")
        assert (after, file) == (before, file_before)
        assert references == 2  # by the post, and by the version of its history that shows it

    def test_a_file_that_comes_with_a_later_export_completes_the_post(self, tmp_path):
        run(write(tmp_path / "1", chat([message(1, photo=NOT_INCLUDED)])))
        path = picture(tmp_path / "2", "a.jpg")

        run(write(tmp_path / "2", chat([message(1, photo=path)])))

        assert Post.objects.get().media_state == "stored"
        assert MediaObject.objects.get().refs_count == 1
        assert OutboxEvent.objects.filter(topic="posts.vision.uploaded").count() == 1

    def test_a_later_export_without_the_file_keeps_it(self, tmp_path):
        path = picture(tmp_path / "1", "a.jpg")
        run(write(tmp_path / "1", chat([message(1, photo=path)])))

        run(write(tmp_path / "2", chat([message(1, text="caption", photo=NOT_INCLUDED)])))

        post = Post.objects.get()
        assert (post.media_state, post.content) == ("stored", "caption")
        assert MediaObject.objects.get().refs_count == 2  # by the post and its earlier version

    def test_an_edit_that_changes_the_picture_replaces_it(self, tmp_path):
        run(write(tmp_path / "1", chat([message(1, photo=picture(tmp_path / "1", "a.jpg"))])))
        other = picture(tmp_path / "2", "a.jpg", color="red")

        run(write(tmp_path / "2", chat([message(1, photo=other, edited_unixtime="1781868999")])))

        counts = dict(MediaObject.objects.values_list("file_sha256", "refs_count"))
        assert sorted(counts.values()) == [1, 2]  # by both versions, and one by the post as well
        assert OutboxEvent.objects.filter(topic="posts.vision.uploaded").count() == 2

    @pytest.mark.costly
    def test_a_picture_that_comes_back_is_published_again(self, tmp_path):
        for edition, color in enumerate(["white", "red", "white", "red"]):
            folder = tmp_path / str(edition)
            raw = message(
                1, text=color, photo=picture(folder, "a.jpg", color=color),
                edited_unixtime=str(1781868999 + edition),
            )  # fmt: skip
            run(write(folder, chat([raw])))

        for topic in ("posts.parsed", "posts.vision.uploaded"):
            assert OutboxEvent.objects.filter(topic=topic).count() == 4

    def test_a_message_that_is_twice_in_the_file_is_one_post(self, tmp_path):
        summary = run(write(tmp_path, chat([message(1, text="a"), message(1, text="a")])))

        assert Post.objects.count() == 1
        assert summary.counts["repeated"] == 1

    def test_an_album_keeps_its_number_when_the_next_export_lacks_its_neighbours(self, tmp_path):
        run(write(tmp_path / "1", chat([photo(1), photo(2)])))

        run(write(tmp_path / "2", chat([photo(2, text="edited", edited_unixtime="1781868999")])))

        assert set(Post.objects.values_list("grouped_id", flat=True)) == {-1}


class TestTenants:
    def test_two_tenants_may_follow_the_same_channel(self, tmp_path):
        folder = write(tmp_path, chat([message(1, photo=picture(tmp_path, "a.jpg"))]))
        other = Tenant.objects.create(name="other")

        run(folder)
        run(folder, tenant=other)

        assert Channel.objects.count() == Post.objects.count() == MediaObject.objects.count() == 2
        keys = set(MediaObject.objects.values_list("s3_key", flat=True))
        assert {key.split("/")[1] for key in keys} == {str(t.pk) for t in Tenant.objects.all()}


class TestBadInput:
    def test_a_missing_file_is_a_problem_of_its_message_only(self, tmp_path):
        folder = write(
            tmp_path, chat([message(1, photo="photos/gone.jpg"), message(2, text="fine")])
        )

        summary = run(folder)
        again = run(folder)

        assert Post.objects.count() == 2
        assert Post.objects.get(telegram_message_id=1).media_state == "missing"
        for one in (summary, again):
            (problem,) = one.problems
            assert (problem.code, problem.message_id) == ("missing_file", 1)
            assert "photos/gone.jpg" in problem.detail
        assert ImportProblem.objects.count() == 2

    @pytest.mark.parametrize("path", ["../secret.jpg", "/etc/passwd", "photos/link.jpg"])
    def test_a_path_that_leaves_the_export_is_not_followed(self, tmp_path, path):
        (tmp_path / "secret.jpg").write_bytes(b"secret")
        folder = tmp_path / "export"
        (folder / "photos").mkdir(parents=True)
        (folder / "photos" / "link.jpg").symlink_to(tmp_path / "secret.jpg")

        summary = run(write(folder, chat([message(1, photo=path)])))

        assert [p.code for p in summary.problems] == ["unsafe_path"]
        assert not MediaObject.objects.exists()

    def test_an_empty_file_is_named(self, tmp_path):
        (tmp_path / "a.jpg").touch()

        summary = run(write(tmp_path, chat([message(1, photo="a.jpg")])))

        assert [(p.code, p.message_id) for p in summary.problems] == [("empty_file", 1)]

    def test_a_broken_picture_and_a_bomb_are_kept_as_what_they_are(self, tmp_path):
        (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0broken")
        (tmp_path / "b.gif").write_bytes(GIF_BOMB)
        folder = write(tmp_path, chat([message(1, photo="a.jpg"), message(2, photo="b.gif")]))

        summary = run(folder)

        assert [(p.code, p.message_id) for p in summary.problems] == [
            ("broken_image", 1),
            ("too_many_pixels", 2),
        ]
        assert set(MediaObject.objects.values_list("mime", flat=True)) == {
            "image/jpeg",
            "image/gif",
        }

    def test_a_file_larger_than_the_archive_takes_is_left_out(self, tmp_path, monkeypatch):
        monkeypatch.setattr("media.services.pipeline.blobs.MAX_MEDIA_BYTES", 100)
        path = picture(tmp_path, "a.jpg")

        summary = run(write(tmp_path, chat([message(1, photo=path)])))

        assert Post.objects.get().media_state == "too_large"
        assert (summary.counts["too_large"], summary.clean) == (1, True)

    def test_a_message_of_wrong_types_is_named_and_the_others_come_in(self, tmp_path):
        folder = write(
            tmp_path, chat([message(1, text="a"), message(2, text={"a": 1}), message(3, text="c")])
        )

        summary = run(folder)

        assert Post.objects.count() == 2
        assert summary.counts["problems"] == 1

    def test_a_file_cut_off_in_the_middle_gives_all_before_the_cut(self, tmp_path):
        folder = write(tmp_path, chat([message(n, text=f"post {n}") for n in range(1, 20)]))
        whole = (folder / "result.json").read_bytes()
        (folder / "result.json").write_bytes(whole[: len(whole) // 2])

        summary = run(folder)

        (problem,) = summary.problems
        assert problem.fatal
        assert Post.objects.count() > 5
        assert (
            str(max(Post.objects.values_list("telegram_message_id", flat=True))) in problem.detail
        )

    def test_without_room_posts_come_in_and_their_media_when_there_is_room(
        self, tmp_path, settings
    ):
        paths = [picture(tmp_path, f"{n}.jpg", color=c) for n, c in enumerate(["red", "blue"])]
        size = (tmp_path / paths[0]).stat().st_size
        plenty = settings.LIMITS
        settings.LIMITS = Limits(
            total_bytes=plenty.total_bytes, emergency_bytes=plenty.emergency_bytes,
            tenant_bytes=size + 1, by_type=plenty.by_type,
        )  # fmt: skip
        folder = write(tmp_path, chat([message(1, photo=paths[0]), message(2, photo=paths[1])]))

        summary = run(folder)
        states = dict(Post.objects.values_list("telegram_message_id", "media_state"))
        settings.LIMITS = plenty
        later = run(folder)

        assert states == {1: "stored", 2: "quota_exceeded"}
        assert [(p.code, p.message_id) for p in summary.problems] == [("quota_exceeded", 2)]
        assert later.clean
        assert set(Post.objects.values_list("media_state", flat=True)) == {"stored"}
        assert Reservation.objects.count() == 0

    def test_into_another_bucket_nothing_is_imported(self, tmp_path, settings):
        write(tmp_path, chat([photo(1, photo=picture(tmp_path, "1.jpg"))]))
        run(tmp_path)
        marker.confirm(get_store().store, now=timezone.now())
        other = tmp_path / "not mounted"
        other.mkdir()
        settings.OBJECTS_DIR = other
        write(tmp_path, chat([photo(2, photo=picture(tmp_path, "2.jpg", "red"))]))
        with pytest.raises(MarkerMissing, match="not mounted"):
            run(tmp_path)
        assert not list(other.rglob("*.*"))
        assert Post.objects.count() == ImportRun.objects.count() == 1

    def test_a_store_that_cannot_be_written_stops_the_import_and_loses_nothing(
        self, tmp_path, monkeypatch
    ):
        folder = write(tmp_path, chat([message(1, photo=picture(tmp_path, "a.jpg"))]))

        def full(*_, **__):
            raise StoreFull("var/objects: no space left on device")

        with monkeypatch.context() as patch, pytest.raises(StoreFull):
            patch.setattr(files.FileStore, "put", full)
            run(folder)

        assert not Post.objects.exists()
        assert Reservation.objects.count() == 0
        assert run(folder).clean
        assert ImportRun.objects.filter(finished_at__isnull=True).count() == 0


@pytest.mark.django_db
class TestCommand:
    def run(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        code = 0
        try:
            call_command("import_export", *map(str, arguments), stdout=out, stderr=err)
        except SystemExit as exit_:
            code = exit_.code
        return code, out.getvalue(), err.getvalue()

    def test_json_is_one_object_on_stdout(self, tmp_path):
        code, out, _ = self.run(write(tmp_path, chat([message(1, text="a")])), "--json")

        assert (code, json.loads(out)["new"]) == (0, 1)

    def test_a_dry_run_writes_nothing_and_says_what_would_be(self, tmp_path):
        folder = write(
            tmp_path, chat([message(1, photo=picture(tmp_path, "a.jpg")), message(2, photo="no")])
        )
        before = state()

        code, out, _ = self.run(folder, "--dry-run", "--json")

        report = json.loads(out)
        assert (code, report["dry_run"], report["new_or_updated"]) == (1, True, 2)
        assert report["media_stored"] == 1
        assert report["details"][0]["code"] == "missing_file"
        assert state() == before
        assert not ImportRun.objects.exists()
        assert not Channel.objects.exists()

    def test_limit_stops_after_so_many_messages(self, tmp_path):
        self.run(write(tmp_path, chat([message(n, text="x") for n in range(1, 9)])), "--limit", "3")

        assert Post.objects.count() == 3

    def test_problems_are_shown_with_file_and_message_and_give_exit_code_1(self, tmp_path):
        code, _, err = self.run(write(tmp_path, chat([message(5, photo="photos/no.jpg")])))

        assert code == 1
        assert "сообщение 5" in err
        assert "photos/no.jpg" in err

    @pytest.mark.parametrize(
        "arguments", [("/nowhere",), (".", "--timezone", "Mars"), (".", "--tenant", "x")]
    )
    def test_what_cannot_be_imported_at_all_says_why_with_exit_code_2(self, arguments):
        with pytest.raises(CommandError) as refusal:
            self.run(*arguments)

        assert refusal.value.returncode == 2
        assert len(str(refusal.value)) > 20


class TestInterruption:
    """The same end state, however often it was killed and whoever ran beside it."""

    def export(self, folder: Path, count: int = 120) -> Path:
        raws = []
        for n in range(1, count + 1):
            path = picture(folder, f"{n % 40}.jpg", size=(20 + n % 40, 20))
            raws.append(message(n, text=f"post {n}", photo=path))
        return write(folder, chat(raws))

    def expected(self, folder: Path) -> dict:
        run(folder)
        wanted = state()
        for model in (OutboxEvent, ImportRun, Post, Channel, MediaObject):
            model.objects.all().delete()
        services.remove(
            list(StoredObject.objects.values_list("key", flat=True)), now=datetime.now(UTC)
        )
        return wanted

    def normal(self, state: dict) -> dict:
        return state | {"usage": [row for row in state["usage"] if row[1]]}

    def test_two_imports_at_once_leave_what_one_leaves(self, tmp_path, monkeypatch):
        monkeypatch.setattr(batches, "BATCH_MESSAGES", 20)
        folder = self.export(tmp_path)
        wanted = self.expected(folder)
        failures = []

        def work():
            try:
                run(folder)
            except Exception as error:  # noqa: BLE001 - shown by the assertion
                failures.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []
        assert self.normal(state()) == self.normal(wanted)

    def test_killed_anywhere_and_run_again_it_ends_in_the_same_state(
        self, tmp_path, objects_dir, monkeypatch
    ):
        monkeypatch.setattr(liveness, "GONE_AFTER", 1.0)
        folder = self.export(tmp_path)
        wanted = self.expected(folder)

        for delay in (0.0, 0.05, 0.1, 0.2, 0.3):
            self.kill_after(delay, folder, objects_dir)
        run(folder)
        services.release_expired(now=datetime.now(UTC).replace(year=2099))

        assert self.normal(state()) == self.normal(wanted)

    def kill_after(self, delay: float, folder: Path, objects_dir: Path) -> None:
        """The child prints when it is about to begin; `delay` seconds later it is killed."""
        child = SetUpPython(
            "-c",
            CHILD,
            folder,
            objects_dir,
            connections["default"].settings_dict["NAME"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert child.stdout.readline() == b"ready\n"
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()


CHILD = """
import sys
from pathlib import Path
import django
django.setup()
from datetime import UTC
from django.conf import settings
from django.db import connections
connections["default"].settings_dict["NAME"] = sys.argv[3]
settings.OBJECTS_DIR = Path(sys.argv[2])
from accounts import tenants
from media.services import imports
from media.services.pipeline import batches
from media.sources.export import ExportSource
batches.BATCH_MESSAGES = 10
source = ExportSource(Path(sys.argv[1]), zone=UTC)
tenant = tenants.default_tenant()
print("ready", flush=True)
imports.import_export(source=source, path=Path(sys.argv[1]), tenant=tenant)
"""
