"""The state of the album assembler, for `/health/detailed` and `doctor` (CONTRACT §10.10)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from albums.models import AlbumStatus, MediaGroup
from events import health
from events.health import Scope
from events.inspection import postgresql, task_facts

SUBSCRIBERS: Final = ("albums.collect", "albums.assemble_parsed", "albums.assemble_analyzed")
MANY: Final = 200
"""Albums in progress above this degrade the task."""
COUNTED: Final = 100_000
RECENT: Final = timedelta(minutes=5)


def register() -> None:
    health.register(
        "album_assembler",
        task_facts.probe_of(SUBSCRIBERS, figures=figures),
        scope=Scope.DETAILED,
        remedy=postgresql.REMEDY,
        is_task=True,
        needs=postgresql.CHECK,
    )


def figures() -> Mapping[str, Any]:
    """`recent_assembly_rate` is in albums per minute, over the last five minutes."""
    waiting = MediaGroup.objects.filter(status=AlbumStatus.WAITING).order_by()
    in_progress = waiting.values("pk")[:COUNTED].count()
    recent = MediaGroup.objects.filter(assembled_at__gt=timezone.now() - RECENT)
    return {
        "albums_in_progress": in_progress,
        "recent_assembly_rate": round(recent.count() / (RECENT.total_seconds() / 60), 2),
        "in_progress_is_high": in_progress > MANY,
    }
