"""A Telegram of the tests: a list of messages in the shape of an export, answers, and faults."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from accounts import tenants
from media.models import AccountState, TelegramAccount
from media.services.telegram.accounts import access
from media.sources.telegram.failures import (
    ChannelClosed,
    DownloadFailed,
    ReferenceUnknown,
    TelegramRefused,
)
from media.sources.telegram.live_message import Beside, read_live
from media.sources.telegram.port import (
    PAGE_MESSAGES,
    Changed,
    ChannelCard,
    Deleted,
    Fetched,
    LiveEvent,
    Page,
    Peer,
    RemoteFile,
    Seen,
)
from media.sources.telegram.references import parse_reference
from telegram_assistant.config import Telegram
from tests import factories as make

BEGAN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
CHANNEL = -1_001_234_567_890


@dataclass
class FakeMessage:
    """One message of the fake; `body` are the bytes of its photo."""

    message_id: int
    text: str = ""
    at: datetime = BEGAN
    body: bytes | None = None
    edited: datetime | None = None
    value: dict[str, Any] = field(default_factory=dict)
    beside: Beside = field(default_factory=Beside)
    remote: RemoteFile | None = None

    @property
    def file(self) -> RemoteFile | None:
        if self.body is None:
            return self.remote
        file_id = sha256(self.body).hexdigest()[:16]
        path = f"photos/{self.message_id}_{file_id}.jpg"
        return RemoteFile(path, self.message_id, len(self.body), file_id, self.body)

    def fetched(self) -> Fetched:
        value = {
            "id": self.message_id, "type": "message", "text": self.text,
            "date_unixtime": str(int(self.at.timestamp())), "from_id": f"channel{-CHANNEL - 10**12}",
        }  # fmt: skip
        if self.edited:
            value["edited_unixtime"] = str(int(self.edited.timestamp()))
        file = self.file
        if file and self.body is not None:
            value |= {"photo": file.path, "photo_file_size": file.size_bytes}
        return read_live(value | self.value, self.beside, (file,) if file else ())


class FakeTelegram:
    """
    The server: one channel, its messages by id, and what goes wrong.

    `before` is called with the name of each request and may raise; `broken` are paths of files
    that come short, so many times.
    """

    def __init__(self, *, title: str = "Channel", username: str = "channel") -> None:
        self.card = ChannelCard(
            Peer(CHANNEL, 77), title, "public_channel", username=username, members=5
        )
        self.messages: dict[int, FakeMessage] = {}
        self.before: Callable[[str], None] = lambda _: None
        self.short: dict[str, int] = {}
        self.asked: list[str] = []
        self.downloads: list[str] = []
        self.listeners: list[Callable[[LiveEvent], None]] = []

    def post(self, message_id: int, text: str = "", **more: Any) -> FakeMessage:
        at = more.pop("at", BEGAN + timedelta(minutes=message_id))
        message = FakeMessage(message_id, text, at=at, **more)
        self.messages[message_id] = message
        return message

    def change(self, message_id: int, **more: Any) -> FakeMessage:
        self.messages[message_id] = replace(self.messages[message_id], **more)
        return self.messages[message_id]

    def say(self, message_id: int, *, edited: bool = False) -> None:
        """Tell whoever listens of a message."""
        for put in self.listeners:
            put(Seen(CHANNEL, self.messages[message_id].fetched(), edited))

    def rename(self, *, told: bool = True, **card: str) -> None:
        """Give the channel another title or name."""
        self.card = replace(self.card, **card)
        for put in self.listeners if told else ():
            put(Changed(CHANNEL))

    def delete(self, *ids: int, channel: int | None = CHANNEL, told: bool = True) -> None:
        for message_id in ids if channel == CHANNEL else ():
            self.messages.pop(message_id, None)
        for put in self.listeners if told else ():
            put(Deleted(channel, ids))

    def opener(self, _account: Any = None) -> "FakeAccess":
        return FakeAccess(self)


class FakeAccess:
    """`port.TelegramAccess` on the fake server."""

    def __init__(self, server: FakeTelegram) -> None:
        self._server = server
        self.closed = False

    def resolve(self, reference: str) -> ChannelCard:
        self._ask("resolve")
        wanted = parse_reference(reference)
        ids = (CHANNEL, self._server.card.migrated_from or CHANNEL)
        if wanted.name != self._server.card.username and wanted.tg_channel_id not in ids:
            raise ReferenceUnknown("Telegram knows no such channel")
        return self._card()

    def join(self, peer: Peer) -> None:
        self._ask("join")

    def fetch_card(self, peer: Peer) -> ChannelCard:
        self._ask("fetch_card")
        if peer != self._server.card.peer:
            raise ChannelClosed("ChannelPrivateError")
        return self._card()

    def page(self, peer: Peer, *, after: int, until: int, limit: int = PAGE_MESSAGES) -> Page:
        self._ask("page")
        found = sorted(i for i in self._server.messages if i > max(after, self._hidden_to))
        chosen = [i for i in found[:limit] if i <= until]
        whole = len(found) < limit or found[limit - 1] > until
        fetched = tuple(self._server.messages[i].fetched() for i in chosen)
        return Page(fetched, until if whole else chosen[-1], datetime.now(UTC))

    def by_ids(self, peer: Peer, ids: Sequence[int]) -> Mapping[int, Fetched]:
        self._ask("by_ids")
        # Not in the order of the ids: whoever pairs by position finds others.
        known = [i for i in reversed(ids) if i in self._server.messages and i > self._hidden_to]
        return {i: self._server.messages[i].fetched() for i in known}

    def first_since(self, peer: Peer, moment: datetime) -> int | None:
        self._ask("first_since")
        return min(
            (m.message_id for m in self._server.messages.values() if m.at >= moment), default=None
        )

    def download(self, peer: Peer, file: RemoteFile, target: Path) -> "Future[str]":
        def save() -> str:
            target.write_bytes(file.handle)
            return sha256(file.handle).hexdigest()

        return self._downloaded(file, save)

    def fetch(self, peer: Peer, file: RemoteFile) -> "Future[bytes]":
        return self._downloaded(file, lambda: bytes(file.handle))

    def _downloaded(self, file: RemoteFile, get: Callable[[], Any]) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            self._ask("download")
            self._server.downloads.append(file.path)
            if self._server.short.get(file.path, 0):
                self._server.short[file.path] -= 1
                raise DownloadFailed(f"1 bytes came of {file.size_bytes}")
            future.set_result(get())
        except (TelegramRefused, OSError) as refused:
            future.set_exception(refused)
        return future

    def listen(self, put: Callable[[LiveEvent], None]) -> None:
        self._server.listeners.append(put)

    def close(self) -> None:
        self.closed = True

    @property
    def _hidden_to(self) -> int:
        return self._server.card.hidden_to

    def _ask(self, name: str) -> None:
        self._server.asked.append(name)
        self._server.before(name)

    def _card(self) -> ChannelCard:
        return replace(self._server.card, top_id=max(self._server.messages, default=0))


def photo(number: int) -> bytes:
    """A small photo; each number has its own."""
    return make.picture(f"#{number % 4096:03x}", size=(48, 32), image_format="JPEG")


def fill(server: FakeTelegram, ids: Iterable[int]) -> None:
    """Posts with texts, every third with a photo, and three of ten as one album of photos."""
    for i in ids:
        album = i // 10 if i % 10 in (7, 8, 9) else None
        body = photo(i) if album is not None or i % 3 == 0 else None
        beside = Beside(grouped_id=None if album is None else 10**15 + album, views=i)
        at = BEGAN + timedelta(minutes=i if album is None else i - i % 10)
        server.post(i, f"Post {i} https://example.org/{i} #tag", body=body, beside=beside, at=at)


@pytest.fixture
def configured(settings) -> None:
    """An application of Telegram, and a key for sessions."""
    settings.TELEGRAM = Telegram(
        api_id=1, api_hash="0" * 32, session_key=Fernet.generate_key().decode(), _env_file=None
    )


@pytest.fixture
def server(monkeypatch, store, settings, tmp_path) -> FakeTelegram:
    """The fake server, which every account reaches."""
    settings.VAR_DIR = tmp_path
    fake = FakeTelegram()
    monkeypatch.setattr(access, "opener", fake.opener)
    return fake


@pytest.fixture
def account(db) -> TelegramAccount:
    """An account that is signed in."""
    return TelegramAccount.objects.create(
        tenant=tenants.default_tenant(), name="main", state=AccountState.READY
    )
