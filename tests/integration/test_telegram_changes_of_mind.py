"""Telegram is read while somebody pauses the channel or signs out, and while a clock is wrong."""

from datetime import timedelta

import pytest
from django.utils import timezone

from media.models import AccountState, ChannelFeed, ChannelGap, Post, TelegramAccount
from media.services.telegram import passes
from media.services.telegram.accounts import access as telegram
from media.services.telegram.accounts import sign_in
from media.services.telegram.channels import feeds
from media.services.telegram.live import listener
from media.services.telegram.reading import ingest, stretch
from media.services.telegram.reading.ingest import Order
from media.sources.telegram.failures import SignedOut
from tests.telegram_fake import BEGAN, fill

pytestmark = pytest.mark.django_db


@pytest.fixture
def feed(server, account):
    """A channel of three posts that are read."""
    fill(server, (1, 2, 3))
    with telegram.connected(account) as access:
        feed = ingest.add(access, account, "@channel").feed
        ingest.read_channel(access, feed, Order())
    return ChannelFeed.objects.select_related("channel__tenant", "account").get(pk=feed.pk)


@pytest.fixture
def listened(server, account, feed):
    """An account that is listened to, with this channel."""
    with telegram.connected(account) as access:
        one = listener.Listened(account, access)
        access.listen(one.events.put)
        round_of(one)
        yield one


def round_of(one: listener.Listened) -> None:
    listener.step(one, gather=0.02)


def post(number: int) -> Post:
    return Post.objects.get(telegram_message_id=number)


class TestListening:
    def test_a_session_that_is_forgotten_hears_nothing_more(self, server, account, listened):
        sign_in.sign_out(TelegramAccount.objects.get(pk=account.pk))
        server.post(4, "after that")
        server.say(4)

        with pytest.raises(telegram.NotSignedIn):
            round_of(listened)

        assert Post.objects.count() == 3

    def test_it_ends_where_nothing_is_heard_as_well(self, account, listened):
        sign_in.sign_out(TelegramAccount.objects.get(pk=account.pk))
        listened.feeds_read_at = float("-inf")

        with pytest.raises(telegram.NotSignedIn):
            round_of(listened)

    def test_a_session_that_is_ended_signs_nobody_out_who_has_signed_in_anew(self, account):
        TelegramAccount.objects.filter(pk=account.pk).update(session=b"another")

        with pytest.raises(SignedOut), telegram.ends_noted(account):
            raise SignedOut

        account.refresh_from_db()
        assert account.state == AccountState.READY

    def test_a_channel_that_is_paused_gets_nothing_more(self, server, feed, listened):
        feeds.pause(feed, paused=True)
        server.post(4, "after that")
        server.say(4)

        round_of(listened)

        assert Post.objects.count() == 3


class TestAPass:
    @pytest.fixture
    def after_a_batch(self, monkeypatch):
        """Have something happen after the first batch is written."""

        def then(do) -> None:
            real, left = stretch.settle, [do]

            def settle(*args):
                real(*args)
                if left:
                    left.pop()()

            monkeypatch.setattr(stretch, "settle", settle)

        return then

    @pytest.mark.costly
    @pytest.mark.parametrize("how", ["paused", "signed out"])
    def test_it_goes_no_further_where_somebody_ends_it(
        self, server, account, configured, after_a_batch, how
    ):
        fill(server, range(1, 1001))
        with telegram.connected(account) as access:
            feed = ingest.add(access, account, "@channel").feed
        ends = {
            "paused": lambda: feeds.pause(feed, paused=True),
            "signed out": lambda: sign_in.sign_out(account),
        }
        written = []
        after_a_batch(lambda: (written.append(Post.objects.count()), ends[how]()))

        passes.read_all()

        read = Post.objects.count()
        assert written == [read]
        assert ChannelGap.objects.get().last_id == 1000  # what is left is known
        passes.read_all()
        assert Post.objects.count() == read

    @pytest.mark.costly
    def test_nor_does_a_listener_that_catches_up(self, server, feed, listened, after_a_batch):
        fill(server, range(4, 1001))
        written = []
        after_a_batch(
            lambda: (written.append(Post.objects.count()), feeds.pause(feed, paused=True))
        )

        listener.catch_up(listened)

        assert [Post.objects.count()] == written


class TestAClockThatWasAhead:
    @pytest.fixture
    def put_right(self, server, listened, monkeypatch):
        """A post was edited while this host's clock was an hour ahead."""
        real = timezone.now
        monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(hours=1))
        server.change(2, text="second", edited=BEGAN + timedelta(days=1))
        server.say(2, edited=True)
        round_of(listened)
        assert post(2).content == "second"
        monkeypatch.setattr(timezone, "now", real)

    def test_later_edits_count(self, server, listened, put_right):
        for text in ("third", "fourth"):
            server.change(2, text=text, edited=BEGAN + timedelta(days=2))
            server.say(2, edited=True)
            round_of(listened)

            assert post(2).content == text

    def test_a_deletion_counts(self, server, listened, put_right):
        server.delete(2)

        round_of(listened)

        assert post(2).deleted_at is not None

    def test_another_title_counts(self, server, listened, put_right):
        server.rename(title="Renamed")

        round_of(listened)

        assert post(2).channel.title == "Renamed"

    def test_what_is_read_anew_counts(self, server, account, feed, listened, put_right):
        server.change(2, text="third", edited=BEGAN + timedelta(days=2))
        fresh = ChannelFeed.objects.select_related("channel__tenant", "account").get()
        ChannelFeed.objects.update(cursor=1)

        ingest.read_channel(listened.access, fresh, Order())

        assert post(2).content == "third"
