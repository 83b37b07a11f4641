"""Run a whole import: batch after batch, with a summary that says what was not done."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import Tenant
from events.errors import DomainError
from events.logs import log_context, trace
from media.models import ImportRun
from media.services import garbage, import_runs
from media.services.defects import count_problems
from media.services.pipeline.batches import Batch
from media.services.pipeline.plan import BatchOutcome
from media.services.pipeline.reader_process import batches_of
from media.services.pipeline.run import import_batches
from media.services.preview import preview
from media.sources.export.source import ExportSource
from media.sources.port import Chat, Problem
from storage_quota.integrity import marker

SAVED_EVERY = 2.0
"""Seconds after which the summary of a running import is saved again."""
SHOWN_PROBLEMS = 1000
"""How many problems the summary holds; all of them are rows of `import_problems`."""
SHOWN_UNKNOWN_KEYS, MOST_UNKNOWN_KEYS = 100, 10_000

Observer = Callable[["ImportSummary"], None]
Question = Callable[[Chat], bool]
"""Whether a chat that looks like a conversation is to be imported."""


class Declined(DomainError):
    """The answer was no: this chat and all after it are not imported."""

    code: ClassVar[str] = "declined"

    def __init__(self, chat: Chat) -> None:
        super().__init__(f"Stopped as you asked: nothing of “{name_of(chat)}” was imported.")


def name_of(chat: Chat) -> str:
    return chat.title[:255] or str(chat.tg_channel_id)


@dataclass(slots=True)
class ImportSummary:
    """
    What an import did. `counts` are messages unless the name says bytes or media.

    `conversations` are chats that look like conversations, with the number of people in each.
    """

    counts: Counter[str] = field(default_factory=Counter)
    skipped_chats: Counter[str] = field(default_factory=Counter)
    unknown_keys: Counter[str] = field(default_factory=Counter)
    """Messages by what they hold that this version does not know: kept, and read by a later one."""
    channels: list[str] = field(default_factory=list)
    conversations: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        return not self.counts["problems"]

    def add(self, outcome: BatchOutcome) -> None:
        self.counts.update(outcome.counts)
        self.counts["problems"] += len(outcome.problems)
        self.problems += outcome.problems[: max(SHOWN_PROBLEMS - len(self.problems), 0)]

    def as_dict(self) -> dict[str, Any]:
        return {
            "channels": self.channels,
            **{name: self.counts[name] for name in SUMMARY_COUNTS},
            **{name: n for name, n in sorted(self.counts.items()) if name not in SUMMARY_COUNTS},
            "skipped_chats": dict(self.skipped_chats),
            "conversations": dict(self.conversations),
            "unknown_keys": dict(self.unknown_keys.most_common(SHOWN_UNKNOWN_KEYS)),
            "seconds": round(self.seconds, 3),
        }


SUMMARY_COUNTS = (
    "messages",
    "new",
    "updated",
    "unchanged",
    "repeated",
    "service",
    "unsupported",
    "media_stored",
    "duplicates",
    "bytes_stored",
    "problems",
)
"""Counts that every summary shows, in this order; the others follow in alphabetical order."""


def import_export(
    *,
    source: ExportSource,
    path: Path,
    tenant: Tenant,
    limit: int | None = None,
    dry_run: bool = False,
    observe: Observer = lambda _: None,
    ask: Question = lambda _: True,
) -> ImportSummary:
    """
    Import everything of an export. Repeatable at any point: what is stored is left alone.

    `ask` is called before a chat that looks like a conversation is written. Raises Declined where
    its answer is no, WrongBucket or MarkerMissing where the bucket is not the ledger's.

    Failures of single messages are recorded and the import goes on; a store that cannot be
    written stops it with its own error, and what was committed before stays.
    """
    marker.refuse_other_buckets()
    summary, started = ImportSummary(), timezone.now()
    run = None if dry_run else begun(tenant, path, limit=limit, at=started)
    # Closed here, not by the garbage collector: where something raises, the file is closed and
    # the reservations of the batches in flight are given back at once.
    with (
        recorded(run, summary, started=started) as save,
        garbage.collected_rarely(),
        trace.use(trace.current() or f"import-{trace.new()[:12]}"),
        log_context.about(tenant_id=tenant.pk),
        closing(batches_of(source, limit=limit)) as batches,
        closing(_asked(batches, summary, ask)) as asked,
        closing(
            _outcomes(source, asked, tenant=tenant, run=run, meanwhile=batches.begin)
        ) as outcomes,
    ):
        for batch, outcome in outcomes:
            add_up(batch, outcome, run=run, summary=summary)
            observe(summary)
            save()
    return summary


def begun(tenant: Tenant, path: Path | str, *, limit: int | None, at: datetime) -> ImportRun:
    """Record that an import begins; `path` says of what."""
    with transaction.atomic():
        run = import_runs.start(tenant, path, at=at)
        audit.record("import.started", target=run, tenant=tenant, after={"limit": limit})
    return run


def _asked(
    batches: Iterator[Batch], summary: ImportSummary, ask: Question
) -> Generator[Batch, None, None]:
    """Note and ask about each chat that looks like a conversation, before its first batch."""
    last: Chat | None = None
    for batch in batches:
        if (chat := batch.chat) is not None and chat is not last:
            last = chat
            if chat.resembles_conversation:
                summary.conversations[name_of(chat)] = chat.people
                if not ask(chat):
                    raise Declined(chat)
        yield batch


@contextmanager
def recorded(
    run: ImportRun | None, summary: ImportSummary, *, started: datetime
) -> Iterator[Callable[[], None]]:
    """Record the end of the import; yields what records now and then how far it has come."""
    saved_at, whole = time.monotonic(), False

    def save() -> None:
        nonlocal saved_at
        if run is not None and time.monotonic() - saved_at >= SAVED_EVERY:
            saved_at = time.monotonic()
            summary.seconds = (timezone.now() - started).total_seconds()
            import_runs.record_progress(run, summary.as_dict())

    try:
        yield save
        whole = True
    finally:
        ended = timezone.now()
        summary.seconds = (ended - started).total_seconds()
        if run is not None:
            _record_end(run, summary, whole=whole, at=ended)


def _record_end(run: ImportRun, summary: ImportSummary, *, whole: bool, at: datetime) -> None:
    with transaction.atomic():
        # Locked: a worker that reads a picture of this import may be adding a problem right now.
        locked = ImportRun.objects.select_for_update().get(pk=run.pk)
        summary.counts.update(Counter(count_problems(locked)) - summary.counts)
        locked.finished_at, locked.summary = at, summary.as_dict()
        # Emptied where it was found interrupted, by mistake, while it lived.
        locked.interrupted_at = None if whole else at
        locked.save(update_fields=["finished_at", "interrupted_at", "summary"])
        figures = {name: summary.counts[name] for name in SUMMARY_COUNTS}
        audit.record("import.ended", target=locked, after={"whole": whole, **figures})


def _outcomes(
    source: ExportSource,
    batches: Iterator[Batch],
    *,
    tenant: Tenant,
    run: ImportRun | None,
    meanwhile: Callable[[], None],
) -> Generator[tuple[Batch, BatchOutcome], None, None]:
    if run is not None:
        return import_batches(source, batches, tenant=tenant, run=run, meanwhile=meanwhile)
    return _previews(source, batches, tenant=tenant, meanwhile=meanwhile)


def _previews(
    source: ExportSource,
    batches: Iterator[Batch],
    *,
    tenant: Tenant,
    meanwhile: Callable[[], None],
) -> Generator[tuple[Batch, BatchOutcome], None, None]:
    for batch in batches:
        meanwhile()  # its files are read now
        yield batch, preview(source, batch, tenant=tenant)


def add_up(
    batch: Batch, outcome: BatchOutcome, *, run: ImportRun | None, summary: ImportSummary
) -> None:
    """Add what came of a batch to the summary; its problems become rows of `run`."""
    if batch.chat is not None and batch.chat.title[:255] not in summary.channels:
        summary.channels.append(batch.chat.title[:255])
    outcome.problems += batch.problems
    outcome.counts["messages"] += len(batch.messages)
    outcome.counts["service"] += batch.service
    outcome.counts["unsupported"] += batch.unsupported
    _add_unknown(summary.unknown_keys, batch.unknown)
    summary.skipped_chats.update(s.kind for s in batch.skipped)
    summary.add(outcome)
    if run is not None and outcome.problems:
        import_runs.record_problems(run, outcome.problems)


def _add_unknown(total: Counter[str], found: Counter[str]) -> None:
    """Add up without growing for ever: a file may have a key of its own in each message."""
    for place, count in found.items():
        if place in total or len(total) < MOST_UNKNOWN_KEYS:
            total[place] += count
