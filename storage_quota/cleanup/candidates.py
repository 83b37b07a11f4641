"""What a cleanup would take, and what it took."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Step(StrEnum):
    """A kind of loss, in the order the seeds rank them; albums go by their lifetime only."""

    CRAWL = "crawl"
    VISION = "vision"
    MEDIA = "media"
    MULTIPART = "multipart"
    ALBUM = "album"


@dataclass(frozen=True, slots=True)
class Victim:
    """
    An object that may go, as it was when it was chosen.

    `used_at` is when it was written or last used. `ref` is what its evictor finds it by: the
    id of a row, or of an upload. An unfinished upload has no size that a store would tell.
    """

    step: Step
    key: str
    tenant_id: UUID | None
    content_type: str
    size_bytes: int
    used_at: datetime
    ref: str = ""


@dataclass(frozen=True, slots=True)
class StepFreed:
    """What one step comes to."""

    count: int = 0
    freed_bytes: int = 0

    def plus(self, size_bytes: int, count: int = 1) -> "StepFreed":
        return StepFreed(self.count + count, self.freed_bytes + size_bytes)


@dataclass(frozen=True, slots=True)
class Plan:
    """
    A look at what would go, in the order it would.

    `target_bytes` is the usage to get down to; None takes everything whose time is over.
    `more`: the plan is full, further victims exist; execute it and plan again.
    """

    current_bytes: int
    target_bytes: int | None
    victims: tuple[Victim, ...]
    more: bool = False

    @property
    def needed_bytes(self) -> int:
        if self.target_bytes is None:
            return 0
        return max(0, self.current_bytes - self.target_bytes)

    @property
    def frees_bytes(self) -> int:
        return sum(victim.size_bytes for victim in self.victims)

    @property
    def reaches_target(self) -> bool:
        return self.more or self.frees_bytes >= self.needed_bytes

    @property
    def steps(self) -> dict[Step, StepFreed]:
        sums: dict[Step, StepFreed] = {}
        for victim in self.victims:
            sums[victim.step] = sums.get(victim.step, StepFreed()).plus(victim.size_bytes)
        return sums


@dataclass(frozen=True, slots=True)
class Freed:
    """
    What a cleanup did.

    `skipped_count` were wanted again or changed meanwhile: they stay, and that is right.
    `left_count` are out of the ledger but not out of the store; they count as used until the
    sweep has deleted them. `trouble` says why it stopped before the end, if it did.
    """

    deleted_count: int = 0
    freed_bytes: int = 0
    skipped_count: int = 0
    left_count: int = 0
    duration_seconds: float = 0.0
    trouble: str = ""
    steps: Mapping[Step, StepFreed] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Nothing that should have gone is still there."""
        return not self.trouble and not self.left_count

    def plus(self, later: "Freed") -> "Freed":
        """Both together; whatever stopped the later one stopped the whole."""
        steps = dict(self.steps)
        for step, more in later.steps.items():
            steps[step] = steps.get(step, StepFreed()).plus(more.freed_bytes, more.count)
        return Freed(
            deleted_count=self.deleted_count + later.deleted_count,
            freed_bytes=self.freed_bytes + later.freed_bytes,
            skipped_count=self.skipped_count + later.skipped_count,
            left_count=self.left_count + later.left_count,
            duration_seconds=self.duration_seconds + later.duration_seconds,
            trouble=later.trouble,
            steps=steps,
        )
