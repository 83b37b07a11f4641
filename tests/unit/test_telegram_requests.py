"""Requests and downloads: waits are absorbed, files come whole, and go on where they ended."""

import asyncio
from dataclasses import dataclass, field
from hashlib import sha256
from types import SimpleNamespace

import pytest
from telethon import errors, functions
from telethon.tl import types

from media.sources.telegram import caller as callers
from media.sources.telegram.adapter import TelethonAccess
from media.sources.telegram.caller import Caller
from media.sources.telegram.downloads import REQUEST_BYTES, Downloads
from media.sources.telegram.failures import (
    ChannelClosed,
    DownloadFailed,
    FloodWait,
    MethodWait,
    ReferenceUnknown,
    SignedOut,
    TelegramRefused,
    Unreachable,
)
from media.sources.telegram.port import Peer, RemoteFile
from media.sources.telegram.references import parse_reference
from media.sources.telegram.shape.files import Handle
from tests.small_disk import small_disk
from tests.telegram_messages import document

BODY = bytes(range(256)) * 6000  # three requests


@pytest.fixture(autouse=True)
def slept(monkeypatch) -> list[float]:
    """Nobody sleeps; what would have been slept."""
    naps: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float, *_: object) -> None:
        naps.append(seconds)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return naps


def flood(seconds: int, kind: type = errors.FloodWaitError) -> Exception:
    return kind(request=None, capture=seconds)


class TestWaitsOfOneKind:
    """Which requests have waits of their own: those that Telegram refuses for hours."""

    class Flooded:
        def __init__(self, *kinds: type) -> None:
            self.kinds = kinds

        async def __call__(self, request):
            if isinstance(request, self.kinds):
                raise flood(3600)
            empty = types.ChatPhotoEmpty()
            chat = types.Channel(77, "Channel", empty, None, left=False, access_hash=5)
            return SimpleNamespace(
                peer=types.PeerChannel(77), chats=[chat], messages=[], users=[],
                full_chat=SimpleNamespace(
                    id=77, participants_count=1, migrated_from_chat_id=None, available_min_id=None
                ),
            )  # fmt: skip

    def access(self, *kinds: type) -> TelethonAccess:
        access = TelethonAccess.__new__(TelethonAccess)
        access._caller, access._client = Caller(per_second=1e6), self.Flooded(*kinds)
        access._run = asyncio.run
        return access

    @pytest.mark.parametrize(
        ("kind", "ask", "method"),
        [
            (functions.channels.JoinChannelRequest, lambda a: a.join(Peer(-(10**12) - 77, 5)), "join"),
            (functions.messages.CheckChatInviteRequest, lambda a: a.resolve("t.me/+AbCdEfGhIjKlMnOp"),
             "join"),
            (functions.contacts.ResolveUsernameRequest, lambda a: a.resolve("@channel"), "resolve"),
        ],
    )  # fmt: skip
    def test_joining_and_looking_up_names(self, kind, ask, method):
        with pytest.raises(MethodWait) as wait:
            ask(self.access(kind))

        assert (wait.value.method, wait.value.seconds) == (method, 3600)

    @pytest.mark.parametrize(
        "kind",
        [functions.channels.GetFullChannelRequest, functions.messages.GetHistoryRequest],
    )
    def test_all_others_are_of_the_account(self, kind):
        with pytest.raises(FloodWait):
            self.access(kind).resolve("@channel")


class TestCaller:
    def call(self, *answers, waited=lambda _: None):
        left = list(answers)

        async def request():
            answer = left.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return asyncio.run(Caller(per_second=1e6, waited=waited)(request))

    @pytest.mark.parametrize("kind", [errors.FloodWaitError, errors.FloodPremiumWaitError])
    def test_a_short_wait_is_slept(self, slept, kind):
        waits: list[float] = []

        assert self.call(flood(7, kind), "done", waited=waits.append) == "done"
        assert (8 in slept, waits) == (True, [8])

    def test_a_long_one_is_for_whoever_asked(self, slept):
        with pytest.raises(FloodWait) as wait:
            self.call(flood(61))

        assert wait.value.seconds == 61
        assert 62 not in slept

    def test_not_for_ever(self):
        with pytest.raises(FloodWait):
            self.call(*[flood(5)] * 5)

    @pytest.mark.parametrize(
        ("raised", "ours"),
        [
            (errors.ChannelPrivateError(None), ChannelClosed),
            (errors.UsernameNotOccupiedError(None), ReferenceUnknown),
            (errors.AuthKeyUnregisteredError(None), SignedOut),
            (errors.UserDeactivatedBanError(None), SignedOut),
            (errors.MessageIdInvalidError(None), TelegramRefused),
            (ConnectionError("reset"), Unreachable),
            (ValueError("Request was unsuccessful 6 time(s)"), TelegramRefused),
        ],
    )
    def test_in_our_words(self, raised, ours):
        with pytest.raises(ours) as refusal:
            self.call(raised)

        assert type(refusal.value) is ours

    @pytest.mark.parametrize(
        ("per_second", "naps"),
        [(2, [1.0, 1.0, 2.0, 2.0, 3.0]), (0.5, [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]), (100, [])],
    )
    def test_so_many_at_once_then_they_are_paced(self, slept, per_second, naps):
        async def ask() -> None:
            caller = Caller(per_second=per_second)
            for _ in range(7):
                await caller(lambda: asyncio.sleep(0))

        asyncio.run(ask())

        assert [round(nap, 1) for nap in slept if nap > 0.01] == naps


@dataclass
class FakeFiles:
    """What Telethon's client does of a download; `faults` are met one after another."""

    body: bytes = BODY
    faults: list[object] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    async def iter_download(self, _location, *, offset, request_size, file_size, dc_id):
        self.offsets.append(offset)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        end = len(self.body) if fault is None else int(fault)  # a short answer ends it
        for begin in range(offset, end, request_size):
            yield self.body[begin : min(begin + request_size, end)]


class TestDownloads:
    FILE = RemoteFile("files/1", 1, len(BODY), "5", Handle(document(size=len(BODY)).document))

    def save(self, client: FakeFiles, target, refresh=None, file=FILE) -> str:
        async def run() -> str:
            downloads = Downloads(client, Caller(per_second=1e6), parallel=2)
            return await downloads.save(file, target, refresh or self.again)

        return asyncio.run(run())

    async def again(self, file: RemoteFile) -> RemoteFile:
        return file

    def test_whole_with_its_hash(self, tmp_path):
        target = tmp_path / "f"

        assert self.save(FakeFiles(), target) == sha256(BODY).hexdigest()
        assert target.read_bytes() == BODY

    def test_a_short_answer_is_not_the_end(self, tmp_path):
        client = FakeFiles(faults=[REQUEST_BYTES + 10])

        assert self.save(client, tmp_path / "f") == sha256(BODY).hexdigest()
        assert client.offsets == [0, REQUEST_BYTES]  # at a multiple of the parts

    def test_one_that_stays_short_fails(self, tmp_path):
        with pytest.raises(DownloadFailed, match="700 bytes came"):
            self.save(FakeFiles(faults=[700] * 9), tmp_path / "f")

    def test_one_that_is_longer_than_was_said_fails(self, tmp_path):
        with pytest.raises(DownloadFailed):
            self.save(FakeFiles(body=BODY + b"x"), tmp_path / "f")

    def test_goes_on_where_an_earlier_run_ended(self, tmp_path):
        target = tmp_path / "f"
        target.write_bytes(BODY[:600_000])
        client = FakeFiles()

        assert self.save(client, target) == sha256(BODY).hexdigest()
        assert client.offsets == [REQUEST_BYTES]

    def test_what_is_there_already_is_not_asked_for(self, tmp_path):
        target = tmp_path / "f"
        target.write_bytes(BODY)
        client = FakeFiles()

        assert self.save(client, target) == sha256(BODY).hexdigest()
        assert client.offsets == []

    def test_an_expired_reference_is_read_again(self, tmp_path):
        asked: list[int] = []

        async def refresh(file: RemoteFile) -> RemoteFile:
            asked.append(file.message_id)
            return file

        client = FakeFiles(faults=[errors.FileReferenceExpiredError(None)])

        assert self.save(client, tmp_path / "f", refresh) == sha256(BODY).hexdigest()
        assert asked == [1]

    def test_a_message_that_shows_another_file_now_fails(self, tmp_path):
        async def refresh(_: RemoteFile) -> None:
            return None

        client = FakeFiles(faults=[errors.FileReferenceExpiredError(None)])
        with pytest.raises(DownloadFailed, match="does not show"):
            self.save(client, tmp_path / "f", refresh)

    def test_waits(self, tmp_path, slept):
        client = FakeFiles(faults=[flood(3)])

        assert self.save(client, tmp_path / "f") == sha256(BODY).hexdigest()
        assert 4 in slept
        with pytest.raises(FloodWait):
            self.save(FakeFiles(faults=[flood(callers.SHORT_WAIT_SECONDS + 1)]), tmp_path / "g")

    def read(self, *faults: object, body: bytes = BODY) -> bytes:
        async def run() -> bytes:
            client = FakeFiles(body=body, faults=list(faults))
            downloads = Downloads(client, Caller(per_second=1e6), parallel=2)
            return await downloads.read(self.FILE, self.again)

        return asyncio.run(run())

    @pytest.mark.parametrize("fault", [None, 10, errors.FileReferenceExpiredError(None), flood(3)])
    def test_into_memory_the_same_holds(self, slept, fault):
        assert self.read(*filter(None, [fault])) == BODY
        with pytest.raises(DownloadFailed, match="700 bytes came"):
            self.read(*[700] * 9)
        with pytest.raises(DownloadFailed):
            self.read(body=BODY + b"x")

    def test_a_full_disk_is_no_fault_of_telegram_and_what_came_is_gone_on_with(self):
        with small_disk(3) as disk:
            target = disk.root / "f"
            disk.fill(leave_bytes=REQUEST_BYTES)
            client = FakeFiles()
            with pytest.raises(OSError, match="No space left"):
                self.save(client, target)
            assert client.offsets == [0]  # asked once: again would be of no use
            kept = target.stat().st_size
            assert BODY.startswith(target.read_bytes())

            disk.free()
            assert self.save(client, target) == sha256(BODY).hexdigest()
            assert client.offsets[1] == kept - kept % REQUEST_BYTES
            assert target.read_bytes() == BODY

    def test_no_more_at_a_time_than_allowed(self, tmp_path):
        running = most = 0

        class Slow(FakeFiles):
            async def iter_download(self, *args, **more):
                nonlocal running, most
                running += 1
                most = max(most, running)
                async for chunk in super().iter_download(*args, **more):
                    await asyncio.sleep(0)
                    yield chunk
                running -= 1

        async def run() -> None:
            downloads = Downloads(Slow(), Caller(per_second=1e6), parallel=3)
            await asyncio.gather(*(
                downloads.save(self.FILE, tmp_path / str(i), self.again) for i in range(8)
            ))  # fmt: skip

        asyncio.run(run())

        assert most == 3


class TestGroupsThatBecameOthers:
    """The adapter finds them by their old id, and says it of the new one."""

    def resolved(self, group: types.Chat | types.ChatForbidden):
        channel = types.Channel(
            77, "Group", types.ChatPhotoEmpty(), None, megagroup=True, access_hash=5, left=False
        )
        full = SimpleNamespace(
            id=77, participants_count=9, migrated_from_chat_id=4321, available_min_id=12
        )

        async def answer(request):
            if isinstance(request, functions.messages.GetChatsRequest):
                return SimpleNamespace(chats=[group] if request.id == [4321] else [])
            if isinstance(request, functions.channels.GetFullChannelRequest):
                assert request.channel == types.InputChannel(77, 5)
                return SimpleNamespace(full_chat=full, chats=[channel])
            return SimpleNamespace(messages=[SimpleNamespace(id=12)])

        access = TelethonAccess.__new__(TelethonAccess)
        access._caller, access._client = Caller(per_second=1e6), answer
        return asyncio.run(access._resolve(parse_reference("-4321")))

    def group(self, successor: types.InputChannel | None) -> types.Chat:
        empty = types.ChatPhotoEmpty()
        return types.Chat(4321, "Group", empty, 3, None, 1, migrated_to=successor)

    def test_by_the_old_id_the_new_one_is_found(self):
        card = self.resolved(self.group(types.InputChannel(77, 5)))

        assert (card.peer, card.migrated_from) == (Peer(-(10**12) - 77, 5), -4321)
        assert card.hidden_to == 12

    def test_a_group_that_is_still_one_is_refused(self):
        with pytest.raises(ReferenceUnknown, match="has become one"):
            self.resolved(self.group(None))


class TestOddServers:
    """A server that answers less than it was asked for, or something else."""

    class Odd:
        def __init__(self, *answers) -> None:
            self.answers = list(answers)

        async def __call__(self, request):
            found = self.answers.pop(0)
            if not isinstance(found, list):
                return found
            messages = [types.MessageService(id=i, peer_id=types.PeerChannel(77), date=None,
                                             action=types.MessageActionEmpty()) for i in found]  # fmt: skip
            return SimpleNamespace(messages=messages, chats=[], users=[])

    def access(self, *answers) -> TelethonAccess:
        access = TelethonAccess.__new__(TelethonAccess)
        access._caller, access._client = Caller(per_second=1e6), self.Odd(*answers)
        access._run = asyncio.run
        return access

    @pytest.mark.parametrize(
        ("answer", "read_to"),
        [([3, 1, 2], 3), ([10, 9], 10), ([], 10), ([12], 10)],
        ids=["short", "the end", "nothing", "only newer ones"],
    )
    def test_a_short_page_is_not_the_end(self, answer, read_to):
        """A server may give fewer messages than the limit: those after them were skipped silently."""
        page = self.access(answer).page(Peer(-(10**12) - 77, 5), after=0, until=10, limit=100)

        assert page.read_to == read_to

    def test_a_page_of_other_messages_moves_no_cursor(self):
        with pytest.raises(TelegramRefused, match="other messages"):
            self.access([1, 2]).page(Peer(-(10**12) - 77, 5), after=5, until=10)

    @pytest.mark.parametrize(
        "answers",
        [
            [types.ChatInviteAlready(types.ChatEmpty(5))],
            [SimpleNamespace(), SimpleNamespace(chats=[types.ChatEmpty(5)])],
            [SimpleNamespace(), SimpleNamespace(chats=[])],
        ],
    )
    def test_an_invitation_to_a_small_group_is_said_so(self, answers):
        with pytest.raises(ReferenceUnknown, match="small group"):
            self.access(*answers).resolve("https://t.me/+AbCdEfGhIjKlMnOp")

    def test_a_small_group_is_not_even_joined(self):
        invite = types.ChatInvite("Group", types.PhotoEmpty(1), 3, 0)

        with pytest.raises(ReferenceUnknown, match="small group"):
            self.access(invite).resolve("https://t.me/+AbCdEfGhIjKlMnOp")

    @pytest.mark.parametrize("seconds", [10**15, 10**30])
    def test_a_wait_of_any_length_is_a_wait(self, seconds):
        assert FloodWait(seconds).seconds <= 10**9
        assert MethodWait("join", seconds).seconds <= 10**9
