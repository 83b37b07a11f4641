"""
The product against an MTProto server that is not the tests' own: from the sign-in to a lost connection.

TELEGRAM_TEST_* name the server (`tests/telegram_server.py`); without them it is skipped, loudly.
"""

import io
import json
import os
from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command

from media.models import AccountState, ChannelFeed, Post, TelegramAccount
from media.services.telegram.accounts import access as telegram
from media.services.telegram.live import listener
from telegram_assistant.config import Telegram
from tests.telegram_server import RealWorld, real_endpoint, until

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def account(settings, store, tmp_path) -> TelegramAccount:
    """An account that the product's command has signed in."""
    endpoint = real_endpoint()
    settings.VAR_DIR = tmp_path
    settings.TELEGRAM = Telegram(
        api_id=endpoint.api_id, api_hash=endpoint.api_hash,
        session_key=Fernet.generate_key().decode(), requests_per_second=50,
        test_dc=os.environ["TELEGRAM_TEST_DC"],
        test_dc_public_key=os.environ["TELEGRAM_TEST_DC_PUBLIC_KEY"], _env_file=None,
    )  # fmt: skip
    phone, code = os.environ["TELEGRAM_TEST_PHONE"], os.environ["TELEGRAM_TEST_CODE"]
    run("telegram_login", "--phone", phone)
    run("telegram_login", "--code", code)
    return TelegramAccount.objects.get()


@pytest.fixture
def world(account) -> Iterator[RealWorld]:
    """A channel that another account writes to."""
    real = RealWorld(real_endpoint(), session="")
    yield real
    real.close()


@pytest.fixture
def listened(world, account) -> Iterator[listener.Listened]:
    """The account is listened to, and the channel is read so far."""
    world.text("before")
    run("ingest_channel", world.reference)
    account.refresh_from_db()
    with telegram.connected(account) as access:
        one = listener.Listened(account, access)
        access.listen(one.events.put)
        listener.step(one, gather=0.1)
        yield one


def happens(one: listener.Listened, found: Callable[[], object]) -> object:
    """Listen until something is found."""

    def look() -> object:
        listener.step(one, gather=0.1)
        return found()

    return until(look, seconds=20)


def post(message_id: int) -> Post | None:
    return Post.objects.filter(telegram_message_id=message_id).first()


def contents(message_id: int) -> list[str]:
    files = post(message_id).post_media.order_by("position")
    return [one.media_object.file_sha256 for one in files]


def test_a_sign_in_and_a_history_of_every_kind(world, account):
    body = bytes(range(256)) * 3000
    text, photo = world.text("plain https://example.org"), world.photo(1, "a photo")
    album, document = world.album([2, 3, 4], "an album"), world.document("имя файла.bin", body)
    forward, gone = world.forward(text), world.text("to be deleted")
    world.edit(text, "corrected")
    world.delete(gone)

    plan = json.loads(run("ingest_channel", world.reference, "--dry-run", "--json"))
    run("ingest_channel", world.reference)

    assert account.state == AccountState.READY
    assert plan["messages_at_most"] >= 7
    assert (post(text).content, post(text).is_edited) == ("corrected", True)
    assert (post(photo).content, post(photo).media_state) == ("a photo", "stored")
    assert {post(i).grouped_id for i in album} == {post(album[0]).grouped_id}
    assert post(album[0]).grouped_id
    assert len({digest for i in album for digest in contents(i)}) == 3
    assert (post(document).media_name, contents(document)) == (
        "имя файла.bin", [sha256(body).hexdigest()],
    )  # fmt: skip
    assert post(forward).forward_from_message_id == text
    assert post(gone) is None
    feed = ChannelFeed.objects.get()
    assert feed.cursor >= forward
    assert json.loads(run("channels", "gaps", "--json")) == []
    assert f"@{feed.channel.username}" == world.reference


@pytest.mark.costly
def test_what_happens_is_heard(world, listened):
    new, album = world.text("news"), world.album([5, 6], "a live album")
    assert happens(listened, lambda: post(new) and all(post(i) for i in album))
    assert post(album[0]).grouped_id == post(album[1]).grouped_id
    assert {post(i).media_state for i in album} == {"stored"}

    world.edit(new, "newer")
    assert happens(listened, lambda: post(new).content == "newer")
    world.delete(new)
    assert happens(listened, lambda: post(new).deleted_at)


def test_another_title_is_noticed_as_it_is_given(world, listened):
    world.rename("Another title")

    assert happens(listened, lambda: ChannelFeed.objects.get().channel.title == "Another title")


def test_what_was_missed_during_a_break_is_made_up_for(world, listened):
    kept, lost = world.text("kept"), world.text("lost")
    assert happens(listened, lambda: post(kept) and post(lost))

    world.break_connection(listened.access)
    world.edit(kept, "edited meanwhile")
    world.delete(lost)
    missed = world.text("posted meanwhile")

    assert happens(listened, lambda: post(missed) and post(lost).deleted_at)
    assert happens(listened, lambda: post(kept).content == "edited meanwhile")
