"""What is read of a channel, cut into batches for the pipeline of the import."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from media.history.record.origins import live_origin
from media.models import ChannelFeed
from media.services.pipeline.batches import BATCH_FILE_BYTES, Batch
from media.sources.port import UNSUPPORTED, Chat, Message, Problem, ServiceMessage
from media.sources.telegram.live_message import age
from media.sources.telegram.port import Fetched, Page, RemoteFile

BATCH_FILES: Final = 50
"""
So many files, and no more, are written while the next ones come, and alone after the last one. A
batch pays for its statements as much as for the rows of some twenty files.
"""


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
    chat = feed_chat(feed, page)
    origin = live_origin(feed.account.name, now=page.at, chat=chat)
    batch = LiveBatch(chat=chat, origin=origin)
    album: int | None = None
    for one in page.fetched:
        grouped = one.record.grouped_id if isinstance(one.record, Message) else None
        is_full = most_bytes is not None and (
            batch.file_bytes >= most_bytes or len(batch.files) >= BATCH_FILES
        )
        if is_full and (grouped is None or grouped != album):
            batch.read_to = one.message_id - 1
            yield batch
            batch = LiveBatch(chat=chat, origin=origin)
        album = grouped
        batch.add(one)
    batch.read_to = page.read_to
    yield batch


def feed_chat(feed: ChannelFeed, page: Page) -> Chat:
    """The channel as it was when the page was read."""
    channel = feed.channel
    return Chat(
        tg_channel_id=channel.tg_channel_id,
        kind=channel.kind,
        title=channel.title,
        username=channel.username,
        as_of=age(page.at, max(feed.top_id, page.read_to)),
    )
