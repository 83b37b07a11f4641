"""Cut a source's stream of records into batches of one chat each."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from media.sources.export.source import ExportSource
from media.sources.port import Chat, Message, Problem, Record, ServiceMessage, SkippedChat

BATCH_MESSAGES = 2000
BATCH_CHARS = 1_000_000
BATCH_FILE_BYTES = 64 * 1024**2
"""
A batch ends at whichever comes first: messages, their text, or their files. A commit is paid
once per batch; a kill loses no more than one; memory holds one, however long the posts are.
"""


@dataclass(slots=True)
class Batch:
    """Messages of one chat, and what else came by meanwhile."""

    chat: Chat | None
    messages: list[Message] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: list[SkippedChat] = field(default_factory=list)
    service: int = 0
    chars: int = 0
    file_bytes: int = 0

    @property
    def full(self) -> bool:
        return (
            len(self.messages) + len(self.problems) >= BATCH_MESSAGES
            or self.chars >= BATCH_CHARS
            or self.file_bytes >= BATCH_FILE_BYTES
        )


def batches(source: ExportSource, *, limit: int | None) -> Iterator[Batch]:
    batch = Batch(chat=None)
    taken = 0
    for record in source.records():
        if isinstance(record, Chat):
            yield batch
            batch = Batch(chat=record)
        elif isinstance(record, Message):
            if limit is not None and taken >= limit:
                break
            taken += 1
        _add(source, batch, record)
        if batch.full:
            yield batch
            batch = Batch(chat=batch.chat)
    yield batch


def _add(source: ExportSource, batch: Batch, record: Record) -> None:
    match record:
        case Message():
            batch.messages.append(record)
            batch.chars += len(record.text)
            if record.attachment and record.attachment.path:
                batch.file_bytes += source.size_bytes(record.attachment.path) or 0
        case ServiceMessage():
            batch.service += 1
        case Problem():
            batch.problems.append(record)
        case SkippedChat():
            batch.skipped.append(record)
