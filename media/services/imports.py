"""Run a whole import: batch after batch, with a summary that says what was not done."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import DataError, OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import DiskFull

from events import trace
from media.models import Channel, ImportProblem, ImportRun, channel_id
from media.services.blobs import known_contents
from media.services.ingest import ingest
from media.services.plan import Outcome, plan
from media.sources.export.source import ExportSource
from media.sources.port import Chat, Message, Problem, Record, ServiceMessage, SkippedChat
from storage_quota.models import Tenant

BATCH_MESSAGES = 2000
BATCH_CHARS = 1_000_000
BATCH_FILE_BYTES = 64 * 1024**2
"""
A batch ends at whichever comes first: messages, their text, or their files. A commit is paid
once per batch; a kill loses no more than one; memory holds one, however long the posts are.
"""
DETAIL_CHARS = 1000
SHOWN_PROBLEMS = 1000
"""How many problems the summary carries along; all of them stand in `import_problems`."""

Observer = Callable[["Summary"], None]


@dataclass(slots=True)
class Summary:
    """What an import did. `counts` are messages unless the name says bytes or media."""

    counts: Counter[str] = field(default_factory=Counter)
    skipped_chats: Counter[str] = field(default_factory=Counter)
    channels: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        return not self.counts["problems"]

    def take(self, outcome: Outcome) -> None:
        self.counts.update(outcome.counts)
        self.note(outcome.problems)

    def note(self, problems: list[Problem]) -> None:
        self.counts["problems"] += len(problems)
        self.problems += problems[: max(SHOWN_PROBLEMS - len(self.problems), 0)]

    def as_dict(self) -> dict[str, Any]:
        return {
            "channels": self.channels,
            **{name: self.counts[name] for name in SUMMARY_COUNTS},
            **{name: n for name, n in sorted(self.counts.items()) if name not in SUMMARY_COUNTS},
            "skipped_chats": dict(self.skipped_chats),
            "seconds": round(self.seconds, 3),
        }


SUMMARY_COUNTS = (
    "messages", "new", "updated", "unchanged", "repeated", "service", "media_stored",
    "duplicates", "bytes_stored", "problems",
)  # fmt: skip


def import_export(
    *,
    source: ExportSource,
    path: Path,
    tenant: Tenant,
    limit: int | None = None,
    dry_run: bool = False,
    observe: Observer = lambda _: None,
) -> Summary:
    """
    Take everything of an export over. Repeatable at any point: what is stored is left alone.

    Failures of single messages are noted and go on; a store that cannot be written stops
    the import with its own error, and what was settled before stays.
    """
    summary = Summary()
    started = timezone.now()
    run = (
        None
        if dry_run
        else ImportRun.objects.create(
            tenant=tenant,
            path=os.fsencode(path).decode(errors="replace")[:1000],
            started_at=started,
        )
    )
    try:
        with trace.use(trace.current() or f"import-{trace.new()[:12]}"):
            for batch in _batches(source, limit=limit):
                _take_over(source, batch, tenant=tenant, run=run, summary=summary)
                observe(summary)
    finally:
        finished = timezone.now()
        summary.seconds = (finished - started).total_seconds()
        if run is not None:
            ImportRun.objects.filter(pk=run.pk).update(
                finished_at=finished, summary=summary.as_dict()
            )
    return summary


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


def _batches(source: ExportSource, *, limit: int | None) -> Iterator[Batch]:
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


def _take_over(
    source: ExportSource, batch: Batch, *, tenant: Tenant, run: ImportRun | None, summary: Summary
) -> None:
    outcome = Outcome()
    if batch.chat is not None:
        channel = _channel(batch.chat, tenant=tenant, dry_run=run is None)
        if channel.title not in summary.channels:
            summary.channels.append(channel.title)
        if batch.messages:
            outcome = _outcome(source, channel, batch, dry_run=run is None)
    outcome.problems += batch.problems
    outcome.counts["messages"] += len(batch.messages)
    outcome.counts["service"] += batch.service
    summary.skipped_chats.update(s.kind for s in batch.skipped)
    summary.take(outcome)
    if run is not None and outcome.problems:
        _record(run, outcome.problems)


def _outcome(source: ExportSource, channel: Channel, batch: Batch, *, dry_run: bool) -> Outcome:
    if dry_run:
        return _foretell(source, channel, batch)
    return _divided(source, channel, batch.messages)


def _divided(source: ExportSource, channel: Channel, messages: list[Message]) -> Outcome:
    """
    What the database refuses is narrowed down to its message, by halves; the others come in.

    A database that is gone or full is no message's fault: that stops the import.
    """
    try:
        return ingest(source, channel=channel, messages=messages, now=timezone.now())
    except (DataError, OperationalError) as error:
        if isinstance(error.__cause__, DiskFull) or not connection.is_usable():
            raise
        if len(messages) == 1:
            detail = f"the database refuses it: {str(error).splitlines()[0]}"
            return Outcome(problems=[Problem("unstorable", detail, messages[0].message_id)])
    half = len(messages) // 2
    outcome = _divided(source, channel, messages[:half])
    rest = _divided(source, channel, messages[half:])
    outcome.counts.update(rest.counts)
    outcome.problems += rest.problems
    return outcome


def _foretell(source: ExportSource, channel: Channel, batch: Batch) -> Outcome:
    """The plan of the batch in figures; contents that repeat in later batches count again."""
    planned = plan(source, channel=channel, messages=batch.messages)
    counts = planned.outcome.counts
    known = known_contents(channel.tenant, planned.blobs)
    fresh = {b.sha256: b.size_bytes for b in planned.blobs if b.sha256 not in known}
    counts["new_or_updated"] += len(planned.incoming)
    counts["media_stored"] += len(fresh)
    counts["bytes_stored"] += sum(fresh.values())
    counts["duplicates"] += len(planned.blobs) - len(fresh)
    return planned.outcome


def _channel(chat: Chat, *, tenant: Tenant, dry_run: bool) -> Channel:
    channel = Channel(
        id=channel_id(tenant.pk, chat.tg_channel_id),
        tenant=tenant,
        tg_channel_id=chat.tg_channel_id,
        username=chat.username[:64],
        title=chat.title[:255],
        kind=chat.kind[:32],
    )
    if dry_run:
        return channel
    with transaction.atomic():
        stored, created = Channel.objects.get_or_create(
            pk=channel.pk,
            defaults={
                name: getattr(channel, name)
                for name in ("tenant", "tg_channel_id", "username", "title", "kind")
            },
        )
        if not created and chat.title and stored.title != channel.title:
            stored.title = channel.title
            stored.save(update_fields=["title"])
    stored.tenant = tenant
    return stored


def _record(run: ImportRun, problems: list[Problem]) -> None:
    ImportProblem.objects.bulk_create(
        ImportProblem(
            run=run, code=p.code[:64], message_id=p.message_id, detail=p.detail[:DETAIL_CHARS]
        )
        for p in problems
    )
