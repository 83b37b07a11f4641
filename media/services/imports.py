"""Run a whole import: batch after batch, with a summary that says what was not done."""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Tenant
from events import trace
from media.models import ImportProblem, ImportRun
from media.services import garbage
from media.services.defects import count_problems
from media.services.pipeline.batches import Batch, read_batches
from media.services.pipeline.plan import BatchOutcome
from media.services.pipeline.preview import preview
from media.services.pipeline.read_ahead import read_ahead
from media.services.pipeline.run import import_batches
from media.sources.export.source import ExportSource
from media.sources.port import Problem

DETAIL_CHARS = 1000
SHOWN_PROBLEMS = 1000
"""How many problems the summary holds; all of them are rows of `import_problems`."""

Observer = Callable[["ImportSummary"], None]


@dataclass(slots=True)
class ImportSummary:
    """What an import did. `counts` are messages unless the name says bytes or media."""

    counts: Counter[str] = field(default_factory=Counter)
    skipped_chats: Counter[str] = field(default_factory=Counter)
    channels: list[str] = field(default_factory=list)
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
            "seconds": round(self.seconds, 3),
        }


SUMMARY_COUNTS = (
    "messages",
    "new",
    "updated",
    "unchanged",
    "repeated",
    "service",
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
) -> ImportSummary:
    """
    Import everything of an export. Repeatable at any point: what is stored is left alone.

    Failures of single messages are recorded and the import goes on; a store that cannot be
    written stops it with its own error, and what was committed before stays.
    """
    summary = ImportSummary()
    started = timezone.now()
    run = None if dry_run else _record_start(tenant, path, at=started)
    try:
        # Closed here, not by the garbage collector: where something raises, the file is closed and
        # the reservations of the batches in flight are given back at once.
        with (
            garbage.looked_for_rarely(),
            trace.use(trace.current() or f"import-{trace.new()[:12]}"),
            closing(read_ahead(read_batches(source, limit=limit))) as batches,
            closing(_outcomes(source, batches, tenant=tenant, dry_run=dry_run)) as outcomes,
        ):
            for batch, outcome in outcomes:
                _add_up(batch, outcome, run=run, summary=summary)
                observe(summary)
    finally:
        finished = timezone.now()
        summary.seconds = (finished - started).total_seconds()
        if run is not None:
            _record_end(run, summary, at=finished)
    return summary


def _record_end(run: ImportRun, summary: ImportSummary, *, at: datetime) -> None:
    with transaction.atomic():
        # Locked: a worker that reads a picture of this import may be adding a problem right now.
        locked = ImportRun.objects.select_for_update().get(pk=run.pk)
        summary.counts.update(Counter(count_problems(locked)) - summary.counts)
        locked.finished_at, locked.summary = at, summary.as_dict()
        locked.save(update_fields=["finished_at", "summary"])


def _record_start(tenant: Tenant, path: Path, *, at: datetime) -> ImportRun:
    # A path need not be UTF-8; PostgreSQL takes nothing else.
    shown = os.fsencode(path).decode(errors="replace")[:1000]
    return ImportRun.objects.create(tenant=tenant, path=shown, started_at=at)


def _outcomes(
    source: ExportSource, batches: Iterator[Batch], *, tenant: Tenant, dry_run: bool
) -> Generator[tuple[Batch, BatchOutcome], None, None]:
    if not dry_run:
        return import_batches(source, batches, tenant=tenant)
    return ((batch, preview(source, batch, tenant=tenant)) for batch in batches)


def _add_up(
    batch: Batch, outcome: BatchOutcome, *, run: ImportRun | None, summary: ImportSummary
) -> None:
    if batch.chat is not None and batch.chat.title[:255] not in summary.channels:
        summary.channels.append(batch.chat.title[:255])
    outcome.problems += batch.problems
    outcome.counts["messages"] += len(batch.messages)
    outcome.counts["service"] += batch.service
    summary.skipped_chats.update(s.kind for s in batch.skipped)
    summary.add(outcome)
    if run is not None and outcome.problems:
        _record_problems(run, outcome.problems)


def _record_problems(run: ImportRun, problems: list[Problem]) -> None:
    ImportProblem.objects.bulk_create(
        ImportProblem(
            run=run, code=p.code[:64], message_id=p.message_id, detail=p.detail[:DETAIL_CHARS]
        )
        for p in problems
    )
