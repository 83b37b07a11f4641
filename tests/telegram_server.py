"""
Two Telegrams for one suite: the fake, and a real MTProto server that settings name.

TELEGRAM_TEST_DC and TELEGRAM_TEST_DC_PUBLIC_KEY name the server; TELEGRAM_TEST_SESSION is a string
session of an account that may make channels there; TELEGRAM_TEST_PHONE and TELEGRAM_TEST_CODE sign
another one in, as test servers allow.
"""

import io
import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from telethon import functions

from media.sources.telegram import sign_in
from media.sources.telegram.adapter import TelethonAccess
from media.sources.telegram.client import make_client
from media.sources.telegram.endpoint import Endpoint, Server
from media.sources.telegram.live_message import Beside
from media.sources.telegram.loop import LoopThread
from media.sources.telegram.port import Reconnected, RemoteFile, TelegramAccess
from tests.telegram_fake import FakeTelegram, photo

NAMES = (
    "TELEGRAM_TEST_DC", "TELEGRAM_TEST_DC_PUBLIC_KEY", "TELEGRAM_TEST_SESSION",
    "TELEGRAM_TEST_PHONE", "TELEGRAM_TEST_CODE",
)  # fmt: skip


class World(Protocol):
    """A channel that a test writes to, and a way to read it as the product does."""

    reference: str

    def access(self) -> TelegramAccess: ...
    def text(self, text: str) -> int: ...
    def photo(self, number: int, caption: str = "") -> int: ...
    def album(self, numbers: Sequence[int], caption: str = "") -> list[int]: ...
    def document(self, name: str, body: bytes) -> int: ...
    def edit(self, message_id: int, text: str) -> None: ...
    def delete(self, message_id: int) -> None: ...
    def forward(self, message_id: int) -> int: ...
    def break_connection(self, access: TelegramAccess) -> None: ...


def real_endpoint() -> Endpoint:
    """The server that the environment names; skips loudly where it names none."""
    missing = [name for name in NAMES if not os.environ.get(name)]
    if missing:
        pytest.skip(f"SKIPPED LOUDLY: no MTProto server to test against: set {', '.join(missing)}")
    dc, host, port = os.environ["TELEGRAM_TEST_DC"].split(":")
    key = Path(os.environ["TELEGRAM_TEST_DC_PUBLIC_KEY"]).read_text()
    return Endpoint(
        int(os.environ.get("TELEGRAM_API_ID", "1")),
        os.environ.get("TELEGRAM_API_HASH", "0" * 32),
        server=Server(int(dc), host, int(port), key),
        requests_per_second=50,
    )


def signed_in(endpoint: Endpoint) -> str:
    """Sign the second account in; return its session."""
    phone, code = os.environ["TELEGRAM_TEST_PHONE"], os.environ["TELEGRAM_TEST_CODE"]
    step = sign_in.send_code(endpoint, phone)
    return sign_in.give_code(endpoint, step, phone, code).session


@dataclass
class RealWorld:
    """A new public channel on the server, written to by the account of TELEGRAM_TEST_SESSION."""

    endpoint: Endpoint
    session: str
    reference: str = ""
    _thread: LoopThread = field(default_factory=lambda: LoopThread("owner"))
    _opened: list[TelethonAccess] = field(default_factory=list)

    def __post_init__(self) -> None:
        async def begin() -> None:
            self._client = make_client(self.endpoint, os.environ["TELEGRAM_TEST_SESSION"])
            await self._client.connect()
            made = await self._client(
                functions.channels.CreateChannelRequest(title="Suite", about="", broadcast=True)
            )
            self._channel = made.chats[0]
            name = f"suite_{uuid.uuid4().hex[:12]}"
            await self._client(functions.channels.UpdateUsernameRequest(self._channel, name))
            self.reference = f"@{name}"

        self._run(begin())

    def access(self) -> TelegramAccess:
        self._opened.append(TelethonAccess(self.endpoint, self.session))
        return self._opened[-1]

    def text(self, text: str) -> int:
        return int(self._run(self._client.send_message(self._channel, text)).id)

    def photo(self, number: int, caption: str = "") -> int:
        return self.file(_file(number), caption)

    def file(self, file: io.BytesIO, caption: str = "") -> int:
        """Post any picture."""
        return int(self._run(self._client.send_file(self._channel, file, caption=caption)).id)

    def album(self, numbers: Sequence[int], caption: str = "") -> list[int]:
        files = [_file(number) for number in numbers]
        sent = self._run(self._client.send_file(self._channel, files, caption=caption))
        return [one.id for one in sent]

    def document(self, name: str, body: bytes) -> int:
        file = io.BytesIO(body)
        file.name = name
        sent = self._client.send_file(self._channel, file, force_document=True)
        return int(self._run(sent).id)

    def edit(self, message_id: int, text: str) -> None:
        self._run(self._client.edit_message(self._channel, message_id, text))

    def delete(self, message_id: int) -> None:
        self._run(self._client.delete_messages(self._channel, [message_id]))

    def forward(self, message_id: int) -> int:
        sent = self._client.forward_messages(self._channel, message_id, self._channel)
        return int(self._run(sent).id)

    def rename(self, title: str) -> None:
        self._run(self._client(functions.channels.EditTitleRequest(self._channel, title)))

    def join(self, access: TelegramAccess) -> None:
        """Have the reader join: a server says what happens to members only."""
        access.join(access.resolve(self.reference).peer)

    def break_connection(self, access: TelegramAccess) -> None:
        """Cut the reader's connection, as a network does."""
        reader: Any = access

        async def cut() -> None:
            reader._client._sender._connection._writer.transport.abort()

        reader._thread.run(cut(), timeout=10)

    def close(self) -> None:
        for access in self._opened:
            access.close()
        self._run(self._disconnect())
        self._thread.close()

    async def _disconnect(self) -> None:
        await self._client.disconnect()

    def _run(self, coroutine: Any) -> Any:
        return self._thread.run(_awaited(coroutine), timeout=60)


async def _awaited(work: Any) -> Any:
    return await work


@dataclass
class FakeWorld:
    """The same on the fake."""

    server: FakeTelegram
    reference: str = "@channel"
    _last: int = 0

    def access(self) -> TelegramAccess:
        return self.server.opener()

    def join(self, access: TelegramAccess) -> None: ...

    def text(self, text: str) -> int:
        return self._post(text)

    def photo(self, number: int, caption: str = "") -> int:
        return self._post(caption, body=photo(number))

    def album(self, numbers: Sequence[int], caption: str = "") -> list[int]:
        grouped = Beside(grouped_id=10**15 + self._last, views=0)
        captions = [caption, *([""] * len(numbers))]
        return [
            self._post(text, body=photo(number), beside=grouped)
            for number, text in zip(numbers, captions, strict=False)
        ]

    def document(self, name: str, body: bytes) -> int:
        self._last += 1
        path = f"files/{self._last}_5"
        file = RemoteFile(path, self._last, len(body), "5", body)
        value = {"file": path, "file_name": name, "file_size": len(body), "mime_type": "text/plain"}
        self.server.post(self._last, value=value, remote=file)
        return self._last

    def edit(self, message_id: int, text: str) -> None:
        self.server.change(message_id, text=text)
        self.server.say(message_id, edited=True)

    def delete(self, message_id: int) -> None:
        self.server.delete(message_id)

    def forward(self, message_id: int) -> int:
        value = {"forwarded_from": self.server.card.title, "forwarded_from_id": "channel1234567890"}
        more = Beside(forwarded_message_id=message_id)
        return self._post(self.server.messages[message_id].text, value=value, beside=more)

    def break_connection(self, access: TelegramAccess) -> None:
        for put in self.server.listeners:
            put(Reconnected())

    def close(self) -> None: ...

    def _post(self, text: str, **more: Any) -> int:
        self._last += 1
        self.server.post(self._last, text, **more)
        self.server.say(self._last)
        return self._last


def _file(number: int) -> io.BytesIO:
    file = io.BytesIO(photo(number))
    file.name = f"photo{number}.jpg"
    return file


def until(found: Callable[[], Any], *, seconds: float = 15) -> Any:
    """Wait until something is found."""
    ends = time.monotonic() + seconds
    while not (result := found()) and time.monotonic() < ends:
        time.sleep(0.05)
    return result
