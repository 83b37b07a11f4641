"""Whatever the order in which exports of a channel are imported, the archive is the same."""

import random
import tempfile
import threading
from datetime import UTC
from pathlib import Path

import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Tenant
from albums.models import MediaGroup
from events.delivery import worker
from media.history.read import history_of
from media.models import Channel, MediaObject, Post
from media.posts import post_row
from media.services import imports
from media.services.pipeline import batches
from media.sources.export import ExportSource
from tests import channel_history
from tests.unit.exports import NOT_INCLUDED, chat, message, write

pytestmark = pytest.mark.django_db(transaction=True)

NOT_OF_THE_ARCHIVE = {
    "id", "tenant_id", "channel_id", "as_of", "telegram_post_url",  # checked apart, or derived
    "revision", "source_fingerprint", "said_as",  # how it came, not what it is
}  # fmt: skip


def run(folder: Path, tenant: Tenant, **options) -> imports.ImportSummary:
    source = ExportSource(folder, zone=UTC)
    return imports.import_export(source=source, path=folder, tenant=tenant, **options)


def archive(tenant: Tenant) -> dict:
    """Everything that is known of the tenant's one channel, by what Telegram calls it."""
    channel = Channel.objects.get(tenant=tenant)
    columns = [name for name in post_row.COLUMNS if name not in NOT_OF_THE_ARCHIVE]
    posts = {}
    for post in Post.objects.filter(tenant=tenant).select_related("sighting"):
        sighting = getattr(post, "sighting", None)
        posts[post.telegram_message_id] = {name: getattr(post, name) for name in columns} | {
            "as_of": max(post.as_of, sighting.as_of if sighting else ""),
            "shows": list(
                post.post_media.order_by("position").values_list(
                    "position", "role", "media_object__file_sha256"
                )
            ),
            **history(post),
        }
    albums = MediaGroup.objects.filter(tenant=tenant, items_count__gt=0)
    return {
        "channel": (channel.title, channel.kind, channel.last_message_id, channel.last_message_at),
        "posts": posts,
        "albums": {
            album.grouped_id: (
                album.caption_text,
                album.album_kind,
                album.posted_at,
                [i.post.telegram_message_id for i in album.items.select_related("post")],
            )
            for album in albums
        },
    }


def history(post: Post) -> dict:
    """What the post was at any instant, and what is said of the sources that had it."""
    found = history_of(post)
    last = found.deletions[-1] if found.deletions else None
    is_gone = last is not None and last.until is None
    assert (post.deleted_at, post.deletion) == ((last.since, last.how) if is_gone else (None, ""))
    for version in found.versions:
        for sha256 in version.content.get("files", ()):
            assert MediaObject.objects.get(tenant=post.tenant, file_sha256=sha256).refs_count
    return {
        "versions": [
            (v.shown_from, v.is_exact, dict(v.content), sorted(v.sources)) for v in found.versions
        ],
        "deletions": found.deletions,
        "counts": [(c.at, c.reactions) for c in found.counts],
    }


def in_order(folders: list[Path], name: str) -> dict:
    tenant = Tenant.objects.create(name=name)
    for folder in folders:
        run(folder, tenant)
    worker.drain("default")
    return archive(tenant)


def differences(one: dict, other: dict) -> dict:
    """What to look at when they are not equal."""
    posts = {
        (number, name): (one["posts"][number][name], other["posts"].get(number, {}).get(name))
        for number in one["posts"]
        for name in one["posts"][number]
        if one["posts"][number][name] != other["posts"].get(number, {}).get(name)
    }
    rest = {k: (one[k], other[k]) for k in ("channel", "albums") if one[k] != other[k]}
    return posts | rest


def check_orders(seed: int, *, count: int, steps: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        folders = channel_history.exports(chance, Path(scratch), count=count, steps=steps)
        expected = in_order(folders, f"{seed} oldest first")
        for attempt in range(2):
            order = chance.sample(folders, len(folders)) + chance.choices(folders, k=attempt)
            found = in_order(order, f"{seed} {attempt}")
            numbers = [int(folder.name) for folder in order]
            assert found == expected, (numbers, differences(expected, found))


class TestAnyOrder:
    @given(st.integers(0, 2**32))
    @settings(max_examples=1, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_the_archive_is_the_same(self, seed):
        check_orders(seed, count=3, steps=12)

    @pytest.mark.long
    @given(st.integers(0, 2**32))
    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_the_archive_is_the_same_for_many_exports_of_a_long_history(self, seed):
        check_orders(seed, count=4, steps=25)


def title(name: str, number: int) -> dict:
    """The service message that a change of the title leaves."""
    raw = message(number, action="edit_group_title", title=name)
    return raw | {"type": "service"}


class TestOlderExports:
    """Each of these took something back, or filled nothing, before ages were known."""

    def both_orders(self, tmp_path, old: dict, new: dict) -> dict:
        folders = [write(tmp_path / "old", old), write(tmp_path / "new", new)]
        found = in_order(folders, "old first")
        assert in_order(folders[::-1], "new first") == found
        return found

    def test_take_back_neither_title_nor_reactions_nor_names_of_files(self, tmp_path):
        def raw(count, name):
            reactions = [{"type": "emoji", "count": count, "emoji": "👍"}]
            return message(1, reactions=reactions, file=NOT_INCLUDED, file_name=name)

        found = self.both_orders(
            tmp_path,
            chat([raw(9, "смета.pdf")], name="Старое"),
            chat([raw(4, "Смета причала.pdf"), title("Новое", 2)], name="Новое"),
        )

        assert found["channel"][0] == "Новое"
        post = found["posts"][1]
        assert (post["reactions_count"], post["media_name"]) == (4, "Смета причала.pdf")

    def test_fill_what_the_newer_one_does_not_say(self, tmp_path):
        reactions = [{"type": "emoji", "count": 9, "emoji": "👍"}]
        found = self.both_orders(
            tmp_path,
            chat([message(1, text="a", author="Ира", reactions=reactions)], name="Имя"),
            chat([message(1, text="b", edited_unixtime="1781868999")], name=None),
        )

        assert found["channel"][0] == "Имя"
        post = found["posts"][1]
        assert (post["content"], post["post_author"], post["reactions_count"]) == ("b", "Ира", 9)

    def test_an_edit_makes_an_export_newer_than_one_with_later_posts(self, tmp_path):
        found = self.both_orders(
            tmp_path,
            chat([message(1, text="a"), message(50, text="later")], name="Старое"),
            chat([message(1, text="b", edited_unixtime="1781869999")], name="Новое"),
        )

        assert (found["channel"][0], found["posts"][1]["content"]) == ("Новое", "b")

    def test_are_not_made_newer_by_a_date_that_a_text_shows(self, tmp_path):
        date = {"type": "formatted_date", "text": "31 декабря", "date_unixtime": "1782000000"}
        rich = {"blocks": [{"type": "paragraph", "text": date | {"id": 999}}]}
        found = self.both_orders(
            tmp_path,
            chat([message(1, text="a"), message(2, rich_message=rich)], name="Старое"),
            chat([message(1, text="b", edited_unixtime="1781869999")], name="Новое"),
        )

        assert (found["channel"][0], found["posts"][1]["content"]) == ("Новое", "b")

    @pytest.mark.costly
    def test_an_unchanged_post_is_as_new_as_the_newest_export_that_had_it(self, tmp_path):
        def export(number, count):
            reactions = [{"type": "emoji", "count": count, "emoji": "👍"}]
            raws = [message(1, reactions=reactions), message(number, text="newest")]
            return write(tmp_path / str(number), chat(raws))

        first, between, last = export(2, 5), export(3, 7), export(4, 5)

        found = in_order([first, last, between], "last")

        assert found["posts"][1]["reactions_count"] == 5
        assert in_order([between, last, first], "last first") == found

    def test_a_file_that_an_older_export_shows_differently_is_kept_for_its_version_only(
        self, tmp_path
    ):
        def export(name, number, color):
            history = channel_history.Export(
                channel_history.History(random.Random(1)), tmp_path / name
            )
            path = history.file("photos/1.jpg", color, wanted=True)
            edited = str(1781868500 + number)
            return write(tmp_path / name, chat([message(1, photo=path, edited_unixtime=edited)]))

        old, new = export("old", 1, 1), export("new", 2, 2)
        tenant = Tenant.objects.create(name="t")
        run(new, tenant)

        summary = run(old, tenant)

        assert (summary.counts["unchanged"], summary.counts["media_stored"]) == (1, 1)
        post = Post.objects.get()
        assert post.media.get().refs_count == 2  # by the post and its latest version
        assert MediaObject.objects.exclude(pk__in=post.media.all()).get().refs_count == 1

    def test_a_second_import_of_a_newer_export_writes_nothing(self, tmp_path):
        raws = [message(n, text=str(n)) for n in range(1, 4)]
        tenant = Tenant.objects.create(name="t")
        run(write(tmp_path / "1", chat(raws[:2])), tenant)
        newer = write(tmp_path / "2", chat(raws))
        assert run(newer, tenant).counts["unchanged"] == 2

        before = list(Post.objects.order_by("pk").values())
        summary = run(newer, tenant)

        assert summary.counts["unchanged"] == 3
        assert list(Post.objects.order_by("pk").values()) == before

    def test_the_same_export_read_in_a_better_way_counts(self, tmp_path, monkeypatch):
        folder, tenant = write(tmp_path, chat([message(1, text="вёсла")])), Tenant.objects.create()
        run(folder, tenant)
        Post.objects.update(content="вёслаtext и blocks", urls=["https://garbage"])
        monkeypatch.setattr("media.sources.export.messages.convert._READING", 900)

        run(folder, tenant)

        post = Post.objects.get()
        assert (post.content, post.urls) == ("вёсла", [])

    def test_dates_of_exports_before_2022_count_as_well(self, tmp_path):
        def raw(number, day, text):
            made = message(number, text=text, date=f"2019-03-{day:02}T10:00:00")
            return {k: v for k, v in made.items() if k != "date_unixtime"}

        found = self.both_orders(
            tmp_path,
            chat([raw(1, 1, "a"), raw(2, 5, "b")], name="Старое"),
            chat([raw(1, 1, "c"), raw(2, 5, "b"), raw(3, 6, "d")], name="Новое"),
        )

        assert (found["channel"][0], found["posts"][1]["content"]) == ("Новое", "c")


class TestInterruptedAndAtOnce:
    def folders(self, tmp_path: Path) -> list[Path]:
        return channel_history.exports(random.Random(5), tmp_path, count=3, steps=20)

    def test_an_older_import_that_is_broken_off_and_done_again_takes_nothing_back(
        self, tmp_path, monkeypatch
    ):
        folders = self.folders(tmp_path)
        expected = in_order(folders, "whole")
        monkeypatch.setattr(batches, "BATCH_MESSAGES", 4)
        tenant = Tenant.objects.create(name="broken off")
        for folder in (folders[2], folders[0], folders[1]):
            for limit in (5, 9):
                run(folder, tenant, limit=limit)
            run(folder, tenant)
        worker.drain("default")

        assert archive(tenant) == expected

    @pytest.mark.costly
    def test_exports_of_different_age_imported_at_once(self, tmp_path, monkeypatch):
        folders = self.folders(tmp_path)
        expected = in_order(folders, "one by one")
        monkeypatch.setattr(batches, "BATCH_MESSAGES", 3)
        tenant = Tenant.objects.create(name="at once")
        failures = []

        def work(folder):
            try:
                run(folder, tenant)
            except BaseException as error:  # noqa: BLE001 - shown by the test
                failures.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work, args=(folder,)) for folder in folders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        worker.drain("default")

        assert failures == []
        found = archive(tenant)
        assert found == expected, differences(expected, found)
