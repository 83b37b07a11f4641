"""What became of the media of a post, before it is written down."""

from dataclasses import asdict, dataclass, field
from typing import Any

from events.schemas import MediaFile
from vision.models import EnrichmentStatus
from vision.policy import Decision
from vision.providers.port import Analysis


@dataclass(slots=True)
class Look:
    """What became of one medium: an analysis, or the reason why there is none."""

    file: MediaFile
    decision: Decision
    analysis: Analysis | None = None
    cache_key: str = ""
    from_cache: bool = False
    refusal: str = ""
    details: str = ""

    @property
    def reason(self) -> str:
        return self.refusal or self.decision.reason

    def as_dict(self) -> dict[str, Any]:
        """What a person sees of the decision in the console."""
        return asdict(self.decision) | {
            "outcome": "analyzed"
            if self.analysis
            else "skipped"
            if self.decision.skip
            else "failed",
            "reason": self.reason,
            "details": self.details,
            "from_cache": self.from_cache,
        }


@dataclass(slots=True)
class Outcome:
    """All looks of a post, in the order of its media."""

    looks: list[Look] = field(default_factory=list)
    duration_ms: int = 0

    @property
    def analyses(self) -> list[Analysis]:
        return [look.analysis for look in self.looks if look.analysis]

    @property
    def status(self) -> EnrichmentStatus:
        failed = [look for look in self.looks if look.refusal]
        if not failed:
            return EnrichmentStatus.OK
        return EnrichmentStatus.PARTIAL if self.analyses else EnrichmentStatus.ERROR
