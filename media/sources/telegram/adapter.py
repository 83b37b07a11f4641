"""The port of Telegram on Telethon."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from telethon import errors, events, functions, utils
from telethon.tl import types

from events.sentences import gettext_noop
from media.sources.export.json_stream.repair import clean
from media.sources.port import Problem
from media.sources.telegram.caller import Caller, translated, waits_of
from media.sources.telegram.client import Client, make_client
from media.sources.telegram.downloads import Downloads
from media.sources.telegram.endpoint import Endpoint
from media.sources.telegram.failures import (
    JOIN,
    RESOLVE,
    ChannelClosed,
    ReferenceUnknown,
    SignedOut,
    TelegramRefused,
)
from media.sources.telegram.live_message import read_live
from media.sources.telegram.loop import LoopThread
from media.sources.telegram.port import (
    PAGE_MESSAGES,
    Changed,
    ChannelCard,
    Deleted,
    Fetched,
    LiveEvent,
    Page,
    Peer,
    Reconnected,
    RemoteFile,
    Seen,
)
from media.sources.telegram.references import LAST_CHANNEL_ID, Reference, parse_reference
from media.sources.telegram.shape.message import shape
from media.sources.telegram.shape.peers import Names

Result = TypeVar("Result")
_KIND: Final = {True: "channel", False: "supergroup"}
_SMALL_GROUP: Final = gettext_noop(
    "the link leads to a small group, not to a channel or a supergroup"
)
_CALL_SECONDS: Final = 600
"""Longer than the waits that are absorbed: only a client that hangs takes so long."""


class TelethonAccess:
    """Telegram through one account; see `port.TelegramAccess`."""

    def __init__(
        self, endpoint: Endpoint, session: str, *, waited: Callable[[float], None] = lambda _: None
    ) -> None:
        """Connect. Raises SignedOut where the session is not accepted, and TelegramRefused."""
        self._thread = LoopThread("telegram")
        self._caller = Caller(per_second=endpoint.requests_per_second, waited=waited)
        try:
            self._client: Client = self._run(self._connect(endpoint, session))
        except BaseException:
            self._thread.close()
            raise
        self._downloads = Downloads(
            self._client, self._caller, parallel=endpoint.parallel_downloads
        )

    def resolve(self, reference: str) -> ChannelCard:
        return self._run(self._resolve(parse_reference(reference)))

    def join(self, peer: Peer) -> None:
        async def ask() -> None:
            with suppress(errors.UserAlreadyParticipantError):
                await self._client(functions.channels.JoinChannelRequest(_input(peer)))

        async def join() -> None:
            with waits_of(JOIN):
                await self._caller(ask)

        self._run(join())

    def fetch_card(self, peer: Peer) -> ChannelCard:
        return self._run(self._fetch_card(_input(peer)))

    def page(self, peer: Peer, *, after: int, until: int, limit: int = PAGE_MESSAGES) -> Page:
        at = datetime.now(UTC)
        found, messages = self._run(self._page(peer, after, limit))
        # Read here, not in the loop: downloads go on meanwhile.
        fetched = tuple(_read(found, [m for m in messages if m.id <= until]))
        # Fewer than were asked for are not the end: only an empty answer is.
        whole = not messages or messages[-1].id >= until
        return Page(fetched, until if whole else messages[-1].id, at)

    def by_ids(self, peer: Peer, ids: Sequence[int]) -> Mapping[int, Fetched]:
        return self._run(self._by_ids(peer, ids))

    def first_since(self, peer: Peer, moment: datetime) -> int | None:
        return self._run(self._first_since(peer, moment))

    def download(self, peer: Peer, file: RemoteFile, target: Path) -> Future[str]:
        return self._thread.start(self._downloads.save(file, target, partial(self._again, peer)))

    def fetch(self, peer: Peer, file: RemoteFile) -> Future[bytes]:
        return self._thread.start(self._downloads.read(file, partial(self._again, peer)))

    def listen(self, put: Callable[[LiveEvent], None]) -> None:
        self._run(self._listen(put))

    def close(self) -> None:
        try:
            self._run(self._disconnect())
        finally:
            self._thread.close()

    async def _again(self, peer: Peer, stale: RemoteFile) -> RemoteFile | None:
        """The file with a reference of now; None where its message does not show it any more."""
        found = await self._by_ids(peer, [stale.message_id])
        fetched = found.get(stale.message_id)
        files = fetched.files if fetched else ()
        return next((one for one in files if one.path == stale.path), None)

    async def _disconnect(self) -> None:
        await self._client.disconnect()

    def _run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return self._thread.run(coroutine, timeout=_CALL_SECONDS)

    async def _connect(self, endpoint: Endpoint, session: str) -> Client:
        client = make_client(endpoint, session)
        with translated():
            await client.connect()
            if not await client.is_user_authorized():
                await client.disconnect()
                raise SignedOut
        return client

    async def _ask(self, request: Any) -> Any:
        return await self._caller(lambda: self._client(request))

    async def _resolve(self, reference: Reference) -> ChannelCard:
        if reference.name:
            with waits_of(RESOLVE):
                found = await self._ask(functions.contacts.ResolveUsernameRequest(reference.name))
            return await self._fetch_card(_channel_of(found.chats, found.peer))
        if reference.invite:
            return await self._join(reference.invite)
        if (known := reference.tg_channel_id) is not None and known > LAST_CHANNEL_ID:
            return await self._fetch_card(await self._successor(-known))
        async for dialog in self._client.iter_dialogs():
            if dialog.id == reference.tg_channel_id and isinstance(dialog.entity, types.Channel):
                return await self._fetch_card(dialog.entity)
        raise ReferenceUnknown(
            gettext_noop("the account is not a member of a channel with this id: use its name")
        )

    async def _successor(self, chat_id: int) -> Any:
        """The channel that a group has become: Telegram gave it another id."""
        found = await self._ask(functions.messages.GetChatsRequest([chat_id]))
        successor = next((getattr(one, "migrated_to", None) for one in found.chats), None)
        if successor is None:
            raise ReferenceUnknown(
                gettext_noop("this is no channel and no group that has become one")
            )
        return successor

    async def _join(self, invite: str) -> ChannelCard:
        """Look behind an invite link; join where only members may read."""
        with waits_of(JOIN):
            found = await self._ask(functions.messages.CheckChatInviteRequest(invite))
        if isinstance(found, types.ChatInviteAlready):
            return await self._fetch_card(_channel(found.chat))
        if isinstance(found, types.ChatInvite) and not found.channel:
            raise ReferenceUnknown(_SMALL_GROUP)
        with waits_of(JOIN):
            joined = await self._ask(functions.messages.ImportChatInviteRequest(invite))
        # Since 1.44 `messages.ChatInviteJoinResultOk(updates=…)`, before that the updates.
        chats = getattr(joined, "updates", joined).chats
        return await self._fetch_card(_channel(next(iter(chats), None)))

    async def _fetch_card(self, channel: Any) -> ChannelCard:
        # At once: each is an answer of its own to wait for, before the first page of a channel.
        full, newest = await asyncio.gather(
            self._ask(functions.channels.GetFullChannelRequest(channel)),
            self._newest_id(channel),
        )
        chat_id = full.full_chat.id
        entity = next((one for one in full.chats if one.id == chat_id), None)
        if not isinstance(entity, types.Channel) or entity.left is None:
            raise ChannelClosed
        return _card(entity, full.full_chat, newest or 0)

    async def _history(self, peer: Any, **more: int) -> Any:
        plain = {"offset_id": 0, "add_offset": 0, "limit": 0, "max_id": 0, "min_id": 0, "hash": 0}
        request = functions.messages.GetHistoryRequest(peer, offset_date=None, **(plain | more))
        return await self._ask(request)

    async def _page(self, peer: Peer, after: int, limit: int) -> tuple[Any, list[Any]]:
        """The answer of Telegram, and its messages in ascending order."""
        # The messages just newer than `after`: the offset counts from there to the newer ones.
        found = await self._history(
            _input(peer), offset_id=after + 1, add_offset=-limit, limit=limit, min_id=after
        )
        messages = sorted((m for m in found.messages if m.id > after), key=lambda m: m.id)
        if found.messages and not messages:
            raise TelegramRefused("Telegram answered with other messages than were asked for")
        return found, messages

    async def _by_ids(self, peer: Peer, ids: Sequence[int]) -> dict[int, Fetched]:
        result: dict[int, Fetched] = {}
        for begin in range(0, len(ids), PAGE_MESSAGES):
            chosen = [types.InputMessageID(i) for i in ids[begin : begin + PAGE_MESSAGES]]
            request = functions.channels.GetMessagesRequest(_input(peer), chosen)
            found = await self._ask(request)
            # Paired by id: Telegram need not keep the order, nor answer for each.
            result |= {one.message_id: one for one in _read(found, found.messages)}
        return result

    async def _first_since(self, peer: Peer, moment: datetime) -> int | None:
        # By halves, not by `offset_date`: that counts backwards, is exclusive, and not every
        # server keeps to it. Ids grow with time.
        channel, low = _input(peer), 0
        high = (await self._newest_id(channel)) or 0
        while low < high:
            middle = (low + high) // 2
            found = await self._first_after(channel, middle)
            if found is None or found.date >= moment:
                high = middle
            else:
                low = found.id
        first = await self._first_after(channel, low)
        return first.id if first is not None and first.date >= moment else None

    async def _first_after(self, channel: Any, message_id: int) -> Any:
        found = await self._history(
            channel, offset_id=message_id + 1, add_offset=-1, limit=1, min_id=message_id
        )
        later = [m for m in found.messages if m.id > message_id]
        return later[0] if later else None

    async def _newest_id(self, channel: Any) -> int | None:
        found = await self._history(channel, limit=1)
        return found.messages[0].id if found.messages else None

    async def _listen(self, put: Callable[[LiveEvent], None]) -> None:
        client = self._client
        client.reconnected = lambda: put(Reconnected())
        # The end of all tries to reconnect: the next request says so.
        client.disconnected.add_done_callback(lambda _: put(Reconnected()))

        async def seen(event: Any, *, edited: bool) -> None:
            if not isinstance(event.message.peer_id, types.PeerChannel):
                return
            names = Names(filter(None, [await event.get_chat(), *_origins(event.message)]))
            if (fetched := _fetched(event.message, names)) is not None:
                put(Seen(utils.get_peer_id(event.message.peer_id), fetched, edited))

        async def posted(event: Any) -> None:
            await seen(event, edited=False)

        async def changed(event: Any) -> None:
            await seen(event, edited=True)

        async def deleted(event: Any) -> None:
            # Outside of channels there is no peer: such ids belong to no channel.
            put(Deleted(event.chat_id, tuple(event.deleted_ids)))

        async def renamed(update: Any) -> None:
            put(Changed(utils.get_peer_id(types.PeerChannel(update.channel_id))))

        client.add_event_handler(renamed, events.Raw(types.UpdateChannel))
        client.add_event_handler(posted, events.NewMessage())
        client.add_event_handler(changed, events.MessageEdited())
        client.add_event_handler(deleted, events.MessageDeleted())
        await client.set_receive_updates(True)


def _origins(message: Any) -> Iterable[Any]:
    """What Telegram said with the message of where it was forwarded from."""
    forward = getattr(message, "forward", None)
    return (getattr(forward, "chat", None), getattr(forward, "sender", None)) if forward else ()


def _read(found: Any, messages: Iterable[Any]) -> Iterable[Fetched]:
    names = Names([*found.chats, *found.users])
    for message in messages:
        if (fetched := _fetched(message, names)) is not None:
            yield fetched


def _fetched(message: Any, names: Names) -> Fetched | None:
    """Read a message; one of a kind that nobody foresaw is a problem, not the end of the page."""
    try:
        shaped = shape(message, names)
        return read_live(shaped.value, shaped.beside, shaped.files) if shaped else None
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as odd:
        detail = f"{type(odd).__name__}: a shape that no version of Telegram had"
        return Fetched(message.id, Problem("invalid_message", detail, message.id))


def _input(peer: Peer) -> types.InputPeerChannel:
    real_id, _kind = utils.resolve_id(peer.tg_channel_id)
    return types.InputPeerChannel(real_id, peer.access_hash)


def _channel(chat: Any) -> types.Channel:
    """What is behind an invite link; a small group has no history that all members share."""
    if not isinstance(chat, types.Channel):
        raise ReferenceUnknown(_SMALL_GROUP)
    return chat


def _channel_of(chats: Iterable[Any], peer: Any) -> types.Channel:
    wanted = getattr(peer, "channel_id", None)
    found = next((c for c in chats if c.id == wanted and isinstance(c, types.Channel)), None)
    if found is None:
        raise ReferenceUnknown("this is no channel and no public group")
    return found


def _card(entity: types.Channel, full: Any, top_id: int) -> ChannelCard:
    names = [n.username for n in entity.usernames or () if n.active]
    username = entity.username or next(iter(names), "")
    visibility = "public" if username else "private"
    return ChannelCard(
        peer=Peer(utils.get_peer_id(types.PeerChannel(entity.id)), entity.access_hash),
        title=clean(entity.title),  # PostgreSQL does not hold every character
        kind=f"{visibility}_{_KIND[bool(entity.broadcast)]}",
        username=username,
        top_id=top_id,
        members=full.participants_count,
        migrated_from=-full.migrated_from_chat_id if full.migrated_from_chat_id else None,
        hidden_to=full.available_min_id or 0,
    )
