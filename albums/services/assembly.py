"""What an assembly writes: the JSON object in the bucket, and the copy of it in the album's row."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from albums.models import AlbumStatus, MediaGroup
from albums.summary import AlbumSummary, document


@dataclass(frozen=True, slots=True)
class Assembly:
    """An album with the summary of its items; `fingerprint` is that of the items."""

    group: MediaGroup
    fingerprint: str
    status: AlbumStatus
    summary: AlbumSummary
    completed_at: datetime

    @property
    def lag_seconds(self) -> float:
        return self.summary.lag_seconds(self.completed_at)

    def document(self) -> dict[str, Any]:
        """The JSON object in the bucket (CONTRACT §10.5)."""
        group = self.group
        identity = {
            "album_id": group.pk,
            "grouped_id": group.grouped_id,
            "tenant_id": str(group.tenant_id),
            "channel_id": str(group.channel_id),
        }
        return document(
            self.summary, identity=identity, completed_at=self.completed_at, status=self.status
        )

    def enrichment(self, s3_key: str | None) -> dict[str, object]:
        """`media_groups.meta -> enrichment` (CONTRACT §10.6)."""
        summary = asdict(self.summary)
        times = {name: summary.pop(name) for name in ("first_analyzed_at", "last_analyzed_at")}
        return {
            **summary,
            **{name: value.isoformat() if value else None for name, value in times.items()},
            "status": str(self.status),
            "assembly_completed_at": self.completed_at.isoformat(),
            "assembly_lag_seconds": self.lag_seconds,
            "s3_key": s3_key,
        }
