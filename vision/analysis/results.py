"""Results of analyzing the media of a post, before they are saved."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from events.schemas import MediaFile
from vision.models import EnrichmentStatus
from vision.policy.decision import Decision
from vision.providers.port import Analysis
from vision.version import VISION_VERSION


@dataclass(frozen=True, slots=True)
class MediaResult:
    """
    The analysis of one file, or the reason why there is none.

    `fallback`: why the paid provider that was wanted gave no analysis; text recognition may
    stand in. `waits`: a paid analysis is still to come. `refusal`: why nobody could read the
    file. `tokens`: what this very post paid. `same_as` and `distance`: the source, where the
    analysis is that of a duplicate. `seconds`: how long it took to analyze the file.
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
    seconds: float = 0.0

    @property
    def reason(self) -> str:
        return self.refusal or self.fallback or self.decision.reason

    @property
    def outcome(self) -> str:
        """One of `vision.reasons.OUTCOMES`."""
        if self.analysis is None:
            return "skipped" if self.decision.skip or not self.refusal else "failed"
        return "read" if self.fallback else "analyzed"

    def as_dict(self) -> dict[str, Any]:
        """The decision as `PostEnrichment.metadata` stores it and the console shows it."""
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


@dataclass(frozen=True, slots=True)
class PostResult:
    """The results of all files of a post, in the post's order."""

    media: Sequence[MediaResult]
    duration_ms: int

    @property
    def files(self) -> list[MediaFile]:
        return [one.file for one in self.media]

    @property
    def analyses(self) -> list[Analysis]:
        return [one.analysis for one in self.media if one.analysis]

    @property
    def tokens(self) -> int:
        return sum(one.tokens for one in self.media)

    @property
    def status(self) -> EnrichmentStatus:
        if not any(one.refusal for one in self.media):
            return EnrichmentStatus.OK
        return EnrichmentStatus.PARTIAL if self.analyses else EnrichmentStatus.ERROR

    @property
    def decisions(self) -> list[dict[str, Any]]:
        return [one.as_dict() for one in self.media]

    @property
    def params(self) -> str:
        """The hash of the models that answered; where one stood in, not the hash of the wanted."""
        return params_hash(
            {one.file.sha256: one.analysis.model if one.analysis else "" for one in self.media}
        )


def params_hash(model_of: Mapping[str, str]) -> str:
    """SHA-256 of models, version and inputs (CONTRACT §2.6); the model is empty for a skip."""
    inputs = ",".join(f"{sha256}={model}" for sha256, model in sorted(model_of.items()))
    return hashlib.sha256(f"{VISION_VERSION}|{inputs}".encode()).hexdigest()
