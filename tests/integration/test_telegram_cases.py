"""Fifteen things that other archives learned the hard way, each by its number."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from telethon import errors
from telethon.tl import types

from media.file_metadata import read_metadata
from media.models import ChannelFeed, ChannelGap, Post
from media.picture_structure import PictureDefect
from media.services.telegram.accounts import access as telegram
from media.services.telegram.live import changes, listener
from media.services.telegram.reading import gaps, ingest
from media.services.telegram.reading.cursors import Stretch
from media.services.telegram.reading.ingest import Order
from media.sources.telegram.caller import Caller, translated
from media.sources.telegram.downloads import Downloads
from media.sources.telegram.failures import DownloadFailed, FloodWait
from media.sources.telegram.live_message import Beside
from media.sources.telegram.port import Deleted, RemoteFile, Seen
from media.sources.telegram.shape.files import Handle
from storage_quota import keys
from storage_quota.integrity import marker
from storage_quota.integrity.errors import MarkerMissing
from storage_quota.models import StoredObject
from tests.telegram_fake import BEGAN, CHANNEL, fill, photo
from tests.telegram_messages import AT, document, message, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def followed(server, account):
    """A channel with posts 1 to 12 that is read, and an open connection."""
    fill(server, range(1, 13))
    with telegram.connected(account) as access:
        feed = ingest.add(access, account, "@channel").feed
        ingest.read_channel(access, feed, Order())
        yield access, feed


def state_of(message_id: int) -> dict:
    return Post.objects.filter(telegram_message_id=message_id).values().get()


def test_case_01_rich_messages_have_an_empty_text_and_blocks_that_are_read():
    blocks = [
        types.PageBlockHeading1(types.TextPlain("Title")),
        types.PageBlockParagraph(
            types.TextConcat([
                types.TextPlain("See "),
                types.TextUrl(types.TextBold(types.TextPlain("here")), "https://a.example", 0),
            ])
        ),
        types.PageBlockList([types.PageListItemText(types.TextPlain("first"))]),
        types.PageBlockPhoto(9, types.PageCaption(types.TextPlain("caption"), types.TextEmpty())),
    ]  # fmt: skip
    photos = [read_photo()]
    rich = types.RichMessage(blocks=blocks, photos=photos, documents=[])

    found = read(message(text="", rich_message=rich))

    assert found.text == "Title\nSee here\nfirst\ncaption"
    assert found.links == ("https://a.example",)
    assert found.attachment.declared_size_bytes == 1000


def read_photo() -> types.Photo:
    sizes = [types.PhotoSize("y", 10, 10, 1000)]
    return types.Photo(id=9, access_hash=1, file_reference=b"", date=AT, sizes=sizes, dc_id=2)


def test_case_02_a_reaction_moves_the_edit_date_and_is_no_edit():
    edited = AT + timedelta(days=3)

    assert read(message(text="x", edit_date=edited, edit_hide=True)).edited_at is None
    assert read(message(text="x", edit_date=edited)).edited_at == edited


def test_case_03_a_min_snapshot_of_reactions_erases_nothing(followed, server):
    access, feed = followed
    whole = [{"type": "emoji", "emoji": "👍", "count": 5}]
    server.change(2, value={"reactions": whole})
    gaps.read_ids(access, feed, [2], Order().summary)
    assert state_of(2)["reactions_count"] == 5

    results = [types.ReactionCount(types.ReactionEmoji("👍"), 4)]
    snapshot = types.MessageReactions(results=results, min=True)
    assert read(message(text="x", reactions=snapshot)).reactions == ()
    server.change(2, value={}, beside=Beside(views=9))
    gaps.read_ids(access, feed, [2], Order().summary)
    assert (state_of(2)["reactions_count"], state_of(2)["views_count"]) == (5, 9)


def test_case_04_an_edit_may_change_only_the_photo_or_only_the_formatting(followed, server):
    access, feed = followed
    before = state_of(3)["revision"], state_of(3)["source_fingerprint"]
    gaps.read_ids(access, feed, [3], Order().summary)
    assert (state_of(3)["revision"], state_of(3)["source_fingerprint"]) == before

    server.change(3, body=photo(777), edited=BEGAN + timedelta(days=1))
    gaps.read_ids(access, feed, [3], Order().summary)
    assert state_of(3)["revision"] > before[0]

    plain = read(message(text="word"))
    bold = read(message(text="word", entities=[types.MessageEntityBold(0, 4)]))
    assert plain.fingerprint != bold.fingerprint


def test_case_05_an_edit_of_a_message_never_seen_stores_it(followed, server):
    access, feed = followed
    edited = server.post(50, "late", edited=BEGAN + timedelta(days=1))

    changes.apply(access, feed, [Seen(CHANNEL, edited.fetched(), edited=True)])

    assert state_of(50)["content"] == "late"


def test_case_06_a_deletion_outside_of_channels_hits_no_post(followed, server):
    access, feed = followed
    one = listener.Listened(feed.account, access)
    before = list(Post.objects.order_by("pk").values())
    one.refresh_feeds()
    one.caught_up_at, one.was_broken = listener.time.monotonic(), False

    one.events.put(Deleted(None, (1, 2, 3)))
    listener.step(one, gather=0.02)

    assert list(Post.objects.order_by("pk").values()) == before


def test_case_07_answers_are_paired_by_id(followed, server):
    access, feed = followed  # the fake answers in another order, without what is deleted
    server.messages.pop(5)
    for i in (4, 6):
        server.change(i, text=f"changed {i}", edited=BEGAN + timedelta(days=1))

    gone = gaps.read_ids(access, feed, [4, 5, 6], Order().summary)

    assert gone == {5}
    assert [state_of(i)["content"] for i in (4, 6)] == ["changed 4", "changed 6"]


def test_case_08_a_cursor_only_grows_and_what_failed_is_listed(followed, server):
    _access, feed = followed
    stretch = Stretch(feed, after=0, until=5)
    stretch.settle(5, {})
    assert ChannelFeed.objects.get().cursor == 12

    server.post(13, body=photo(13))
    server.post(14, "after")
    server.short[server.messages[13].file.path] = 99
    ingest.read_channel(_access, feed, Order())
    assert ChannelFeed.objects.get().cursor == 12
    assert list(ChannelGap.objects.values_list("first_id", "reason")) == [(13, "failed")]
    assert state_of(14)["content"] == "after"


def test_case_09_a_short_answer_is_no_whole_file(tmp_path: Path):
    class Short:
        async def iter_download(self, *_, offset, **more):
            yield b"half"

    body = RemoteFile("f", 1, 100, "5", Handle(document().document))

    async def run() -> str:
        async def same(file: RemoteFile) -> RemoteFile:
            return file

        return await Downloads(Short(), Caller(per_second=1e6), parallel=1).save(
            body, tmp_path / "f", same
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("media.sources.telegram.downloads.ATTEMPTS", 1)
        with pytest.raises(DownloadFailed):
            asyncio.run(run())


def test_case_10_an_empty_store_is_not_everything_missing(followed, store, now):
    assert StoredObject.objects.exists()
    for key in [stored.key for stored in StoredObject.objects.all()]:
        store.delete(key)

    with pytest.raises(MarkerMissing):
        marker.confirm(store, now=now)


def test_nothing_is_read_into_another_bucket(followed, server, store, now):
    marker.confirm(store, now=now)
    store.delete(keys.marker(marker.installation().pk))
    fill(server, [13])
    access, feed = followed

    with pytest.raises(MarkerMissing):
        ingest.read_channel(access, feed, Order())

    assert not Post.objects.filter(telegram_message_id=13).exists()


@pytest.mark.parametrize("kind", [errors.FloodWaitError, errors.FloodPremiumWaitError])
def test_case_11_every_kind_of_flood_wait_is_a_wait(kind):
    with pytest.raises(FloodWait) as wait, translated():
        raise kind(request=None, capture=9000)

    assert wait.value.seconds == 9000


def test_case_12_the_declared_size_of_a_jpeg_counts(tmp_path: Path):
    path = tmp_path / "large.jpg"
    Image.new("L", (4000, 3000)).save(path, "JPEG", quality=1)

    with path.open("rb") as file:
        found = read_metadata(file, max_pixels=1_000_000)

    assert found.defect == PictureDefect.TOO_MANY_PIXELS


@pytest.mark.parametrize(
    "name",
    ["a\nb.txt", 'a<>:"|?*.txt', "CON", "..", "../../etc/passwd", "\u202egpj.exe", "й" * 300 + ".txt", "a\x00b"],
)  # fmt: skip
def test_case_13_names_of_files_are_shown_and_never_used(followed, server, settings, name):
    access, feed = followed
    value = {"file": "files/20_5", "file_name": name, "file_size": 5, "mime_type": "text/plain"}
    one = server.post(20, "doc", value=value).fetched()
    file = RemoteFile("files/20_5", 20, 5, "5", b"words")
    record = replace(
        one.record, attachment=replace(one.record.attachment, path=file.path, absence=None)
    )

    changes.apply(access, feed, [Seen(CHANNEL, replace(one, record=record, files=(file,)))])

    post = state_of(20)
    assert post["media_state"] == "stored"
    assert len(post["media_name"]) <= 255
    assert not list(Path(settings.VAR_DIR).rglob("*passwd*"))


def test_case_14_logs_have_no_ids_titles_or_texts(server, account, caplog):
    caplog.set_level(logging.DEBUG)
    server.card = replace(server.card, title="Secret title", username="channel")
    fill(server, range(9000, 9012))
    server.post(9012, "Secret words")
    with telegram.connected(account) as access:
        feed = ingest.add(access, account, "@channel").feed
        ingest.read_channel(access, feed, Order())

    ours = [
        r.getMessage() for r in caplog.records if not r.name.startswith(("django.db", "asyncio"))
    ]
    for told in ("Secret", "9003", "9012", str(CHANNEL), str(-CHANNEL)[3:]):
        assert not [line for line in ours if told in line], told


def test_case_15_views_change_for_weeks_and_are_read_again(followed, server):
    access, feed = followed
    server.change(2, beside=Beside(views=10_000, forwards=30))

    gaps.read_ids(access, feed, [2], Order().summary)

    assert (state_of(2)["views_count"], state_of(2)["forwards_count"]) == (10_000, 30)
