"""What is read of a channel, cut into batches for the pipeline of the import."""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from media.history.record.origins import live_origin
from media.models import ChannelFeed
from media.services.pipeline.batches import BATCH_FILE_BYTES, Batch
from media.sources.port import UNSUPPORTED, Chat, Message, Problem, ServiceMessage
from media.sources.telegram.live_message import age, not_before
from media.sources.telegram.port import Fetched, Page, RemoteFile

BATCH_FILES: Final = 50
"""
So many files, and no more, are written while the next ones come, and alone after the last one. A
batch pays for its statements as much as for the rows of some twenty files.
"""
FEW_FILES: Final = 10
"""What is left of a page is no batch of its own where it is so little: it costs least in the one before."""


@dataclass(slots=True)
class LiveBatch(Batch):
    """A batch of messages of Telegram. `read_to`: all up to it are in this batch or before it."""

    read_to: int = 0
    files: list[RemoteFile] = field(default_factory=list)

    def add(self, one: Fetched) -> None:
        self.stretch.add(one.message_id)
        self.stretch.note_pin(one.record)
        match one.record:
            case Message():
                self.messages.append(one.record)
            case ServiceMessage(action=action):
                self.unsupported += action == UNSUPPORTED
                self.service += action != UNSUPPORTED
            case Problem():
                self.problems.append(one.record)
        self.files += one.files
        self.file_bytes += sum(file.size_bytes for file in one.files)


def cut(
    feed: ChannelFeed, page: Page, *, most_bytes: int | None = BATCH_FILE_BYTES
) -> Iterator[LiveBatch]:
    """A page is one batch, or several where its files are many, or many bytes; no album is cut."""
    at = not_before(page.at, feed.channel.as_of)
    chat = feed_chat(feed, page, at=at)
    origin = live_origin(feed.account.name, now=at, chat=chat)
    batch = LiveBatch(chat=chat, origin=origin)
    left = deque(file.size_bytes for one in page.fetched for file in one.files)
    album: int | None = None
    for one in page.fetched:
        grouped = one.record.grouped_id if isinstance(one.record, Message) else None
        is_whole = grouped is None or grouped != album
        if most_bytes is not None and is_whole and _is_full(batch, left, most_bytes):
            batch.read_to = one.message_id - 1
            yield batch
            batch = LiveBatch(chat=chat, origin=origin)
        album = grouped
        batch.add(one)
        for _ in one.files:
            left.popleft()
    batch.read_to = page.read_to
    yield batch


def _is_full(batch: LiveBatch, left: Collection[int], most_bytes: int) -> bool:
    """Whether a batch ends here; `left` are the sizes of the files that the page still has."""
    if len(left) < FEW_FILES and sum(left) < most_bytes // 4:
        return False
    return batch.file_bytes >= most_bytes or len(batch.files) >= BATCH_FILES


def feed_chat(feed: ChannelFeed, page: Page, *, at: datetime) -> Chat:
    """The channel as it was when the page was read, at `at`."""
    channel = feed.channel
    return Chat(
        tg_channel_id=channel.tg_channel_id,
        kind=channel.kind,
        title=channel.title,
        username=channel.username,
        as_of=age(at, max(feed.top_id, page.read_to)),
    )
