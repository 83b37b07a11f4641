"""
What the archive asks of Telegram. `adapter.TelethonAccess` answers from Telegram itself, the
tests' fake from a list of messages; one suite of tests is for both.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from media.sources.port import Message, Problem, ServiceMessage

PAGE_MESSAGES = 100
"""The most messages that Telegram gives at once."""
SMALL_FILE_BYTES = 512 * 1024
"""Telegram gives a file of this size in one answer: of it there is never a part to go on with."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A channel as an account addresses it: the marked id, and the hash that Telegram gave it."""

    tg_channel_id: int
    access_hash: int


@dataclass(frozen=True, slots=True)
class ChannelCard:
    """
    What Telegram says of a channel. `kind` is as in an export; `top_id` is the id of its newest
    message, `members` None where it is not said; `migrated_from` is the marked id of the group that
    became this one. Messages up to `hidden_to` are not shown to this account: a group may hide its
    history from those who join.
    """

    peer: Peer
    title: str
    kind: str
    username: str = ""
    top_id: int = 0
    members: int | None = None
    migrated_from: int | None = None
    hidden_to: int = 0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """
    A file that Telegram has. `path` is that of its `Attachment`, `handle` what the adapter needs
    to download it; `file_id` is the same wherever Telegram shows the same file.
    """

    path: str
    message_id: int
    size_bytes: int
    file_id: str
    handle: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message of Telegram, read, with the files it names."""

    message_id: int
    record: Message | ServiceMessage | Problem
    files: tuple[RemoteFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """
    Messages in ascending order, as they were at `at`; `read_to` is the highest id up to which the
    channel has no others.
    """

    fetched: tuple[Fetched, ...]
    read_to: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """A message was posted or edited just now."""

    tg_channel_id: int
    fetched: Fetched
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Deleted:
    """
    Messages were deleted. Outside of channels Telegram does not say where: then `tg_channel_id`
    is None, and no channel's message with the same id is meant.
    """

    tg_channel_id: int | None
    message_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """Something of the channel is another one now: its title, its public name, or who may read it."""

    tg_channel_id: int


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The connection was lost and is back: what happened meanwhile was not said."""


LiveEvent = Seen | Deleted | Changed | Reconnected


class TelegramAccess(Protocol):
    """
    Telegram through one account; called from one thread, `download` and `listen` answer from
    another. Every method raises TelegramRefused where Telegram refuses; a short wait is absorbed.
    """

    def resolve(self, reference: str) -> ChannelCard:
        """Find a channel by @name, link, invite link or marked id."""
        ...

    def join(self, peer: Peer) -> None:
        """Become a member: Telegram says what happens in a channel to its members only."""
        ...

    def fetch_card(self, peer: Peer) -> ChannelCard:
        """Ask again for what Telegram says of the channel."""
        ...

    def page(self, peer: Peer, *, after: int, until: int, limit: int = PAGE_MESSAGES) -> Page:
        """Read the first messages with `after` < id <= `until`, at most `limit`."""
        ...

    def by_ids(self, peer: Peer, ids: Sequence[int]) -> Mapping[int, Fetched]:
        """Read messages by their ids; those that were deleted or never there are left out."""
        ...

    def first_since(self, peer: Peer, moment: datetime) -> int | None:
        """The id of the first message that was posted at that moment or later."""
        ...

    def download(self, peer: Peer, file: RemoteFile, target: Path) -> Future[str]:
        """
        Download a file, going on where `target` ends; gives its SHA-256 (hex).

        The future raises DownloadFailed where the size is not that which Telegram said.
        """
        ...

    def fetch(self, peer: Peer, file: RemoteFile) -> Future[bytes]:
        """Download a file of at most `SMALL_FILE_BYTES` into memory; fails as `download` does."""
        ...

    def listen(self, put: Callable[[LiveEvent], None]) -> None:
        """From now on hand over what happens in the channels of the account."""
        ...

    def close(self) -> None: ...
