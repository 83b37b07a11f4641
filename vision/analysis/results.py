"""What became of the media of a post, before it is written down."""

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

from events.schemas import MediaFile
from vision.models import EnrichmentStatus
from vision.policy.decision import Decision
from vision.providers.port import Analysis
from vision.version import VISION_VERSION


@dataclass(slots=True)
class Look:
    """
    What became of one medium: an analysis, or the reason why there is none.

    `fallback` says why text recognition read it although a paid provider was wanted, `waits`
    whether a real look is still to come. `tokens` is what this very post paid for it.
    """

    file: MediaFile
    decision: Decision
    analysis: Analysis | None = None
    cache_key: str = ""
    from_cache: bool = False
    fallback: str = ""
    waits: bool = False
    tokens: int = 0
    retried: bool = False
    same_as: str = ""
    distance: int | None = None
    refusal: str = ""
    details: str = ""

    @property
    def reason(self) -> str:
        return self.refusal or self.fallback or self.decision.reason

    @property
    def outcome(self) -> str:
        if self.analysis is None:
            return "skipped" if self.decision.skip or not self.refusal else "failed"
        return "read" if self.fallback else "analyzed"

    def as_dict(self) -> dict[str, Any]:
        """What a person sees of the decision in the console."""
        return asdict(self.decision) | {
            "outcome": self.outcome,
            "reason": self.reason,
            "details": self.details,
            "from_cache": self.from_cache,
            "provider": self.analysis.provider if self.analysis else "",
            "waits": self.waits,
            "tokens": self.tokens,
            "same_as": self.same_as,
            "distance": self.distance,
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

    @property
    def decisions(self) -> list[dict[str, Any]]:
        return [look.as_dict() for look in self.looks]

    @property
    def params(self) -> str:
        """Who looked at what: differs from what was wanted where something stood in for it."""
        return params_hash(
            {k.file.sha256: k.analysis.model if k.analysis else "" for k in self.looks}
        )


def params_hash(model_of: dict[str, str]) -> str:
    """SHA-256 of models, version and inputs (CONTRACT §2.6); the model is empty for a skip."""
    inputs = ",".join(f"{sha256}={model}" for sha256, model in sorted(model_of.items()))
    return hashlib.sha256(f"{VISION_VERSION}|{inputs}".encode()).hexdigest()
