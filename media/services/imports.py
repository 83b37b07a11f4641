"""Run a whole import: batch after batch, with a summary that says what was not done."""

import os
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils import timezone

from accounts.models import Tenant
from events import trace
from media.models import ImportProblem, ImportRun
from media.services.pipeline.batches import Batch, batches
from media.services.pipeline.plan import Outcome
from media.services.pipeline.run import foretell, taken_over
from media.sources.export.source import ExportSource
from media.sources.port import Problem

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
            cut = batches(source, limit=limit)
            taken: Generator[tuple[Batch, Outcome], None, None]
            if run is None:
                taken = ((batch, foretell(source, batch, tenant=tenant)) for batch in cut)
            else:
                taken = taken_over(source, cut, tenant=tenant)
            with closing(taken):
                for batch, outcome in taken:
                    _sum_up(batch, outcome, run=run, summary=summary)
                    observe(summary)
    finally:
        finished = timezone.now()
        summary.seconds = (finished - started).total_seconds()
        if run is not None:
            ImportRun.objects.filter(pk=run.pk).update(
                finished_at=finished, summary=summary.as_dict()
            )
    return summary


def _sum_up(batch: Batch, outcome: Outcome, *, run: ImportRun | None, summary: Summary) -> None:
    if batch.chat is not None and batch.chat.title[:255] not in summary.channels:
        summary.channels.append(batch.chat.title[:255])
    outcome.problems += batch.problems
    outcome.counts["messages"] += len(batch.messages)
    outcome.counts["service"] += batch.service
    summary.skipped_chats.update(s.kind for s in batch.skipped)
    summary.take(outcome)
    if run is not None and outcome.problems:
        _record(run, outcome.problems)


def _record(run: ImportRun, problems: list[Problem]) -> None:
    ImportProblem.objects.bulk_create(
        ImportProblem(
            run=run, code=p.code[:64], message_id=p.message_id, detail=p.detail[:DETAIL_CHARS]
        )
        for p in problems
    )
