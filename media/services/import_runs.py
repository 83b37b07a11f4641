"""The records of imports: begun, under way, ended; and those whose process was killed."""

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import Tenant
from events.postgresql.prepared import Prepared
from events.workers import liveness
from media.models import ImportProblem, ImportRun
from media.models.imports import ImportState
from media.sources.port import Problem

DETAIL_CHARS = 1000


def start(tenant: Tenant, path: Path | str, *, at: datetime) -> ImportRun:
    """Record that an import begins; earlier ones whose process is no longer there are closed."""
    worker = liveness.worker_id()
    _close(_open_without(liveness.holds_its_lock), at=at)
    # A path need not be UTF-8; PostgreSQL takes nothing else.
    shown = os.fsencode(path).decode(errors="replace")[:1000]
    return ImportRun.objects.create(tenant=tenant, path=shown, started_at=at, worker=worker)


def record_progress(run: ImportRun, summary: dict[str, object]) -> None:
    """Save how far the import has come, for the case that it is killed."""
    ImportRun.objects.filter(pk=run.pk).update(summary=summary, interrupted_at=None)


def record_problems(run: ImportRun, problems: Iterable[Problem]) -> None:
    ImportProblem.objects.bulk_create(
        ImportProblem(
            run=run, code=p.code[:64], message_id=p.message_id, detail=p.detail[:DETAIL_CHARS]
        )
        for p in problems
    )


def close_interrupted(*, now: datetime) -> int:
    """Close the imports whose process is gone; every worker does so every few seconds."""
    return _close(_open_without(_is_there), at=now)


def is_interrupted(run: ImportRun) -> bool:
    """Whether nobody works on the run any more, also where no worker has noticed that yet."""
    if run.state is ImportState.RUNNING:
        return run.worker is None or not _is_there(run.worker)
    return run.state is ImportState.INTERRUPTED


def _is_there(worker: UUID) -> bool:
    return not liveness.is_gone(worker)


def _open_without(is_there: Callable[[UUID], bool]) -> list[int]:
    """Ids of the runs that have not ended, and whose process is not there."""
    # Each is asked about every time, since liveness watches only who is asked about.
    return [pk for pk, worker in _OPEN.rows() if worker is None or not is_there(worker)]


def _open() -> QuerySet[ImportRun, Any]:
    runs = ImportRun.objects.filter(finished_at__isnull=True, interrupted_at__isnull=True)
    return runs.values_list("pk", "worker")


_OPEN = Prepared(_open)


def _close(runs: list[int], *, at: datetime) -> int:
    # The condition: an import that lives after all may have ended meanwhile.
    still_open = ImportRun.objects.filter(pk__in=runs, finished_at__isnull=True)
    return still_open.update(interrupted_at=at) if runs else 0
