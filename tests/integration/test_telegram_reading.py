"""A channel is read from Telegram: whole, once, and nothing is skipped silently."""

import errno
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from media import tasks
from media.gauges import ChannelCollector
from media.models import (
    Channel,
    ChannelFeed,
    ChannelGap,
    CountsDue,
    FeedState,
    ImportRun,
    Post,
    PostCounts,
    PostMedia,
    TelegramAccount,
)
from media.services.pipeline import run
from media.services.telegram import count_passes, passes
from media.services.telegram.accounts import access as telegram
from media.services.telegram.accounts import rests
from media.services.telegram.channels import feeds, status
from media.services.telegram.reading import ahead, gaps, ingest, live_batches
from media.services.telegram.reading.ingest import Order
from media.services.telegram.reading.live_source import LiveSource, delete_left_parts
from media.sources.port import FileRefused
from media.sources.telegram.failures import (
    JOIN,
    RESOLVE,
    ChannelClosed,
    FloodWait,
    MethodWait,
    Unreachable,
)
from media.sources.telegram.live_message import Beside
from media.sources.telegram.port import SMALL_FILE_BYTES, Peer, RemoteFile
from tests.counted import Growth
from tests.telegram_fake import BEGAN, CHANNEL, fill, photo

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """Nobody catches it: as little is tidied up as where a process is killed."""


def read(account, **order) -> ChannelFeed:
    account.refresh_from_db()
    with telegram.connected(account) as access:
        feed = ingest.add(access, account, "@channel").feed
        ingest.read_channel(access, feed, Order(**order))
    feed.refresh_from_db()
    return feed


def ids() -> list[int]:
    found = Post.objects.order_by("telegram_message_id")
    return list(found.values_list("telegram_message_id", flat=True))


def listed() -> list[tuple[str, int, int]]:
    return list(
        ChannelGap.objects.order_by("first_id", "reason").values_list(
            "reason", "first_id", "last_id"
        )
    )


def failed_once_and_again(server, account) -> ChannelFeed:
    """Read a channel whose message 9 has a photo that comes too short; it would be whole now."""
    fill(server, range(1, 21))
    server.short[server.messages[9].file.path] = 100
    read(account)
    feed = read(account)
    server.short.clear()
    assert listed() == [("failed", 9, 9)]
    return feed


def contents() -> list[tuple]:
    """Everything of the posts that does not depend on when or by whom they were read."""
    return [
        (p.telegram_message_id, p.content, p.urls, p.grouped_id, p.views_count, p.media_state,
         [m.media_object.file_sha256 for m in p.post_media.order_by("position")])
        for p in Post.objects.order_by("telegram_message_id")
    ]  # fmt: skip


class TestHistory:
    def test_it_is_read_whole(self, server, account):
        fill(server, range(1, 131))

        feed = read(account)

        assert ids() == list(range(1, 131))
        assert (feed.cursor, feed.top_id) == (130, 130)
        assert not listed()
        assert Channel.objects.get().tg_channel_id == CHANNEL
        assert Post.objects.get(telegram_message_id=8).grouped_id == 10**15
        assert Post.objects.get(telegram_message_id=9).media_state == "stored"

    def test_a_second_reading_downloads_nothing_and_changes_nothing(self, server, account):
        fill(server, range(1, 31))
        read(account)
        before = list(Post.objects.order_by("pk").values())
        server.downloads.clear()

        read(account)

        assert server.downloads == []
        assert list(Post.objects.order_by("pk").values()) == before

    def test_ids_may_have_gaps_and_be_large(self, server, account):
        for message_id in (3, 250, 2**31 - 1):
            server.post(message_id, f"Post {message_id}", at=BEGAN)

        feed = read(account)

        assert ids() == [3, 250, 2**31 - 1]
        assert feed.cursor == 2**31 - 1

    def test_with_a_limit_it_goes_on_where_it_ended(self, server, account):
        fill(server, range(1, 26))

        read(account, limit=10)
        assert (ids(), listed()) == (list(range(1, 11)), [("history", 11, 25)])
        read(account)
        assert (ids(), listed()) == (list(range(1, 26)), [])

    def test_what_is_older_than_asked_for_is_known_and_can_be_filled(self, server, account):
        fill(server, range(1, 21))
        since = BEGAN + timedelta(minutes=11)
        with telegram.connected(account) as access:
            feed = ingest.add(access, account, "@channel", since=since).feed
            ingest.read_channel(access, feed, Order())
            assert (ids(), listed()) == (list(range(11, 21)), [("not_wanted", 1, 10)])

            gaps.fill(access, feed, Order())

        assert (ids(), listed()) == (list(range(1, 21)), [])

    def test_a_preview_writes_nothing(self, server, account):
        fill(server, range(1, 21))

        with telegram.connected(account) as access:
            found = ingest.preview(access, account, "@channel", None)

        assert (found.known, found.first_id, found.messages_at_most) == (False, 1, 20)
        assert not Channel.objects.exists()

    def test_news_come_before_history(self, server, account):
        fill(server, range(1, 41))
        read(account, limit=5)
        server.post(41, "Breaking")

        read(account, limit=1)

        assert ids() == [1, 2, 3, 4, 5, 41]

    def test_two_readers_of_one_channel_take_no_turns(self, server, account):
        fill(server, range(1, 3))
        feed = read(account)

        def other() -> bool:
            try:
                return ingest.advisory_locks.is_held(f"{ingest.LOCK}{feed.pk}")
            finally:
                connection.close()

        with ingest._alone(feed), ThreadPoolExecutor(1) as pool:
            assert pool.submit(other).result()


class TestFailures:
    def test_the_cursor_is_held_at_the_first_one_and_passes_after_two_runs(self, server, account):
        fill(server, range(1, 21))
        broken = server.messages[9].file.path
        server.short[broken] = 100

        read(account)
        assert ids() == list(range(1, 21))  # the text is kept, the photo is missing
        assert listed() == [("failed", 9, 9), ("history", 9, 20)]
        assert ChannelGap.objects.get(reason="failed").runs == 1

        read(account)
        assert listed() == [("failed", 9, 9)]
        assert ChannelGap.objects.get().runs == 2
        assert Post.objects.get(telegram_message_id=9).media_state == "unreadable"

        server.short.clear()
        with telegram.connected(account) as access:
            gaps.fill(access, ChannelFeed.objects.get(), Order())
        assert not listed()
        assert Post.objects.get(telegram_message_id=9).media_state == "stored"

    def test_it_is_no_gap_any_more_where_it_was_deleted(self, server, account):
        feed = failed_once_and_again(server, account)
        del server.messages[9]

        with telegram.connected(account) as access:
            gaps.retry_failed(access, feed, Order())

        assert not listed()

    def test_it_stays_one_where_the_channel_shows_nothing_any_more(self, server, account):
        """A channel that is closed to us has none of its messages; they are not deleted by that."""
        feed = failed_once_and_again(server, account)
        messages = dict(server.messages)
        server.messages.clear()

        with telegram.connected(account) as access:
            gaps.retry_failed(access, feed, Order())
        assert listed() == [("failed", 9, 9)]

        server.messages.update(messages)
        with telegram.connected(account) as access:
            gaps.retry_failed(access, feed, Order())
        assert not listed()

    def test_one_that_succeeds_in_the_second_run_is_no_gap(self, server, account):
        fill(server, range(1, 21))
        server.short[server.messages[9].file.path] = 1
        read(account)
        assert listed() == [("failed", 9, 9), ("history", 9, 20)]

        read(account)

        assert not listed()

    def test_one_run_that_meets_it_twice_counts_once(self, server, account):
        fill(server, range(1, 5))
        feed = read(account)
        server.post(5, body=photo(5))
        server.post(6, "after")
        server.short[server.messages[5].file.path] = 100

        feed = read(account)

        assert (feed.cursor, ids()[-1]) == (4, 6)
        feed = read(account)
        assert feed.cursor == 6

    def test_one_that_was_deleted_meanwhile_is_no_gap(self, server, account):
        fill(server, range(1, 21))
        server.short[server.messages[9].file.path] = 100
        read(account)
        server.messages.pop(9)

        read(account)

        assert not listed()

    def test_what_is_too_large_is_not_downloaded_and_holds_nothing(
        self, server, account, monkeypatch
    ):
        fill(server, range(1, 5))
        monkeypatch.setattr("media.services.telegram.reading.live_source.MAX_MEDIA_BYTES", 10)

        feed = read(account)

        assert server.downloads == []
        assert Post.objects.get(telegram_message_id=3).media_state == "too_large"
        assert (feed.cursor, listed()) == (4, [])


class TestWaits:
    @pytest.mark.costly
    def test_a_long_one_puts_the_account_to_rest_over_restarts(self, server, account):
        fill(server, range(1, 301))
        pages = iter([None, FloodWait(7200)])

        def before(name: str) -> None:
            if name == "page" and (refusal := next(pages, None)):
                raise refusal

        server.before = before
        with pytest.raises(FloodWait):
            read(account)
        account.refresh_from_db()
        left = account.rests_until - timezone.now()
        assert timedelta(hours=1, minutes=59) < left <= timedelta(hours=2, minutes=1)
        assert ids()  # what came before stays

        server.asked.clear()
        with pytest.raises(rests.Resting):
            read(account)
        assert server.asked == []
        assert passes.read_all().read == 0

        account.rests_until = timezone.now()
        account.save()
        read(account)
        assert ids() == list(range(1, 301))

    def test_a_shorter_wait_does_not_shorten_a_rest(self, account):
        now = timezone.now()
        rests.put_to_rest(account, seconds=7200, reason="flood_wait", now=now)
        rests.put_to_rest(account, seconds=60, reason="flood_wait", now=now)

        account.refresh_from_db()
        assert account.rests_until > now + timedelta(hours=1)


class TestMedia:
    def test_more_views_are_kept_without_another_download(self, server, account):
        fill(server, range(1, 11))
        feed = read(account)
        server.downloads.clear()
        server.change(3, beside=Beside(views=500, forwards=7))

        with telegram.connected(account) as access:
            gaps.read_ids(access, feed, [3], Order().summary)

        post = Post.objects.get(telegram_message_id=3)
        assert (post.views_count, post.forwards_count, post.media_state) == (500, 7, "stored")
        assert server.downloads == []

    def test_another_photo_is_downloaded(self, server, account):
        fill(server, range(1, 11))
        feed = read(account)
        before = PostMedia.objects.get(post__telegram_message_id=3).media_object_id
        server.downloads.clear()
        server.change(3, body=photo(999), edited=BEGAN + timedelta(days=1))

        with telegram.connected(account) as access:
            gaps.read_ids(access, feed, [3], Order().summary)

        assert len(server.downloads) == 1
        assert PostMedia.objects.get(post__telegram_message_id=3).media_object_id != before

    def test_nothing_is_left_on_the_disk(self, server, account, settings):
        fill(server, range(1, 31))

        read(account)

        assert not list((settings.VAR_DIR / "downloads").glob("*/*"))


class TestChannel:
    def test_one_that_became_private_is_said_so_and_kept(self, server, account):
        fill(server, range(1, 5))
        read(account)

        def before(name: str) -> None:
            if name == "fetch_card":
                raise ChannelClosed("ChannelPrivateError")

        server.before = before
        with pytest.raises(ChannelClosed):
            read(account)
        assert ChannelFeed.objects.get().state == FeedState.CLOSED
        assert ids() == [1, 2, 3, 4]

    @pytest.mark.costly
    def test_it_rests_for_a_day_over_restarts_and_is_asked_for_again(
        self, server, account, configured
    ):
        fill(server, range(1, 5))
        read(account)
        server.post(5, "Later")

        def before(name: str) -> None:
            if name == "fetch_card":
                raise ChannelClosed("ChannelPrivateError")

        server.before = before
        assert passes.read_all().failed == 1
        server.asked.clear()
        assert str(passes.read_all()) == "0 channels read, 0 failed, 0 accounts rest"
        assert server.asked == []
        said = status.of_feed(ChannelFeed.objects.get())
        left = said["rests_until"] - timezone.now()
        assert timedelta(hours=23) < left <= timedelta(days=1)
        assert (said["state"], said["reason"]) == ("closed", "ChannelPrivateError")

        ChannelFeed.objects.update(rests_until=timezone.now())
        assert passes.read_all().failed == 1  # still closed: it rests for another day
        assert passes.read_all().failed == 0
        ChannelFeed.objects.update(rests_until=timezone.now())
        server.before = lambda _: None
        assert passes.read_all().read == 1
        said = status.of_feed(ChannelFeed.objects.get())
        assert (said["state"], said["reason"], said["rests_until"]) == ("followed", "", None)
        assert ids() == [1, 2, 3, 4, 5]

    def test_whoever_adds_it_again_need_not_wait(self, server, account):
        fill(server, range(1, 5))
        feeds.close(read(account), ChannelClosed())

        assert read(account).state == FeedState.FOLLOWED

    def test_a_new_title_and_name_are_taken(self, server, account):
        fill(server, range(1, 5))
        read(account)
        server.card = replace(server.card, title="New title", username="new_name")
        with telegram.connected(account) as access:
            ingest.read_channel(access, ChannelFeed.objects.get(), Order())

        channel = Channel.objects.get()
        assert (channel.title, channel.username) == ("New title", "new_name")

    def test_a_paused_channel_is_left_alone(self, server, account, configured):
        fill(server, range(1, 5))
        read(account, limit=1)
        Channel.objects.update(is_active=False)

        assert passes.read_all().read == 0
        Channel.objects.update(is_active=True)
        assert passes.read_all().read == 2  # its news, then its history
        assert ids() == [1, 2, 3, 4]

    def test_a_pass_without_an_account_asks_nobody(self, server, db, configured):
        assert str(passes.read_all()) == "0 channels read, 0 failed, 0 accounts rest"
        assert server.asked == []


class TestInterruptions:
    """Killed anywhere, and resumed: as if it never happened."""

    def test_at_random_requests(self, server, account, chance):
        fill(server, range(1, 161))
        kills = 0
        while kills < 8:
            left = [chance.randrange(2, 30)]

            def before(name: str, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise Killed if name != "page" else Unreachable("gone")

            server.before = before
            try:
                read(account)
                break
            except (Killed, Unreachable):
                kills += 1
        server.before = lambda _: None
        read(account)

        assert ids() == list(range(1, 161))
        assert not listed()
        assert kills
        interrupted = contents()
        Channel.objects.all().delete()
        read(account)
        assert contents() == interrupted

    def test_a_run_is_listed_as_an_import(self, server, account):
        fill(server, range(1, 8))
        with telegram.connected(account) as access:
            feed = ingest.add(access, account, "@channel").feed
            ingest.read_recorded(access, feed, Order(), name="telegram: channel")

        run = ImportRun.objects.get()
        assert (run.path, run.summary["new"], run.state) == ("telegram: channel", 7, "done")


class TestFigures:
    def test_the_age_is_that_of_the_channel_that_waits_longest(self, server, account):
        fill(server, range(1, 11))
        assert news_age() is None
        growth = Growth()
        read(account)
        assert growth("media_albums_processed_total", status="ok") == 1
        assert 0 <= news_age() < 60

        ChannelFeed.objects.update(read_at=timezone.now() - timedelta(hours=3))
        assert 3 * 3600 <= news_age() < 3 * 3600 + 60
        Channel.objects.update(is_active=False)
        assert news_age() is None


def news_age() -> float | None:
    [family] = ChannelCollector().collect()
    return family.samples[0].value if family.samples else None


class TestCounts:
    def test_what_is_due_is_read_again_and_nothing_else(self, server, account, configured):
        fill(server, range(1, 6))
        read(account)
        server.change(2, beside=Beside(views=10_000, forwards=30))
        server.asked.clear()
        assert count_passes.read_all().posts == 0
        assert server.asked == []  # nobody is asked, nothing is due

        CountsDue.objects.filter(post__telegram_message_id__in=(2, 3)).update(due_at=BEGAN)
        downloads = list(server.downloads)
        assert tasks.read_counts() == "counts of 2 posts read, 0 channels failed"
        post = Post.objects.get(telegram_message_id=2)
        assert (post.views_count, post.forwards_count) == (10_000, 30)
        assert PostCounts.objects.filter(post=post).latest("read_at").views == 10_000
        assert server.downloads == downloads
        assert not CountsDue.objects.filter(due_at__lte=timezone.now()).exists()
        assert count_passes.read_all().posts == 0

    @pytest.mark.parametrize("rests_or_paused", ["account", "feed", "paused"])
    def test_who_rests_is_left_alone(self, server, account, configured, rests_or_paused):
        fill(server, range(1, 6))
        feed = read(account)
        CountsDue.objects.update(due_at=BEGAN)
        server.asked.clear()
        if rests_or_paused == "paused":
            Channel.objects.update(is_active=False)
        else:
            who = account if rests_or_paused == "account" else feed
            rests.put_to_rest(who, seconds=600, reason="flood_wait", now=timezone.now())

        assert count_passes.read_all().posts == 0
        assert server.asked == []

    def test_a_long_wait_rests_the_account_and_leaves_the_rest_due(
        self, server, account, configured
    ):
        fill(server, range(1, 6))
        read(account)
        CountsDue.objects.update(due_at=BEGAN)

        def before(name: str) -> None:
            if name == "by_ids":
                raise FloodWait(7200)

        server.before = before
        assert count_passes.read_all().failed == 1
        account.refresh_from_db()
        assert account.rests_until > timezone.now() + timedelta(hours=1)
        assert CountsDue.objects.filter(due_at=BEGAN).count() == 5


class TestWaitsOfOneKind:
    """A wait for joining or for looking up names is about nothing else."""

    def refuse(self, server, request: str, method: str, *, times: int = 1) -> None:
        left = [times]

        def before(name: str) -> None:
            if name == request and left[0]:
                left[0] -= 1
                raise MethodWait(method, 7200)

        server.before = before

    def test_joining_is_put_off_and_the_channel_is_read(self, server, account, configured):
        fill(server, range(1, 6))
        self.refuse(server, "join", JOIN)

        feed = read(account)

        account.refresh_from_db()
        assert ids() == [1, 2, 3, 4, 5]
        assert (feed.to_join, rests.rests(account), rests.rests(feed)) == (True, False, False)
        assert status.of_feed(feed)["put_off"].startswith("join until 20")
        server.asked.clear()
        assert passes.read_all().read == 1
        assert "join" not in server.asked, "Telegram is not asked before the time"

    def test_it_is_joined_as_soon_as_it_may_be(self, server, account, configured):
        fill(server, range(1, 6))
        self.refuse(server, "join", JOIN)
        read(account)
        past = {JOIN: (timezone.now() - timedelta(seconds=1)).isoformat()}
        TelegramAccount.objects.update(method_rests=past)
        server.asked.clear()

        server.post(6, "news")
        passes.read_all()
        passes.read_all()

        assert server.asked.count("join") == 1
        assert not ChannelFeed.objects.get().to_join

    def test_a_name_that_is_not_looked_up_stops_no_reading(self, server, account, configured):
        fill(server, range(1, 6))
        read(account)
        self.refuse(server, "resolve", RESOLVE)
        with pytest.raises(MethodWait, match="looking up names"), telegram.connected(account) as a:
            ingest.add(a, account, "@channel")
        account.refresh_from_db()
        server.asked.clear()

        with pytest.raises(rests.Resting), telegram.connected(account) as access:
            ingest.add(access, account, "@channel")
        with telegram.connected(account) as access:
            ingest.add(access, account, str(CHANNEL))  # an id is no name
        server.post(6, "news")

        assert passes.read_all().read == 1
        assert (ids()[-1], server.asked.count("resolve")) == (6, 1)

    def test_a_channel_that_has_to_be_looked_up_rests_alone(self, server, account, configured):
        fill(server, range(1, 6))
        read(account)
        server.card = replace(server.card, peer=Peer(CHANNEL, 78))  # the hash is of another user
        self.refuse(server, "resolve", RESOLVE)

        assert (passes.read_all().failed, passes.read_all().resting) == (1, 0)

        feed = ChannelFeed.objects.get()
        assert (feed.state, feed.rest_reason) == (FeedState.FOLLOWED, "flood_wait resolve")
        assert rests.rests(feed)
        assert not rests.rests(feed.account)

    def test_the_longer_of_two_waits_counts(self, account):
        now = timezone.now()
        for seconds in (7200, 60):
            rests.note(account, MethodWait(JOIN, seconds), now=now)
        rests.note(account, MethodWait(RESOLVE, 5), now=now)

        account.refresh_from_db()
        assert rests.methods_at_rest(account, now=now)[JOIN] == now + timedelta(seconds=7201)
        later = rests.methods_at_rest(account, now=now + timedelta(minutes=1))
        assert set(later) == {JOIN}


class TestPipeline:
    @pytest.mark.parametrize("are_late", [True, False])
    def test_a_batch_is_written_while_the_next_one_waits_for_its_files(
        self, server, account, monkeypatch, are_late
    ):
        """Each photo is a batch; `planned` is how many posts were stored when it was planned."""
        monkeypatch.setattr(ahead, "FIRST_FILE_BYTES", 1)
        monkeypatch.setattr(ahead, "BATCH_FILE_BYTES", 1)
        monkeypatch.setattr(LiveSource, "are_here", lambda *_: not are_late)
        planned: list[int] = []
        start = run.start

        def started(*args, **kwargs):
            planned.append(Post.objects.count())
            return start(*args, **kwargs)

        monkeypatch.setattr(run, "start", started)
        for i in range(1, 5):
            server.post(i, body=photo(i))
        read(account)

        assert planned == ([0, 1, 2, 3] if are_late else [0, 0, 1, 2])
        assert ids() == [1, 2, 3, 4]

    @pytest.fixture
    def begun(self, monkeypatch) -> list[list[int]]:
        """The messages of each batch."""
        found: list[list[int]] = []
        start = run.start

        def started(*args, **kwargs):
            found.append([m.message_id for m in kwargs["messages"]])
            return start(*args, **kwargs)

        monkeypatch.setattr(run, "start", started)
        return found

    def test_many_files_are_several_batches_and_no_album_is_cut(
        self, server, account, monkeypatch, begun
    ):
        monkeypatch.setattr(live_batches, "BATCH_FILES", 2)
        monkeypatch.setattr(live_batches, "FEW_FILES", 0)
        for i in (1, 2, 3, 4, 5, 6, 7, 8):
            together = Beside(grouped_id=10**15 if i in (3, 4, 5) else None)
            server.post(i, "text", body=None if i in (7, 8) else photo(i), beside=together)
        read(account)

        assert begun == [[1, 2], [3, 4, 5], [6, 7, 8]]
        assert ids() == [1, 2, 3, 4, 5, 6, 7, 8]

    def test_the_few_files_that_a_page_has_left_are_no_batch_of_their_own(
        self, server, account, monkeypatch, begun
    ):
        monkeypatch.setattr(live_batches, "BATCH_FILES", 5)
        monkeypatch.setattr(live_batches, "FEW_FILES", 3)
        for i in range(1, 13):
            server.post(i, body=photo(i))
        read(account)

        assert begun == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11, 12]]
        assert ids() == list(range(1, 13))

    def test_few_files_that_are_large_are_a_batch_of_their_own(
        self, server, account, monkeypatch, begun
    ):
        monkeypatch.setattr(live_batches, "BATCH_FILES", 5)
        monkeypatch.setattr(ahead, "FIRST_FILE_BYTES", 4 * len(photo(1)))
        for i in range(1, 9):
            server.post(i, body=photo(i))
        read(account)

        assert begun == [[1, 2, 3, 4], [5, 6, 7, 8]]

    @pytest.fixture
    def large(self, server) -> RemoteFile:
        body = bytes(SMALL_FILE_BYTES + 1)
        return RemoteFile("files/1.mp4", 1, len(body), "1", body)

    def test_of_two_readers_each_has_a_large_file_of_its_own(self, server, large, settings):
        """As a listener and `ingest_channel` at once: what both append to is no file any more."""
        first, second = (LiveSource(server.opener(), server.card.peer) for _ in range(2))
        for source in (first, second):
            source.expect([large])
        first.forget([large])
        first.close()

        with second.open(large.path) as stream:
            assert stream.read() == large.handle
        second.forget([large])
        second.close()

        assert not list((settings.VAR_DIR / "downloads").iterdir())

    def test_a_part_of_a_large_file_is_left_to_the_next_reader(self, server, large):
        parts, coming = [], Future()

        def download(_peer, _file, target):
            parts.append(target.read_bytes())
            target.write_bytes(bytes(100))
            return coming

        for _ in range(2):
            source = LiveSource(server.opener(), server.card.peer)
            source._access.download = download
            source.expect([large])
            source.close()

        assert parts == [b"", bytes(100)]

    def test_what_nobody_asks_for_any_more_goes_after_a_week(self, server, large, settings, caplog):
        """Of a message that is deleted meanwhile, nobody asks for the rest."""
        left, others = (replace(large, path=f"files/{n}.mp4") for n in range(2))
        mine, reader = (LiveSource(server.opener(), server.card.peer) for _ in range(2))
        reader._access.download = mine._access.download = lambda _, file, target: (
            target.write_bytes(b"a part") and Future()
        )
        mine.expect([left])
        mine.close()
        reader.expect([others])
        root, now = settings.VAR_DIR / "downloads", timezone.now()

        def names() -> list[str]:
            return [path.name for path in root.rglob("*") if path.is_file()]

        delete_left_parts(now=now + timedelta(days=6))
        assert len(names()) == 2
        delete_left_parts(now=now + timedelta(days=8))
        assert names() == [reader._targets[others.path].name]  # somebody has it
        reader.close()
        delete_left_parts(now=now + timedelta(days=8))
        assert not root.exists() or not list(root.iterdir())
        assert not caplog.text

    def test_what_cannot_be_deleted_ends_nothing_and_goes_later(
        self, server, large, settings, monkeypatch
    ):
        """A file system is read-only after an error: what is left there is in nobody's way."""
        source = LiveSource(server.opener(), server.card.peer)
        done, begun = large, replace(large, path="files/2.mp4")
        source.expect([done])
        source._access.download = lambda *_: Future()
        source.expect([begun])

        def refuse(*_, **__):
            raise OSError(errno.EROFS, "Read-only file system")

        with monkeypatch.context() as broken:
            broken.setattr(Path, "unlink", refuse)
            source.forget([done])
            source.close()
            delete_left_parts(now=timezone.now() + timedelta(days=8))
        root = settings.VAR_DIR / "downloads"
        assert sum(path.is_file() for path in root.rglob("*")) == 2

        delete_left_parts(now=timezone.now() + timedelta(days=8))  # nobody has kept a lock
        assert not list(root.iterdir())

    def test_what_is_not_as_long_as_was_said_is_not_read(self, server, large):
        source = LiveSource(server.opener(), server.card.peer)
        source.expect([large])
        with source._targets[large.path].open("ab") as other:
            other.write(b"x")

        with pytest.raises(FileRefused, match="not what came"), source.open(large.path):
            pass

    def test_what_is_on_its_way_is_not_here(self, server, account, settings):
        file = server.post(1, body=photo(1)).file
        source = LiveSource(server.opener(), server.card.peer)
        coming: Future[bytes] = Future()
        source._access.fetch = lambda *_: coming
        source.expect([file])

        assert not source.are_here([file])
        coming.set_exception(Unreachable("gone"))
        assert source.are_here([file])  # whoever opens it hears why
        assert source.are_here([])
