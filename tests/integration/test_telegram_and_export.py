"""The same channel from Telegram and from its export is one set of posts, with the fields of both."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from accounts import tenants
from albums.models import MediaGroup
from events.delivery import worker
from media.models import Channel, ChannelFeed, ChannelSource, Post, PostVersion
from media.services.imports import import_export
from media.services.telegram.accounts import access as telegram
from media.services.telegram.channels import feeds
from media.services.telegram.live import changes
from media.services.telegram.reading import ingest
from media.services.telegram.reading.ingest import Order
from media.sources.export.source import ExportSource
from media.sources.telegram.live_message import Beside
from media.sources.telegram.port import Deleted, Seen
from tests import factories as make
from tests.telegram_fake import BEGAN, CHANNEL, FakeTelegram, fill, photo
from tests.unit.exports import chat, message, write
from vision.models import PostTag

pytestmark = pytest.mark.django_db


@pytest.fixture
def export(server: FakeTelegram, tmp_path: Path) -> Callable[[], Path]:
    """Write an export of what the fake has now."""
    numbers = itertools.count(1)

    def _() -> Path:
        folder = tmp_path / f"export{next(numbers)}"
        (folder / "photos").mkdir(parents=True)
        messages = [_exported(one, folder) for _, one in sorted(server.messages.items())]
        whole = {
            "name": server.card.title, "type": "public_channel", "id": -CHANNEL - 10**12,
            "messages": messages,
        }  # fmt: skip
        (folder / "result.json").write_text(json.dumps(whole), encoding="utf-8")
        return folder

    return _


def _exported(one, folder: Path) -> dict:
    unix = str(int(one.at.timestamp()))
    value = {
        "id": one.message_id, "type": "message", "date": f"{one.at:%Y-%m-%dT%H:%M:%S}",
        "date_unixtime": unix, "from": "Channel", "from_id": f"channel{-CHANNEL - 10**12}",
        "text": one.text,
        "text_entities": [{"type": "plain", "text": one.text}] if one.text else [],
    }  # fmt: skip
    if one.edited:
        value |= {"edited_unixtime": str(int(one.edited.timestamp()))}
    if one.body is not None:
        path = f"photos/photo_{one.message_id}@01-01-2026_12-00-00.jpg"
        (folder / path).write_bytes(one.body)
        value |= {"photo": path, "photo_file_size": len(one.body), "width": 48, "height": 32}
    return value | one.value


def by_export(folder: Path) -> None:
    source = ExportSource(folder, zone=ZoneInfo("UTC"))
    import_export(source=source, path=folder, tenant=tenants.default_tenant())


def by_telegram(account, **order) -> None:
    with telegram.connected(account) as access:
        feed = ingest.add(access, account, "@channel").feed
        ingest.read_channel(access, feed, Order(**order))


def posts() -> list[dict]:
    """All that is stored of the posts, but for ages, times of writing and revisions."""
    left = {
        "id", "channel_id", "tenant_id", "as_of", "older_fields", "source_fingerprint", "revision",
        "created_at", "updated_at", "said_as", "run_id", "fingerprint",
    }  # fmt: skip
    return [
        {k: v for k, v in row.items() if k not in left} | {"media": _media(row["id"])}
        for row in Post.objects.order_by("telegram_message_id").values()
    ]


def _media(post) -> list[str]:
    shown = Post.objects.get(pk=post).post_media.order_by("position")
    return [one.media_object.file_sha256 for one in shown]


def test_in_both_orders_and_interleaved(server, account, export):
    fill(server, range(1, 41))
    server.change(3, value={"reactions": [{"type": "emoji", "emoji": "👍", "count": 5}]})
    folder = export()
    orders = {
        "export first": [lambda: by_export(folder), lambda: by_telegram(account)],
        "telegram first": [lambda: by_telegram(account), lambda: by_export(folder)],
        "interleaved": [
            lambda: by_telegram(account, limit=15), lambda: by_export(folder),
            lambda: by_telegram(account), lambda: by_export(folder),
        ],
    }  # fmt: skip
    found = {}
    for name, steps in orders.items():
        Channel.objects.all().delete()
        for step in steps:
            step()
        found[name] = posts()

    assert found["export first"] == found["telegram first"] == found["interleaved"]
    assert len(found["interleaved"]) == 40
    both = found["interleaved"][8 - 1]
    assert both["views_count"] == 8  # only Telegram says it
    assert both["grouped_id"] == 10**15  # an export would have guessed
    assert both["media_name"].startswith("photo_8@")  # only an export names it
    assert len(both["media"]) == 1


@pytest.mark.parametrize("first", ["export", "telegram"])
def test_a_neighbor_that_telegram_shows_to_stand_alone_is_of_no_album(
    server, account, export, first
):
    """An export shows three photos of one second; of Telegram's albums the third is none."""
    album = Beside(grouped_id=10**15)
    server.post(1, "#море", body=photo(1), beside=album, at=BEGAN)
    server.post(2, "", body=photo(2), beside=album, at=BEGAN)
    server.post(3, "", body=photo(3), at=BEGAN)
    steps = [lambda: by_export(export()), lambda: by_telegram(account)]
    for step in steps if first == "export" else reversed(steps):
        step()
        worker.drain("default")
        worker.drain("tagging")

    assert [post["grouped_id"] for post in posts()] == [10**15, 10**15, None]
    [group] = MediaGroup.objects.exclude(items_count=0)
    assert [item.post.telegram_message_id for item in group.items.order_by("position")] == [1, 2]
    alone = PostTag.objects.filter(post__telegram_message_id=3)
    assert not alone.exists()  # the caption of the others is not its own


def test_each_source_is_remembered(server, account, export):
    fill(server, range(1, 4))
    by_export(export())
    by_telegram(account)

    kinds = ChannelSource.objects.order_by("kind").values_list("kind", "name")
    assert [kind for kind, _ in kinds] == ["export", "live"]
    assert dict(kinds)["live"] == "main"


def test_edits_seen_live_keep_their_history(server, account):
    fill(server, range(1, 4))
    by_telegram(account)
    with telegram.connected(account) as access:
        feed = ingest.add(access, account, "@channel").feed
        for number in (1, 2):
            edited = BEGAN + timedelta(days=number)
            server.change(1, text=f"edit {number}", edited=edited)
            changes.apply(access, feed, [Seen(CHANNEL, server.messages[1].fetched(), edited=True)])
        before = PostVersion.objects.count()
        server.change(1, beside=Beside(views=9999))
        changes.apply(access, feed, [Seen(CHANNEL, server.messages[1].fetched(), edited=True)])

    texts = [v.content["text"] for v in PostVersion.objects.order_by("edited_at")]
    assert sorted(texts) == ["Post 1 https://example.org/1 #tag", "edit 1", "edit 2"]
    assert PostVersion.objects.count() == before  # more views are no edit


def test_a_deletion_marks_and_a_return_takes_the_mark_away(server, account):
    fill(server, range(1, 13))
    by_telegram(account)
    with telegram.connected(account) as access:
        feed = ingest.add(access, account, "@channel").feed
        changes.apply(access, feed, [Deleted(CHANNEL, (3, 4))])
        marked = Post.objects.filter(deleted_at__isnull=False)
        assert sorted(marked.values_list("telegram_message_id", flat=True)) == [3, 4]
        assert Post.objects.get(telegram_message_id=3).post_media.exists()

        changes.apply(access, feed, [Seen(CHANNEL, server.messages[3].fetched())])
        assert list(marked.values_list("telegram_message_id", flat=True)) == [4]


def test_what_was_deleted_during_a_break_is_marked(server, account):
    fill(server, range(1, 13))
    by_telegram(account)
    server.delete(5, told=False)
    with telegram.connected(account) as access:
        changes.recheck(access, ingest.add(access, account, "@channel").feed)

    assert Post.objects.get(deleted_at__isnull=False).telegram_message_id == 5


def test_a_channel_that_changed_its_name_is_recognized(server, account, export):
    fill(server, range(1, 4))
    by_export(export())
    by_telegram(account)
    server.card = replace(server.card, title="Another", username="another")
    with telegram.connected(account) as access:
        feed = ingest.add(access, account, "@another").feed
        ingest.read_channel(access, feed, Order())

    channel = Channel.objects.get()
    assert channel.title == "Another"
    assert {"Channel", "Another"} <= set(channel.states.values_list("title", flat=True))


def test_a_group_that_got_another_id_goes_on_under_it_and_no_post_is_there_twice(
    server, account, tmp_path
):
    """An export of a supergroup has the messages of the group before it, with negative ids."""
    fill(server, range(1, 6))
    server.card = replace(server.card, kind="public_supergroup")
    (tmp_path / "photos").mkdir()
    older = [
        message(-i, text=f"Before {i}", date_unixtime=str(1_700_000_000 - i)) for i in (900, 800)
    ]
    newer = [_exported(one, tmp_path) for one in server.messages.values()]
    write(tmp_path, chat([*older, *newer], id=-CHANNEL - 10**12, type="public_supergroup"))
    by_export(tmp_path)
    before = [(p["telegram_message_id"], p["content"]) for p in posts()]

    by_telegram(account)  # Telegram has not said anything of it yet
    server.card = replace(server.card, migrated_from=-4_321_098)
    for reference in ("@channel", "-4321098"):
        with telegram.connected(account) as access:
            feed = ingest.add(access, account, reference).feed
            ingest.read_channel(access, feed, Order())
            changes.recheck(access, feed)

    assert [(p["telegram_message_id"], p["content"]) for p in posts()] == before
    assert [i for i, _ in before] == [-900, -800, 1, 2, 3, 4, 5]
    assert not Post.objects.filter(deleted_at__isnull=False).exists()
    channel = Channel.objects.get()  # one, and one feed
    assert (channel.tg_channel_id, ChannelFeed.objects.get().channel) == (CHANNEL, channel)
    assert feeds.find(account.tenant, "-4321098") == [ChannelFeed.objects.get()]
    said = channel.states.filter(migrated_from__isnull=False)
    assert [one.migrated_from for one in said] == [-4_321_098]  # once, however often it is said


def test_a_channel_that_is_known_under_its_old_id_names_the_new_one(server, account):
    old = make.channel(owner=account.tenant)
    fill(server, range(1, 3))
    server.card = replace(server.card, migrated_from=old.tg_channel_id)
    by_telegram(account)

    assert old.states.latest("seen_at").migrated_to == CHANNEL
