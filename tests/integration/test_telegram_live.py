"""What happens in a channel is in the archive: as it happens, or after a break."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import cache

from events.postgresql import advisory_locks
from media.history.find_post import find_post
from media.models import ChannelFeed, ChannelGap, FeedState, Post, PostMedia
from media.services.telegram import passes
from media.services.telegram.accounts import access as telegram
from media.services.telegram.accounts import rests
from media.services.telegram.channels import feeds, status
from media.services.telegram.live import albums, changes, listener
from media.services.telegram.live.event_queue import EventQueue
from media.services.telegram.reading import ingest, small_files
from media.services.telegram.reading.ingest import Order
from media.sources.telegram.failures import ChannelClosed, FloodWait, Unreachable
from media.sources.telegram.live_message import Beside
from media.sources.telegram.port import Deleted, Reconnected, Seen
from tests import factories as make
from tests.small_disk import small_disk
from tests.telegram_fake import BEGAN, CHANNEL, fill, photo

pytestmark = pytest.mark.django_db


@pytest.fixture
def listened(server, account):
    """An account that is listened to, with a channel of three posts that are read."""
    fill(server, (1, 2, 3))
    with telegram.connected(account) as access:
        feed = ingest.add(access, account, "@channel").feed
        ingest.read_channel(access, feed, Order())
        one = listener.Listened(account, access)
        access.listen(one.events.put)
        round_of(one)
        yield one


def round_of(one: listener.Listened) -> None:
    listener.step(one, gather=0.02)


def album(server, *ids: int, number: int = 10**15, **more) -> None:
    for i in ids:
        at = more.get("at", {}).get(i, BEGAN)
        server.post(i, body=photo(i), beside=Beside(grouped_id=number), at=at)


def texts() -> dict[int, str]:
    return dict(Post.objects.values_list("telegram_message_id", "content"))


class TestTooManyEvents:
    @pytest.mark.costly
    def test_what_does_not_fit_is_read_from_the_gap_and_said(self, server, listened, caplog):
        listened.events = EventQueue(2)
        server.listeners[:] = [listened.events.put]
        for i in range(4, 10):
            server.post(i, f"post {i}")
            server.say(i)
        server.change(5, text="edited")
        server.say(5, edited=True)
        server.delete(2)

        round_of(listened)

        assert sorted(texts()) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
        assert texts()[5] == "edited"
        assert Post.objects.get(telegram_message_id=2).deleted_at is not None
        assert "6 events of an account of Telegram did not fit" in caplog.text
        said = status.of_feed(ChannelFeed.objects.get())["unheard"]
        assert said.startswith("6 events at 20")
        server.asked.clear()
        round_of(listened)
        assert server.asked == []  # once

    def test_whoever_says_it_never_waits(self):
        events = EventQueue(3)
        for i in range(10_000):
            events.put(Deleted(CHANNEL, (i,)))

        assert [e.message_ids for e in events.gathered(0.5)] == [(0,), (1,), (2,)]
        assert (events.take_left_out(), events.take_left_out()) == (9_997, 0)
        events.put(Deleted(CHANNEL, (7,)))
        assert [e.message_ids for e in events.gathered(0.01)] == [(7,)]


class TestMessages:
    def test_a_new_one_comes_in(self, server, listened):
        server.post(4, "Breaking https://example.org")
        server.say(4)

        round_of(listened)

        post = Post.objects.get(telegram_message_id=4)
        assert (post.content, post.urls) == ("Breaking https://example.org", [])

    def test_an_edit_changes_it(self, server, listened):
        server.change(2, text="Corrected", edited=BEGAN + timedelta(days=1))
        server.say(2, edited=True)

        round_of(listened)

        assert texts()[2] == "Corrected"
        assert Post.objects.get(telegram_message_id=2).is_edited

    def test_new_and_edited_at_once_is_the_edited_one(self, server, listened):
        server.post(4, "Frist")
        server.say(4)
        server.change(4, text="First", edited=BEGAN + timedelta(days=1))
        server.say(4, edited=True)

        round_of(listened)

        assert texts()[4] == "First"

    def test_a_channel_that_is_not_followed_is_left_alone(self, server, listened):
        server.post(4, "elsewhere")
        listened.events.put(Seen(CHANNEL - 1, server.messages[4].fetched()))
        server.messages.pop(4)

        round_of(listened)

        assert 4 not in texts()

    def test_a_photo_that_does_not_come_is_listed(self, server, listened):
        server.post(4, body=photo(4))
        server.short[server.messages[4].file.path] = 100
        server.say(4)

        round_of(listened)

        gap = ChannelGap.objects.get()
        assert (gap.first_id, gap.reason, gap.runs) == (4, "failed", 1)


class TestAlbums:
    def test_whoever_hears_of_one_item_reads_all(self, server, listened):
        album(server, 4, 5, 6)
        server.say(5)

        round_of(listened)

        found = Post.objects.filter(grouped_id=10**15).order_by("telegram_message_id")
        assert [p.telegram_message_id for p in found] == [4, 5, 6]
        assert PostMedia.objects.filter(post__in=found).count() == 3
        assert cache.get(f"album_seen:{listened.feeds[CHANNEL].pk}:{10**15}")

    def test_seen_again_within_the_time_it_is_not_read_again(self, server, listened):
        album(server, 4, 5)
        server.say(4)
        round_of(listened)
        server.asked.clear()

        server.say(5)
        round_of(listened)

        assert "by_ids" not in server.asked
        assert Post.objects.filter(grouped_id=10**15).count() == 2

    def test_a_late_item_joins(self, server, listened):
        album(server, 4, 5)
        server.say(4)
        round_of(listened)
        album(server, 6)

        server.say(6)
        round_of(listened)

        assert Post.objects.filter(grouped_id=10**15).count() == 3

    def test_fact_087_four_minutes_apart_belong_six_do_not(self, server, listened):
        at = {
            4: BEGAN - timedelta(minutes=4),
            6: BEGAN + timedelta(minutes=4),
            7: BEGAN + timedelta(minutes=6),
        }
        album(server, 4, 5, 6, 7, at=at)
        album(server, 8, number=10**15 + 1)

        found = albums.whole(listened.access, listened.feeds[CHANNEL], server.messages[5].fetched())

        assert [one.message_id for one in found] == [4, 5, 6]

    def test_no_more_than_ten(self, server, listened):
        album(server, *range(10, 24))

        found = albums.whole(
            listened.access, listened.feeds[CHANNEL], server.messages[12].fetched()
        )

        assert [one.message_id for one in found] == list(range(10, 20))

    def test_fact_086_a_failed_download_leaves_no_trace_in_the_cache(self, server, listened):
        album(server, 4, 5)
        path = server.messages[5].file.path
        server.short[path] = 1
        server.say(4)
        round_of(listened)
        assert not cache.get(f"album_seen:{listened.feeds[CHANNEL].pk}:{10**15}")

        server.say(5)
        round_of(listened)

        states = Post.objects.filter(grouped_id=10**15).values_list("media_state", flat=True)
        assert list(states) == ["stored", "stored"]
        assert not ChannelGap.objects.exists()


class TestBreaks:
    @pytest.mark.costly
    def test_what_came_meanwhile_is_read_after_it(self, server, listened):
        server.post(4, "unheard")
        server.change(2, text="edited unheard", edited=BEGAN + timedelta(days=1))
        listened.events.put(Reconnected())

        round_of(listened)

        assert texts()[4] == "unheard"
        assert texts()[2] == "edited unheard"
        assert ChannelFeed.objects.get().cursor == 4

    @pytest.mark.costly
    def test_without_a_break_nothing_is_asked_for(self, server, listened):
        server.asked.clear()

        round_of(listened)

        assert server.asked == []

    def test_a_channel_without_any_of_its_posts_is_not_concluded_to_be_empty(
        self, server, listened
    ):
        server.messages.clear()

        changes.recheck(listened.access, listened.feeds[CHANNEL])

        assert not Post.objects.filter(content="").exists()
        assert len(texts()) == 3

    def test_what_is_hidden_from_the_account_is_not_taken_for_deleted(self, server, listened):
        """As in a group that does not show its history to those who join later."""
        server.card = replace(server.card, hidden_to=1)
        server.delete(2, told=False)

        changes.recheck(listened.access, listened.feeds[CHANNEL])

        deleted = Post.objects.filter(deleted_at__isnull=False)
        assert [post.telegram_message_id for post in deleted] == [2]


class TestTheChannelItself:
    @pytest.mark.costly
    @pytest.mark.parametrize("told", [True, False])
    def test_another_title_and_name_are_noticed_at_once(self, server, listened, told):
        server.rename(told=told, title="Another title", username="renamed")
        if not told:  # then a message of the channel says so
            server.post(4, value={"type": "service", "action": "ChatEditTitle"})
            server.say(4)

        round_of(listened)

        found = Post.objects.get(telegram_message_id=3).channel
        assert (found.title, found.username) == ("Another title", "renamed")
        assert Post.objects.get(telegram_message_id=3).telegram_post_url == "https://t.me/renamed/3"

    def test_a_public_name_that_is_given_up_is_kept_by_nobody(self, server, listened):
        server.rename(username="")

        round_of(listened)

        post = Post.objects.get(telegram_message_id=3)
        assert post.channel.username == ""
        assert post.telegram_post_url == f"https://t.me/c/{-CHANNEL - 10**12}/3"
        assert find_post(Post.objects.all(), "channel/3") == post, "old links are still understood"

    def test_a_name_that_was_another_channels_links_to_this_one_alone(self, server, listened):
        owner = listened.account.tenant
        former = make.channel(owner=owner, username="Renamed")
        foreign = make.channel(username="renamed")
        links = [f"https://t.me/{name}/3" for name in ("Renamed", "renamed")]
        posts = [
            make.post(of=of, telegram_message_id=3, telegram_post_url=link)
            for of, link in zip((former, foreign), links, strict=True)
        ]
        server.rename(username="renamed")

        round_of(listened)

        for row in (former, foreign, *posts):
            row.refresh_from_db()
        assert (former.username, foreign.username) == ("", "renamed")
        assert posts[0].telegram_post_url == f"https://t.me/c/{-former.tg_channel_id - 10**12}/3"
        assert posts[1].telegram_post_url == links[1]
        mine = Post.objects.filter(tenant=owner)
        assert find_post(mine, "https://t.me/renamed/3").channel.tg_channel_id == CHANNEL
        assert len(feeds.find(owner, "@renamed")) == 1

    @pytest.mark.costly
    def test_a_channel_that_lets_the_account_in_no_more_is_closed_at_once(self, server, listened):
        def gone(name: str) -> None:
            if name in {"fetch_card", "resolve"}:
                raise ChannelClosed("ChannelPrivateError")

        server.before = gone
        server.rename()

        round_of(listened)

        assert ChannelFeed.objects.get().state == FeedState.CLOSED

    def test_news_alone_ask_nothing_about_the_channel(self, server, listened):
        server.post(4, "news")
        server.say(4)
        server.asked.clear()

        round_of(listened)

        assert "fetch_card" not in server.asked


class TestStoreAway:
    """A photo cannot be kept then; nothing else is held up, and it comes when the store is back."""

    @pytest.mark.costly
    def test_the_listener_goes_on_and_brings_in_later_what_it_could_not(
        self, store, server, listened, caplog
    ):
        store.down = True
        server.post(4, body=photo(4))
        server.say(4)
        server.change(1, body=photo(1), edited=BEGAN + timedelta(days=1))
        server.say(1, edited=True)
        server.delete(2)
        round_of(listened)
        assert "was not brought up to date" in caplog.text
        assert Post.objects.get(telegram_message_id=2).deleted_at is not None

        store.down = False
        listened.caught_up_at = 0.0  # five minutes have passed
        round_of(listened)

        shown = PostMedia.objects.values_list("post__telegram_message_id", flat=True)
        assert set(shown) == {1, 3, 4}
        server.asked.clear()
        listened.caught_up_at = 0.0
        round_of(listened)
        assert "by_ids" not in server.asked  # once

    def test_a_pass_reads_the_channels_after_it(self, store, server, account, configured):
        fill(server, (1, 2, 3))
        with telegram.connected(account) as access:
            ingest.add(access, account, "@channel")
        server.post(4, body=photo(4))
        store.down = True

        assert str(passes.read_all()) == "0 channels read, 2 failed, 0 accounts rest"


class TestAFullDisk:
    """A large file is downloaded to the disk: where that is full, nothing ends, and it comes later."""

    @pytest.mark.costly
    def test_the_listener_goes_on_and_brings_in_later_what_it_could_not(
        self, server, listened, settings, caplog, monkeypatch
    ):
        monkeypatch.setattr(small_files, "MEMORY_BYTES", 0)  # every file goes to the disk
        with small_disk(1) as disk:
            settings.VAR_DIR = disk.root
            for fill_up, give_back in (
                (lambda: disk.fill(leave_bytes=0), disk.free),
                (disk.make_read_only, disk.make_writable),
            ):
                caplog.clear()
                last = Post.objects.count()
                fill_up()
                server.post(last + 1, body=photo(last + 1))
                server.say(last + 1)
                round_of(listened)
                assert "Nothing can be downloaded to" in caplog.text
                assert not Post.objects.filter(telegram_message_id=last + 1).exists()

                give_back()
                listened.caught_up_at = 0.0  # five minutes have passed
                round_of(listened)
                shown = PostMedia.objects.filter(post__telegram_message_id=last + 1)
                assert shown.exists()
        assert not ChannelGap.objects.exists()


class TestServing:
    def rounds(self, count: int):
        left = [count]

        def proceed() -> bool:
            left[0] -= 1
            return left[0] >= 0

        return proceed

    def test_idle_and_silent_where_nothing_is_configured(self, server, account, caplog):
        listener.serve(self.rounds(4), pause=lambda _: None)

        assert server.asked == []
        assert not caplog.records

    def test_idle_and_silent_without_an_account(self, server, db, configured, caplog):
        listener.serve(self.rounds(4), pause=lambda _: None)

        assert not caplog.records

    @pytest.mark.costly
    @pytest.mark.django_db(transaction=True)
    def test_it_catches_up_when_it_begins(self, server, account, configured, monkeypatch):
        monkeypatch.setattr(listener, "GATHER_SECONDS", 0.01)
        fill(server, (1, 2, 3))
        with telegram.connected(account) as access:
            ingest.add(access, account, "@channel")
            server.post(4, "meanwhile")

        listener.serve(self.rounds(6), pause=lambda _: None)

        assert texts() == {4: "meanwhile"}  # history is not its business

    @pytest.mark.django_db(transaction=True)
    def test_a_wait_and_a_lost_connection_end_nothing(
        self, server, account, configured, monkeypatch
    ):
        monkeypatch.setattr(listener, "GATHER_SECONDS", 0.01)
        monkeypatch.setattr(listener, "SHORTEST_PAUSE", 0.0)
        fill(server, (1, 2, 3))
        with telegram.connected(account) as access:
            ingest.add(access, account, "@channel")
        refusals = iter([Unreachable("gone"), FloodWait(3600)])

        def before(name: str) -> None:
            if refusal := next(refusals, None):
                raise refusal

        server.before = before
        listener.serve(self.rounds(60), pause=lambda _: None)

        account.refresh_from_db()
        assert rests.rests(account)

    @pytest.mark.django_db(transaction=True)
    def test_an_account_has_one_listener(self, server, account, configured, monkeypatch):
        monkeypatch.setattr(advisory_locks, "try_held", lambda _: _Taken())

        listener.serve(self.rounds(4), pause=lambda _: None)

        assert server.listeners == []

    def test_a_pass_leaves_the_news_to_whoever_listens(
        self, server, account, configured, monkeypatch
    ):
        fill(server, (1, 2, 3))
        with telegram.connected(account) as access:
            ingest.add(access, account, "@channel")
        server.post(4, "news")
        monkeypatch.setattr(advisory_locks, "is_held", lambda _: True)

        passes.read_all()

        assert sorted(texts()) == [1, 2, 3]


class _Taken:
    def __enter__(self) -> bool:
        return False

    def __exit__(self, *_: object) -> None: ...
