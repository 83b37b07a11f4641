"""Edits, deletions and counts of posts, from the user's side: import, ask, look."""

import json
import logging
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import StringIO
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from accounts import tenants
from accounts.models import User
from events.console import page_of, short_time
from events.errors import RetryLater
from media.history.channels import changes_of
from media.history.counts import readings
from media.history.counts.fake import FakeCounts
from media.history.counts.growth import Day, fastest_growing
from media.history.counts.readings import Reading
from media.history.read import history_of
from media.history.record import live
from media.history.record.origins import live_origin, save_source, save_state
from media.history.timeline import Shown
from media.models import (
    Channel,
    ChannelSource,
    CountsDue,
    MassDeletion,
    MediaObject,
    MessageSource,
    Post,
    PostCounts,
    PostSource,
    PostVersion,
)
from media.posts import post_row
from media.services import imports
from media.services.pipeline import batches, history, in_flight
from media.services.pipeline.channels import save_channel
from media.services.pipeline.upload import upload_pool
from media.sources.export import ExportSource
from media.sources.port import Chat, Message
from tests import channel_history
from tests import factories as make
from tests.unit.exports import NOT_INCLUDED, chat, message, write

pytestmark = pytest.mark.django_db(transaction=True)

START = 1781868410
"""The time of a message with the id 0, in seconds."""
SHARE = 0.2


def when(seconds: int) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


@pytest.fixture
def run(tmp_path):
    """Imports an export of these messages, made after the last of them."""
    exports = iter(range(100))

    def _(messages, **header):
        folder = write(tmp_path / str(next(exports)), chat(messages, **header))
        source = ExportSource(folder, zone=UTC, include_private=True)
        return imports.import_export(source=source, path=folder, tenant=tenants.default_tenant())

    return _


@pytest.fixture
def photo(tmp_path):
    """The path of a picture of this color in each of the exports."""

    def _(color, *, number):
        one = channel_history.Export(
            channel_history.History(random.Random(1)), tmp_path / str(number)
        )
        return one.file("photos/1.jpg", color, wanted=True)

    return _


def text(number, said, *, edited=None, **fields):
    entities = [{"type": "plain", "text": said}]
    times = {} if edited is None else {"edited_unixtime": str(START + edited)}
    return message(number, text=said, text_entities=entities, **times) | fields


def followed() -> Channel:
    """The channel of all exports, also before the first of them."""
    chat_of_it = Chat(-1002447843635, "public_channel", "Канал")
    return save_channel(chat_of_it, tenant=tenants.default_tenant())


def the_post(number=1) -> Post:
    return Post.objects.get(telegram_message_id=number)


def texts(number=1) -> list:
    return [(v.shown_from, v.content["text"]) for v in history_of(the_post(number)).versions]


class TestVersions:
    def test_an_edit_between_two_exports_is_a_version(self, run):
        run([text(1, "причал"), text(9, "z")])
        run([text(1, "причал №3", edited=20), text(9, "z")])

        assert texts() == [(when(1), "причал"), (when(20), "причал №3")]
        found = history_of(the_post())
        assert found.at(when(19)).version.content["text"] == "причал"
        assert found.at(when(20)).version.content["text"] == "причал №3"
        assert found.at(when(0)).shown is Shown.NOT_YET

    def test_the_page_shows_times_of_exports_in_the_zone_of_the_reader(self, run, client):
        run([text(1, "a")])
        run([text(1, "b", edited=60)])
        run([text(1, "c", edited=120)])
        client.force_login(User.objects.create_superuser("r", time_zone="Asia/Kamchatka"))

        page = client.get(page_of(Post, the_post().pk), headers={"accept-language": "en"})

        with timezone.override("Asia/Kamchatka"), translation.override("en"):
            expected = [f"export of {short_time(when(moment))}" for moment in (1, 60, 120)]
        assert re.findall(r"export of [^<]*", page.content.decode())[::-1] == expected

    def test_posts_that_never_change_have_no_rows_of_versions(self, run):
        run([text(1, "a"), text(2, "b")])
        run([text(1, "a"), text(2, "b"), text(3, "c")])

        assert not PostVersion.objects.exists()
        assert [len(history_of(p).versions) for p in Post.objects.all()] == [1, 1, 1]

    def test_counts_alone_are_no_version_but_are_kept_with_their_time(self, run):
        def export(count, last):
            reactions = [{"type": "emoji", "count": count, "emoji": "👍"}]
            return [text(1, "a", reactions=reactions), text(last, "z")]

        run(export(3, 9))
        run(export(8, 20))
        run(export(5, 15))  # older than the one before

        assert not PostVersion.objects.exists()
        found = history_of(the_post())
        assert [(c.at, c.reactions) for c in found.counts] == [
            (when(9), 3), (when(15), 5), (when(20), 8),
        ]  # fmt: skip
        assert found.at(when(16)).counts.reactions == 5

    def test_formatting_is_kept_and_its_change_is_a_version(self, run):
        def export(kind, edited=None, **more):
            parts = [{"type": "plain", "text": "на "}, {"type": kind, "text": "причал", **more}]
            return [text(1, "", edited=edited, text_entities=parts), text(9, "z")]

        run(export("bold"))
        run(export("text_link", edited=20, href="https://example.org/"))

        assert [v.content["formatting"] for v in history_of(the_post()).versions] == [
            [[3, 6, "bold"]], [[3, 6, "text_link", "https://example.org/"]],
        ]  # fmt: skip
        assert the_post().extra["formatting"] == [[3, 6, "text_link", "https://example.org/"]]

    def test_an_older_text_takes_no_formatting_of_a_newer_one(self, run):
        bold = [{"type": "bold", "text": "b"}]
        run([text(1, "b", edited=20, text_entities=bold)])
        run([text(1, "aaaa")])

        assert the_post().extra["formatting"] == [[0, 1, "bold"]]
        run([text(1, "cc", edited=30)])
        assert "formatting" not in the_post().extra

    def test_the_file_of_an_earlier_version_is_kept_from_every_cleanup(self, run, photo):
        run([message(1, photo=photo(1, number=0))])
        run([message(1, photo=photo(2, number=1), edited_unixtime=str(START + 20))])

        first, second = (v.content["files"] for v in history_of(the_post()).versions)
        assert first != second
        assert [m.refs_count for m in MediaObject.objects.filter(file_sha256__in=first)] == [1]
        assert the_post().media.get().file_sha256 == second[0]

    def test_an_export_without_the_file_adds_no_version(self, run, photo):
        run([message(1, photo=photo(1, number=0)), text(2, "z")])
        run([message(1, photo=NOT_INCLUDED), text(2, "z"), text(3, "z")])

        assert len(history_of(the_post()).versions) == 1
        assert not PostVersion.objects.exists()

    def test_the_same_export_read_in_a_better_way_is_no_edit(self, run, monkeypatch):
        run([text(1, "a")])
        Post.objects.update(content="garbage", source_fingerprint="")
        monkeypatch.setattr("media.sources.export.messages.convert._READING", 900)

        run([text(1, "a")])

        assert texts() == [(when(1), "a")]

    def test_an_import_that_is_repeated_writes_nothing(self, run):
        export = [text(1, "a", edited=20), text(2, "b")]
        run([text(1, "x"), text(2, "b")])
        run(export)
        rows = (PostSource, PostVersion, ChannelSource)
        before = [list(model.objects.order_by("pk").values()) for model in rows]

        run(export)
        run([text(1, "x"), text(2, "b")])

        assert [list(model.objects.order_by("pk").values()) for model in rows] == before

    def test_an_import_that_dies_in_a_batch_leaves_no_half_of_its_history(self, run, monkeypatch):
        run([text(n, "a") for n in range(1, 7)])
        monkeypatch.setattr(batches, "BATCH_MESSAGES", 2)
        whole, calls = history.record, iter(range(100))

        def dies(*args, **options):
            whole(*args, **options)
            if next(calls) == 1:
                raise KeyboardInterrupt

        monkeypatch.setattr(in_flight.history, "record", dies)
        newer = [text(n, f"b{n}", edited=20) for n in range(1, 6)]
        with pytest.raises(KeyboardInterrupt):
            run(newer)
        assert Post.objects.filter(content__startswith="b").count() == 2
        assert PostVersion.objects.count() == 4
        assert not Post.objects.filter(deleted_at__isnull=False).exists()
        monkeypatch.setattr(in_flight.history, "record", whole)

        run(newer)

        assert [len(history_of(the_post(n)).versions) for n in range(1, 7)] == [2] * 5 + [1]


class TestDeletions:
    def test_a_post_that_a_later_export_lacks_is_marked_and_kept(self, run):
        run([text(n, "a") for n in (1, 2, 3)])
        summary = run([text(1, "a"), text(3, "a"), text(9, "z")])

        post = the_post(2)
        assert (post.deleted_at, post.deletion) == (when(9), "absent")
        assert post.content == "a"
        assert summary.counts["deleted"] == 1
        found = history_of(post)
        assert found.at(when(8)).shown is Shown.VERSION
        assert found.at(when(9)).shown is Shown.DELETED
        assert found.at(when(9)).version.content["text"] == "a"

    def test_the_older_export_may_come_later(self, run):
        run([text(1, "a"), text(3, "a"), text(9, "z")])
        run([text(n, "a") for n in (1, 2, 3)])

        assert the_post(2).deleted_at == when(9)

    def test_one_that_is_seen_again_loses_the_mark(self, run):
        run([text(n, "a") for n in (1, 2, 3)])
        run([text(1, "a"), text(3, "a"), text(9, "z")])
        summary = run([text(n, "a") for n in (1, 2, 3, 12)])

        assert the_post(2).deleted_at is None
        assert summary.counts["undeleted"] == 1
        assert [(d.since, d.until) for d in history_of(the_post(2)).deletions] == [
            (when(9), when(12))
        ]

    @pytest.mark.parametrize(
        "present",
        [
            {"id": 2, "type": "service", "date_unixtime": str(START), "action": "x"},
            {"id": 2, "type": "unsupported", "date_unixtime": str(START)},
            {"id": 2, "type": "message", "date_unixtime": "no time"},
            {"type": "message", "text": "without an id"},
            "no message at all",
        ],
    )
    def test_a_message_that_could_not_be_read_is_not_taken_for_deleted(self, run, present):
        run([text(n, "a") for n in (1, 2, 3)])
        run([text(1, "a"), present, text(3, "a"), text(9, "z")])

        assert the_post(2).deleted_at is None

    @pytest.mark.parametrize(
        "present", [{"type": "service"}, {"type": "unsupported"}, {"date": ""}]
    )
    def test_nor_is_it_where_an_older_export_brings_it_later(self, run, present):
        unread = {"id": 2, "type": "message"} | present
        run([text(1, "a"), unread, text(3, "a"), text(9, "z")])
        run([text(n, "a") for n in (1, 2, 3)])

        assert the_post(2).deleted_at is None
        assert history_of(the_post(2)).deletions == []

    def test_an_export_of_a_part_deletes_nothing_outside_of_it(self, run):
        run([text(n, "a") for n in range(1, 9)])
        run([text(n, "a") for n in (4, 6)] + [text(7, "a", edited=30)])

        gone = Post.objects.filter(deleted_at__isnull=False)
        assert [p.telegram_message_id for p in gone] == [5]

    def test_an_export_of_a_group_deletes_nothing(self, run):
        group = {"type": "public_supergroup"}
        run([text(n, "a") for n in (1, 2, 3)], **group)
        run([text(1, "a"), text(3, "a"), text(9, "z")], **group)  # "only my messages", perhaps

        assert the_post(2).deleted_at is None

    def test_a_message_that_the_database_refuses_is_not_taken_for_deleted(self, run, monkeypatch):
        run([text(n, "a") for n in (1, 2, 3)])
        whole = post_row.build

        def spoiled(channel, parsed):
            row = whole(channel, parsed)
            if row.telegram_message_id == 2:
                row.content = "\ud800"
            return row

        monkeypatch.setattr(post_row, "build", spoiled)
        summary = run([text(1, "b", edited=9), text(2, "b", edited=10), text(3, "a")])

        assert summary.counts["problems"] == 1
        assert not Post.objects.filter(deleted_at__isnull=False).exists()

    def test_a_mass_deletion_is_said_and_takes_nothing_away(self, run, photo, caplog):
        run([message(1, photo=photo(1, number=0))] + [text(n, "a") for n in range(2, 41)])
        stored = list(MediaObject.objects.values_list("file_sha256", "refs_count"))
        with caplog.at_level(logging.WARNING):
            summary = run([text(2, "a"), text(40, "a"), text(50, "z")])

        assert summary.counts["deleted"] == 37
        assert summary.counts["mass_deletions"] == 1
        [mass] = MassDeletion.objects.all()
        assert (mass.first_at, mass.posts, mass.of_posts) == (when(50), 37, 41)
        assert "37 of 41 posts" in caplog.text
        assert Post.objects.count() == 41
        assert list(MediaObject.objects.values_list("file_sha256", "refs_count")) == stored

    def test_a_mass_deletion_that_turns_out_to_be_none_is_forgotten(self, run):
        run([text(n, "a") for n in range(1, 41)])
        run([text(1, "a"), text(50, "z")])
        assert MassDeletion.objects.exists()

        run([text(n, "a") for n in range(1, 41)] + [text(60, "z")])

        assert not MassDeletion.objects.exists()


class TestLive:
    """What the source that listens to Telegram will call."""

    def test_a_deletion_is_marked_with_its_time_and_repeating_it_changes_nothing(self, run):
        run([text(n, "a") for n in (1, 2, 3)])
        channel = Channel.objects.get()
        origin = live_origin("7900", now=when(60))

        counts = [
            live.record_deletions(channel, [2, 99], origin=origin, at=when(60)) for _ in range(2)
        ]

        assert counts == [1, 0]
        assert (the_post(2).deleted_at, the_post(2).deletion) == (when(60), "live")
        assert history_of(the_post(2)).at(when(59)).shown is Shown.VERSION

    @pytest.mark.parametrize("order", list(permutations(("older", "newer", "told"))))
    def test_a_deletion_is_the_same_whenever_the_post_comes(self, run, order):
        """A newer export, which begins after the post, says nothing of it."""
        happen = {
            "older": lambda: run([text(n, "a") for n in (1, 2, 3)]),
            "newer": lambda: run([text(n, "b") for n in (20, 21)]),
            "told": lambda: live.record_deletions(
                followed(), [2, 99], origin=live_origin("7900", now=when(60)), at=when(60)
            ),
        }
        for _ in range(2):
            for step in order:
                happen[step]()

            assert (the_post(2).deleted_at, the_post(2).deletion) == (when(60), "live")
            [deletion] = history_of(the_post(2)).deletions
            assert (deletion.since, deletion.how) == (when(60), "live")
            assert Post.objects.filter(deleted_at__isnull=False).count() == 1
            assert [said.telegram_message_id for said in MessageSource.objects.all()] == [99]

    def test_a_post_that_was_seen_after_a_deletion_that_was_told_before_it_came_is_there(self, run):
        live.record_deletions(followed(), [2], origin=live_origin("7900", now=when(5)), at=when(5))
        run([text(n, "a") for n in (1, 2, 9)])

        assert the_post(2).deleted_at is None

    def test_edits_that_come_in_one_by_one_are_versions_and_exports_fit_in_between(self, run):
        channel = make.channel(
            owner=tenants.default_tenant(), tg_channel_id=-1002447843635, kind="public_channel"
        )
        for said, edited in (("a", None), ("b", 40), ("a", 50)):
            self.receive(channel, Message(1, when(1), text=said, edited_at=edited and when(edited)))
        run([text(1, "between", edited=45), text(9, "z", edited=47)])

        assert texts() == [(when(1), "a"), (when(40), "b"), (when(45), "between"), (when(50), "a")]
        assert the_post().content == "a"

    def receive(self, channel, one):
        now = one.edited_at or one.posted_at
        with upload_pool() as pool:
            started = in_flight.start(
                None, channel=channel, messages=[replace(one, fingerprint=now.isoformat())],
                pool=pool, now=now, origin=live_origin("7900", now=now),
                as_of=f"{now:%Y-%m-%dT%H:%M:%S}Z/1",
            )  # fmt: skip
            in_flight.finish(started)

    def test_a_later_export_that_has_it_takes_the_mark_away(self, run):
        run([text(n, "a") for n in (1, 2, 3)])
        live.record_deletions(
            Channel.objects.get(), [2], origin=live_origin("7900", now=when(5)), at=when(5)
        )
        run([text(n, "a") for n in (1, 2, 3, 9)])

        assert the_post(2).deleted_at is None

    def test_deletions_one_by_one_are_a_mass_deletion_once_they_are_many(self, run):
        run([text(n, "a") for n in range(1, 41)])
        channel = Channel.objects.get()
        for number in range(1, 13):
            at = when(60 + number)
            live.record_deletions(channel, [number], origin=live_origin("7900", now=at), at=at)

        [mass] = MassDeletion.objects.all()
        assert (mass.posts, mass.last_at) == (12, when(72))
        assert Post.objects.count() == 40

    def test_what_becomes_of_a_channel_is_recognized(self, run):
        run([text(1, "a")], name="Причал")
        run([text(1, "a"), text(9, "z")], name="Причал №3")
        run([text(1, "a"), text(12, "z")], name="Причал №3", type="private_channel")
        channel = Channel.objects.get()
        other = make.channel(owner=channel.tenant)
        origin = live_origin("7900", now=when(60))
        live.record_migration(channel, other, origin=origin)
        live.record_private(channel, origin=live_origin("7900", now=when(70)))

        found = [(c.at, c.field, c.before, c.after) for c in changes_of(channel)][::-1]

        assert found == [
            (when(9), "title", "Причал", "Причал №3"),
            (when(12), "kind", "public_channel", "private_channel"),
            (when(60), "migrated_to", None, other.tg_channel_id),
            (when(70), "is_private", False, True),
        ]
        assert changes_of(other)[0].after == channel.tg_channel_id

    def test_an_unchanged_channel_is_kept_once(self, run):
        run([text(1, "a")])
        channel = Channel.objects.get()
        seen = Chat(channel.tg_channel_id, "public_channel", "Причал", "prichal")
        for minute in range(3):
            origin = live_origin("7900", now=when(60 * minute))
            live.record_channel(channel, origin=origin, chat=seen)

        assert channel.states.filter(source__kind="live").count() == 1


def counts_at(now) -> FakeCounts:
    """Says one view for each second since a message with the id 0 was posted."""
    return FakeCounts(lambda _: int(now.timestamp()) - START)


class TestCounts:
    @pytest.fixture
    def post(self):
        return make.post(at=when(0), telegram_message_id=0)

    def test_they_are_read_by_the_schedule_and_never_more_often(self, post):
        readings.follow([post], now=post.posted_at)
        asked = []
        for minute in range(0, 24 * 60, 5):
            now = post.posted_at + timedelta(minutes=minute)
            asked += [minute] * readings.read_due(counts_at(now), post.channel, now=now)

        assert asked[:6] == [10, 20, 30, 40, 50, 60]
        assert len(asked) <= 25
        assert PostCounts.objects.count() == len(asked)
        post.refresh_from_db()
        assert post.views_count == asked[-1] * 60

    def test_of_an_interval_the_last_reading_is_kept_in_whatever_order_they_come(self, post):
        times = [post.posted_at + timedelta(minutes=m) for m in (1, 5, 9, 12)]
        for now in (times[1], times[3], times[2], times[0]):
            views = int((now - post.posted_at).total_seconds())
            readings.record({0: post}, [Reading(0, views=views)], at=now)

        assert [c.views for c in history_of(post).counts] == [540, 720]
        post.refresh_from_db()
        assert post.views_count == 720

    def test_a_post_that_is_gone_is_not_asked_about(self, post):
        readings.follow([post], now=when(0))
        Post.objects.update(deleted_at=when(1), deletion="live")
        source = counts_at(when(9000))

        assert readings.read_due(source, post.channel, now=when(9000)) == 0
        assert source.asked == []
        assert readings.channels_due(now=when(9000)) == []

    def test_the_longest_due_are_read_first_and_the_rest_stays_due(self, post):
        posts = [make.post(of=post.channel, at=when(0), telegram_message_id=n) for n in range(1, 6)]
        readings.follow(posts, now=when(0))
        CountsDue.objects.filter(post=posts[4]).update(due_at=when(-100))

        source = counts_at(when(9000))
        readings.read_due(source, post.channel, now=when(9000), most=2)

        assert 5 in source.asked[0]
        assert CountsDue.objects.filter(due_at__lte=when(9000)).count() == 3
        assert readings.channels_due(now=when(9000)) == [post.channel_id]

    def test_what_was_read_before_telegram_asks_for_patience_is_kept(self, post):
        posts = [make.post(of=post.channel, at=when(0), telegram_message_id=n) for n in (1, 2)]
        readings.follow(posts, now=when(0))

        def busy(number):
            if number == last[0]:
                raise RetryLater("flood", after=timedelta(minutes=5))
            return 7

        due = CountsDue.objects.order_by("due_at")
        CountsDue.objects.filter(post=posts[1]).update(due_at=when(-100))
        last = [1]
        with pytest.raises(RetryLater):
            readings.read_due(FakeCounts(busy), post.channel, now=when(9000))

        assert [row.post_id for row in due.filter(due_at__lte=when(9000))] == [posts[0].pk]
        assert PostCounts.objects.get().post == posts[1]

    def test_a_message_that_is_not_there_any_more_is_asked_about_later(self, post):
        readings.follow([post], now=when(0))

        assert readings.read_due(FakeCounts(lambda _: None), post.channel, now=when(9000)) == 0
        assert not CountsDue.objects.filter(due_at__lte=when(9000)).exists()

    def test_what_comes_in_live_is_a_reading_and_is_read_again(self, run, post):
        channel, at = post.channel, when(30)
        said = [Message(5, when(0), text="a", views=n, fingerprint=str(n)) for n in (3, 8)]
        for number, one in enumerate(said):
            now = at + timedelta(minutes=number)
            origin = live_origin("7900", now=now)
            with upload_pool() as pool:
                started = in_flight.start(
                    None, channel=channel, messages=[one], pool=pool, now=now, origin=origin,
                    as_of=f"{now:%Y-%m-%dT%H:%M:%S}Z/5",
                )  # fmt: skip
                in_flight.finish(started)

        found = history_of(the_post(5))
        assert [(c.at, c.views) for c in found.counts] == [(at + timedelta(minutes=1), 8)]
        assert [v.sources for v in found.versions] == [["live:7900"]]
        assert CountsDue.objects.filter(post=the_post(5)).exists()

    def test_the_fastest_growing_of_a_day(self, post):
        day = Day(when(0) + timedelta(days=3), when(0) + timedelta(days=4))
        old, fresh, unknown = (
            make.post(of=post.channel, at=at, telegram_message_id=n)
            for n, at in ((1, when(0)), (2, day.start), (3, when(0)))
        )

        def read(of, views, at):
            readings.record(
                {of.telegram_message_id: of}, [Reading(of.telegram_message_id, views=views)], at=at
            )

        read(old, 100, when(600))
        read(old, 150, day.start + timedelta(hours=3))
        read(old, 400, day.end + timedelta(hours=6))  # of the next day
        read(fresh, 70, day.end - timedelta(hours=1))
        read(unknown, 9000, day.end - timedelta(hours=1))  # never read before

        found = fastest_growing(day, [post.tenant_id], metric="views")

        assert [(g.post, g.growth, g.value) for g in found] == [(fresh, 70, 70), (old, 50, 150)]
        assert fastest_growing(day, [make.tenant().pk], metric="views") == []

    def test_exports_say_how_reactions_grew(self, run):
        def export(count, last, day):
            reactions = [{"type": "emoji", "count": count, "emoji": "👍"}]
            late = {"date_unixtime": str(START + 86400 * day)}
            return [text(1, "a", reactions=reactions), text(last, "z", **late)]

        run(export(3, 9, 0))
        run(export(8, 20, 2))
        start = when(86400)

        found = fastest_growing(
            Day(start, start + timedelta(days=2)),
            [tenants.default_tenant().pk],
            metric="reactions",
        )

        assert [(g.growth, g.value) for g in found] == [(5, 8)]

    @pytest.mark.parametrize("zone", ["UTC", "Europe/Moscow", "Pacific/Apia"])
    def test_a_day_is_one_of_the_time_zone(self, zone):
        day = Day.of(datetime(2026, 3, 29, tzinfo=UTC).date(), ZoneInfo(zone))

        assert day.start.utcoffset() == day.start.tzinfo.utcoffset(day.start)
        assert (day.start.hour, day.start.day, day.end.day) == (0, 29, 30)


class TestCommandsAndApi:
    @pytest.fixture
    def edited(self, run):
        run([text(1, "причал"), text(9, "z")])
        run([text(1, "причал №3", edited=20), text(9, "z")])
        Channel.objects.update(username="prichal")
        return the_post()

    def show(self, *args, **options):
        out = StringIO()
        call_command("show_post", *args, stdout=out, **options)
        return out.getvalue()

    @pytest.mark.parametrize(
        "reference",
        ["{0.pk}", "https://t.me/prichal/1", "t.me/c/2447843635/1?single", "prichal/1",
         "@prichal/1", "1002447843635/1", "Канал/1", "{0.channel_id}/1"],
    )  # fmt: skip
    def test_a_post_is_found_by_whatever_people_call_it(self, edited, reference):
        found = json.loads(self.show(reference.format(edited), json=True))

        assert found["post_id"] == str(edited.pk)

    @pytest.mark.parametrize("reference", ["prichal/2", "nobody/1", "1", "https://t.me/prichal"])
    def test_one_that_is_not_there_is_refused_with_how_to_name_one(self, edited, reference):
        with pytest.raises(CommandError, match="name one by its id") as refusal:
            self.show(reference)

        assert refusal.value.returncode == 2

    @pytest.mark.parametrize("bare", [79, 1_234_567_890, 12_345_678_901, 999_999_999_999])
    def test_the_link_of_a_private_channel_is_found_whatever_its_id(self, run, bare):
        run([text(1, "причал")])
        Channel.objects.update(tg_channel_id=-(10**12) - bare)
        channel = Channel.objects.get()

        link = post_row.post_url(channel, 1)

        assert link == f"https://t.me/c/{bare}/1"
        assert json.loads(self.show(link, json=True))["post_id"] == str(the_post().pk)

    @pytest.mark.parametrize(
        "at", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "9999-12-31T23:59Z"]
    )
    def test_an_instant_at_the_end_of_the_calendar_is_refused(self, edited, client, at):
        with timezone.override("Europe/Moscow"):
            with pytest.raises(CommandError, match="не дата"):
                self.show("prichal/1", "--at", at)
            client.force_login(make.member("viewer", edited.tenant))
            answer = client.get(f"/api/v1/posts/{edited.pk}/at", {"time": at})
        assert answer.status_code in (200, 422)

    def test_the_instant_may_be_given_in_any_time_zone(self, edited):
        moscow = (when(19) + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%S+03:00")

        found = json.loads(self.show("prichal/1", "--at", moscow, json=True))

        assert (found["state"], found["text"]) == ("version", "причал")

    def test_the_hash_can_be_checked_by_anybody(self, edited):
        found = json.loads(self.show("prichal/1", json=True))

        content = {
            "text": found["text"], "formatting": found["formatting"], "media": found["media_kind"],
            "files": None if found["media"] is None else [m["sha256"] for m in found["media"]],
        }  # fmt: skip
        canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert sha256(canonical.encode()).hexdigest() == found["hash"]

    def test_in_words_it_says_what_it_was_and_that_it_is_gone(self, edited, run):
        run([text(9, "z", edited=50)])  # the first message is outside of it
        live.record_deletions(
            edited.channel, [1], origin=live_origin("7900", now=when(70)), at=when(70)
        )

        with timezone.override("UTC"), translation.override("en"):
            assert "причал №3" in self.show("prichal/1", "--at", when(69).isoformat())
            assert "Deleted in Telegram, noticed at 2026-" in self.show("prichal/1")
            assert "not posted yet" in self.show("prichal/1", "--at", "2020-01-01")
            assert self.show("prichal/1", "--versions").count("SHA-256") == 2
        with translation.override("ru"):
            assert "Удалён в Telegram" in self.show("prichal/1")

    def test_the_api_says_the_same(self, edited, client):
        client.force_login(make.member("viewer", edited.tenant))
        address = f"/api/v1/posts/{edited.pk}"

        # A plus that nobody escaped arrives as a blank.
        plain = (when(19) + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%S+03:00")
        at = client.get(f"{address}/at?time={plain}").json()
        found = client.get(f"{address}/versions").json()

        assert (at["text"], at["hash"]) == ("причал", found["versions"][0]["hash"])
        assert [v["text"] for v in found["versions"]] == ["причал", "причал №3"]
        assert client.get(f"{address}/counts").json()["counts"] == []
        assert client.get(f"{address}/at").status_code == 422
        assert client.get(f"{address}/at?time=yesterday").status_code == 422
        assert client.get(f"{address}/at?time=1970-01-01").json()["state"] == "not_yet"

    def test_growth_by_command_and_api(self, edited, client):
        make.history(edited, at=make.NOW)
        client.force_login(make.member("viewer", edited.tenant))
        out = StringIO()
        call_command("growth", "--day", "2026-11-22", "--json", stdout=out)

        [found] = json.loads(out.getvalue())["results"]

        [same] = client.get("/api/v1/growth?day=2026-11-22").json()["results"]
        assert (found["post_id"], found["growth"], found["value"]) == (str(edited.pk), 10, 20)
        assert same["growth"] == 10
        assert client.get("/api/v1/growth?by=likes").status_code == 422
        assert client.get("/api/v1/growth?day=2026-13-01").status_code == 422


class TestConsole:
    @pytest.fixture
    def looker(self, client):
        client.force_login(make.member("viewer", tenants.default_tenant()))
        return client

    def test_the_page_of_a_post_shows_what_each_version_changed(self, run, looker):
        run([text(1, "Вечер <b>, причал"), text(2, "a"), text(9, "z")])
        run([text(1, "Вечер <b>, мостки", edited=20), text(9, "z", edited=30)])

        page = looker.get(f"/admin/media/post/{the_post().pk}/change/").content.decode()

        assert "<del>причал</del><ins>мостки</ins>" in page
        assert "Вечер &lt;b&gt;" in page
        gone = looker.get(f"/admin/media/post/{the_post(2).pk}/change/").content.decode()
        assert "Удалён в Telegram: в экспорте от" in gone

    def test_lists_tell_deleted_and_edited_posts(self, run, looker):
        run([text(n, f"текст{n}") for n in (1, 2, 3)])
        run([text(1, "текст1", edited=20), text(3, "текст3"), text(9, "z")])

        def listed(query):
            page = looker.get(f"/admin/media/post/?{query}").content.decode()
            return [n for n in (1, 2, 3) if f"текст{n}" in page]

        assert listed("deleted=1") == [2]
        assert listed("deleted=0") == [1, 3]
        assert listed("is_edited__exact=1") == [1]
        assert "console-deleted" in looker.get("/admin/media/post/").content.decode()

    def test_the_page_of_a_channel_says_what_became_of_it(self, run, looker):
        run([text(n, "a") for n in range(1, 41)], name="Причал")
        run([text(1, "a"), text(50, "z")], name="Мостки")
        page = looker.get(f"/admin/media/channel/{Channel.objects.get().pk}/change/")

        content = page.content.decode()

        assert "<td>Причал</td><td>Мостки</td>" in content
        assert re.search(r"39 (of|из) 41", content)
        assert looker.get("/admin/growth/?day=2026-11-22&by=reactions").status_code == 200
        for odd in ("day=9999-12-31", "day=0001-01-01", "day=x&by=y", "day=%00"):
            assert looker.get(f"/admin/growth/?{odd}").status_code == 200


class TestBigChannels:
    def test_the_statements_of_an_import_do_not_grow_with_its_posts(self, run):
        def statements(count, said, edited=None):
            export = [text(n, said, edited=edited) for n in range(1, count + 1)]
            with CaptureQueriesContext(
                connection,
            ) as found:
                run(export)
            return len(found)

        run([text(1, "warm")])
        few = statements(20, "b", 20_000)
        many = statements(600, "c", 30_000)

        assert many <= few + 8

    @pytest.mark.long
    def test_ten_thousand_posts_and_their_edits(self, run):
        count = 10_000
        run([text(n, f"a{n}") for n in range(1, count + 1)])
        run([text(n, f"b{n}", edited=20_000) for n in range(1, count + 1) if n % 10])

        assert PostVersion.objects.count() == 2 * 9_000
        assert Post.objects.filter(deleted_at__isnull=False).count() == 999
        with CaptureQueriesContext(connection) as found:
            history_of(the_post(7))
        assert len(found) <= 6


def test_a_state_of_a_live_source_is_kept_with_its_time(run):
    run([text(1, "a")])
    channel = Channel.objects.get()
    source = save_source(channel, live_origin("7900", now=when(60)))
    for minute, title in enumerate(("a", "b", "a")):
        chat_seen = Chat(channel.tg_channel_id, "public_channel", title)
        save_state(channel, source, chat_seen, at=when(60 * minute))

    assert [s.title for s in source.states.order_by("seen_at")] == ["a", "b", "a"]
