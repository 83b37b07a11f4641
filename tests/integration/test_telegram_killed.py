"""A backfill that is killed anywhere and resumed ends as one that was never interrupted."""

import random
from pathlib import Path

import pytest
from django.db import connection

from accounts import tenants
from media.models import AccountState, Channel, ChannelFeed, ChannelGap, Post, TelegramAccount
from storage_quota.models import StoredObject
from storage_quota.object_store import use
from storage_quota.object_store.files import FileStore
from tests.processes import SetUpPython

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def read(tmp_path: Path):
    """Read the channel in a process of its own; it is killed at that request (0: never)."""
    for folder in ("objects", "var"):
        (tmp_path / folder).mkdir()
    TelegramAccount.objects.create(
        tenant=tenants.default_tenant(), name="main", state=AccountState.READY
    )

    def _(messages: int, kill_at: int = 0) -> int:
        arguments = [
            "-m", "tests.integration.telegram_crash_worker", connection.settings_dict["NAME"],
            tmp_path / "objects", tmp_path / "var", messages, kill_at,
        ]  # fmt: skip
        return SetUpPython(*arguments).wait()

    return _


def contents() -> list[tuple]:
    return [
        (p.telegram_message_id, p.content, p.urls, p.grouped_id, p.views_count, p.media_state,
         [m.media_object.file_sha256 for m in p.post_media.order_by("position")])
        for p in Post.objects.order_by("telegram_message_id").prefetch_related(
            "post_media__media_object"
        )
    ]  # fmt: skip


def check(messages: int, read, kills: int, root: Path) -> None:
    chance = random.Random(kills)
    for _ in range(kills):
        # Within the first batches, also in the middle of their downloads and of their commits.
        read(messages, kill_at=chance.randrange(1, 260))
    assert read(messages) == 0

    found = contents()
    assert [row[0] for row in found] == list(range(1, messages + 1))
    assert not ChannelGap.objects.exists()
    assert ChannelFeed.objects.get().cursor == messages
    Channel.objects.all().delete()
    assert read(messages) == 0
    assert contents() == found
    with use(FileStore(root)) as store:
        keys = set(StoredObject.objects.values_list("key", flat=True))
        assert all(store.head(key) for key in keys)


def test_two_kills(read, tmp_path):
    check(30, read, 2, tmp_path / "objects")


@pytest.mark.long
def test_fifty_kills_of_two_thousand_messages_with_albums(read, tmp_path):
    check(2000, read, 50, tmp_path / "objects")
