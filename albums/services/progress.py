"""How far an album is: its items with their outcomes, for what it waits, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max

from albums.models import AlbumStatus, MediaGroup, MediaGroupItem
from albums.services.items import views_of
from albums.summary import ItemView
from vision.models import EnrichmentKind, PostEnrichment


@dataclass(frozen=True, slots=True)
class ShownItem:
    """The row of an item, with its post, and its outcome."""

    row: MediaGroupItem
    outcome: ItemView

    @property
    def position(self) -> int:
        return self.outcome.position

    @property
    def is_awaited(self) -> bool:
        """Whether its outcome is still to come, also after the album's time has run out."""
        return not self.outcome.seen


@dataclass(frozen=True, slots=True)
class Progress:
    """
    The state of an album in assembly, in the order of its items.

    `waits_since`: when its items changed last, or it was opened again. `last_progress_at`: when
    an outcome came last, at least that. `due_at`: then it is assembled from what there is.
    """

    items: Sequence[ShownItem]
    is_waiting: bool
    waits_since: datetime
    last_progress_at: datetime
    due_at: datetime

    @property
    def awaited(self) -> list[ShownItem]:
        return [item for item in self.items if item.is_awaited]

    @property
    def awaited_positions(self) -> list[int]:
        return [item.position for item in self.awaited]

    @property
    def analyzed_count(self) -> int:
        return sum(item.outcome.analyzed_at is not None for item in self.items)


def progress_of(group: MediaGroup, *, timeout: timedelta | None = None) -> Progress:
    """Read the state of an album, by three queries; `timeout` is ALBUM_TIMEOUT unless given."""
    rows = list(MediaGroupItem.objects.filter(group=group).select_related("post"))
    rows.sort(key=lambda row: row.position)
    since = group.updated_at
    progress_at = max(since, _last_outcome_at(group) or since)
    return Progress(
        items=[ShownItem(row, view) for row, view in zip(rows, views_of(rows), strict=True)],
        is_waiting=group.status == AlbumStatus.WAITING,
        waits_since=since,
        last_progress_at=progress_at,
        due_at=progress_at + (settings.ALBUM_TIMEOUT if timeout is None else timeout),
    )


def _last_outcome_at(group: MediaGroup) -> datetime | None:
    outcomes = PostEnrichment.objects.filter(
        kind=EnrichmentKind.VISION, post__album_item__group=group
    )
    last: datetime | None = outcomes.aggregate(last=Max("updated_at"))["last"]
    return last
