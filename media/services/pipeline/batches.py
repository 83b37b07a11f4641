"""Read: cut a source's stream of records into batches of one chat each."""

from collections import Counter
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from media.sources.export.source import ExportSource
from media.sources.port import (
    UNSUPPORTED,
    Chat,
    Message,
    Problem,
    Record,
    ServiceMessage,
    SkippedChat,
    UnknownKey,
)

if TYPE_CHECKING:  # the process that reads an export needs no database
    from media.history.record.origins import Origin

_WITH_ID = Message, ServiceMessage, Problem
BATCH_MESSAGES = 2000
BATCH_CHARS = 1_000_000
BATCH_FILE_BYTES = 32 * 1024**2
"""
A batch ends at whichever limit is reached first: messages, their text, or their files. Each
batch pays for one commit, a killed import loses at most two, and memory holds three, however long
the posts are.
"""
FIRST_FILE_BYTES = 8 * 1024**2
"""
Files of the first batch; each later one may have twice as many. So the store has work while the
files after them are still read and hashed, and the rows are written. Smaller batches would pay for
more statements than they save: each waits for its turn on a busy machine.
"""


@dataclass(slots=True)
class Stretch:
    """
    The ids of all records of a batch, also of those that are no posts, and of the one before them.

    Between them the source has nothing else, unless a record has no id (`is_whole`).
    """

    after_id: int | None = None
    ids: list[int] = field(default_factory=list)
    is_whole: bool = True
    pins: set[int] = field(default_factory=set)
    """Messages that records of the batch say were pinned, of whatever batch they are."""

    def note_pin(self, record: Record) -> None:
        """Note what a record says of pins: a pin itself, or that the message is one now."""
        match record:
            case ServiceMessage(pinned_id=int(pinned)):
                self.pins.add(pinned)
            case Message(message_id=pinned, extra=extra) if "pinned" in extra.get("marks", ()):
                self.pins.add(pinned)

    def add(self, message_id: int | None) -> None:
        if message_id is None:
            self.is_whole = False
        else:
            self.ids.append(message_id)

    def following(self) -> "Stretch":
        return Stretch(self.ids[-1] if self.ids else self.after_id, is_whole=self.is_whole)


@dataclass(slots=True)
class Batch:
    """Messages of one chat, and the other records that the source gave among them."""

    chat: Chat | None
    messages: list[Message] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: list[SkippedChat] = field(default_factory=list)
    service: int = 0
    unsupported: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    """How often something unknown stood where, by the kind of place."""
    chars: int = 0
    file_bytes: int = 0
    most_file_bytes: int = FIRST_FILE_BYTES
    stretch: Stretch = field(default_factory=Stretch)
    origin: "Origin | None" = None
    """The source as the history knows it; by default the export of the age of the chat."""

    @property
    def full(self) -> bool:
        return (
            len(self.messages) + len(self.problems) >= BATCH_MESSAGES
            or self.chars >= BATCH_CHARS
            or self.file_bytes >= self.most_file_bytes
        )

    def following(self) -> "Batch":
        """The next batch of the same chat."""
        most = min(2 * self.most_file_bytes, BATCH_FILE_BYTES)
        return Batch(chat=self.chat, most_file_bytes=most, stretch=self.stretch.following())


def read_batches(source: ExportSource, *, limit: int | None) -> Generator[Batch, None, None]:
    """Read the source to its end, or until `limit` messages were read."""
    batch = Batch(chat=None)
    count = 0
    with closing(source.records()) as records:
        for record in records:
            if isinstance(record, Chat):
                yield batch
                batch = Batch(chat=record)
            elif isinstance(record, Message):
                if limit is not None and count >= limit:
                    break
                count += 1
            _add(source, batch, record)
            if batch.full:
                yield batch
                batch = batch.following()
    yield batch


def _add(source: ExportSource, batch: Batch, record: Record) -> None:
    if isinstance(record, _WITH_ID):
        batch.stretch.add(record.message_id)
        batch.stretch.note_pin(record)
    match record:
        case Message():
            batch.messages.append(record)
            batch.chars += len(record.text)
            if record.unknown:
                batch.unknown.update(record.unknown)
            for file in record.attachments:
                batch.file_bytes += (source.size_bytes(file.path) or 0) if file.path else 0
        case ServiceMessage(action=action) if action == UNSUPPORTED:
            batch.unsupported += 1
        case ServiceMessage():
            batch.service += 1
        case UnknownKey():
            batch.unknown[record.place] += 1
        case Problem():
            batch.problems.append(record)
        case SkippedChat():
            batch.skipped.append(record)
