"""What a cleanup would delete, and what it deleted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Step(StrEnum):
    """
    What one step of a cleanup deletes, in the order the seeds give; albums only by lifetime.

    Before them come the versions that the bucket keeps of what was replaced or deleted, and the
    delete markers behind which there is nothing any more.
    """

    VERSIONS = "versions"
    MARKERS = "markers"
    CRAWL = "crawl"
    VISION = "vision"
    MEDIA = "media"
    MULTIPART = "multipart"
    ALBUM = "album"


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    An object that cleanup may evict, as it was when it was chosen.

    `used_at` is when it was written or last used. `ref` is the id by which its evictor finds it:
    of a row, or of an upload. Stores report no size of an unfinished upload, so it counts 0.
    """

    step: Step
    key: str
    tenant_id: UUID | None
    content_type: str
    size_bytes: int
    used_at: datetime
    ref: str = ""


@dataclass(frozen=True, slots=True)
class StepTotal:
    """Objects and bytes of one step."""

    count: int = 0
    freed_bytes: int = 0

    def plus(self, size_bytes: int, count: int = 1) -> "StepTotal":
        return StepTotal(self.count + count, self.freed_bytes + size_bytes)


@dataclass(frozen=True, slots=True)
class CleanupPlan:
    """
    The candidates of a cleanup, in the order in which they would be deleted.

    `target_bytes` is the usage to reach; None stands for everything whose lifetime is over.
    `more`: there are further candidates than one plan holds; execute it and plan again.
    `kept_count` old versions stay, since they are the only good copy of an object.
    """

    current_bytes: int
    target_bytes: int | None
    candidates: tuple[Candidate, ...]
    more: bool = False
    kept_count: int = 0

    @property
    def needed_bytes(self) -> int:
        if self.target_bytes is None:
            return 0
        return max(0, self.current_bytes - self.target_bytes)

    @property
    def frees_bytes(self) -> int:
        return sum(candidate.size_bytes for candidate in self.candidates)

    @property
    def reaches_target(self) -> bool:
        return self.more or self.frees_bytes >= self.needed_bytes

    @property
    def steps(self) -> dict[Step, StepTotal]:
        sums: dict[Step, StepTotal] = {}
        for candidate in self.candidates:
            sums[candidate.step] = sums.get(candidate.step, StepTotal()).plus(candidate.size_bytes)
        return sums


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """
    What a cleanup did.

    `skipped_count` candidates are in use again or have changed, so they stay.
    `remaining_count` objects are removed from the ledger but not from the store; they count as
    used until `release_expired` has deleted them. `stop_reason` is set if not everything was done.
    """

    deleted_count: int = 0
    freed_bytes: int = 0
    skipped_count: int = 0
    remaining_count: int = 0
    duration_seconds: float = 0.0
    stop_reason: str = ""
    steps: Mapping[Step, StepTotal] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether everything was deleted that should be."""
        return not self.stop_reason and not self.remaining_count

    def plus(self, later: "CleanupResult") -> "CleanupResult":
        """Add a later part of the same cleanup; its `stop_reason` is that of the whole."""
        steps = dict(self.steps)
        for step, more in later.steps.items():
            steps[step] = steps.get(step, StepTotal()).plus(more.freed_bytes, more.count)
        return CleanupResult(
            deleted_count=self.deleted_count + later.deleted_count,
            freed_bytes=self.freed_bytes + later.freed_bytes,
            skipped_count=self.skipped_count + later.skipped_count,
            remaining_count=self.remaining_count + later.remaining_count,
            duration_seconds=self.duration_seconds + later.duration_seconds,
            stop_reason=later.stop_reason,
            steps=steps,
        )
