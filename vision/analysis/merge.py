"""Merging the analyses of a post's pictures into one. Pure."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vision.providers.port import Analysis

READS_TEXT = "ocr_fallback"
"""The provider that sees nothing but text."""
MAX_LABELS, MAX_OBJECTS, MAX_COLORS = 20, 10, 5
"""The same limits as for one analysis (CONTRACT §2.1)."""


@dataclass(frozen=True, slots=True)
class MergedAnalysis:
    """The analyses of all pictures of a post; lists keep the order of the pictures."""

    provider: str
    model: str
    classification: str
    description: str
    is_meme: bool = False
    labels: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    dominant_colors: list[str] = field(default_factory=list)
    scene: str | None = None
    ocr_text: str = ""
    file_id: str | None = None

    @property
    def described(self) -> str:
        """As `PostEnrichment.described`."""
        return "" if self.provider == READS_TEXT else self.description

    @property
    def features_hash(self) -> str:
        """SHA-256 of the fields that tagging uses (CONTRACT §1.5)."""
        features = {
            "classification": self.classification,
            "is_meme": self.is_meme,
            "labels": sorted(self.labels),
            "objects": sorted(self.objects),
            "scene": self.scene,
            "description": self.description,
            "ocr_text": self.ocr_text,
        }
        canonical = json.dumps(features, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


NO_FEATURES_HASH = hashlib.sha256(b"").hexdigest()
"""The features hash of a post without any analysis."""


def merge(analyses: Sequence[Analysis]) -> MergedAnalysis:
    """
    Merge at least one analysis, in the order of the post's media.

    Provider, class, scene and descriptions are those of models that see; of text recognition, which
    describes a picture by its text, only where there are no others.
    """
    seeing = [a for a in analyses if a.provider != READS_TEXT] or analyses
    lead = seeing[0]
    return MergedAnalysis(
        provider=lead.provider,
        model=lead.model,
        classification=lead.classification,
        description=" | ".join(_unique(a.description for a in seeing)),
        is_meme=any(a.is_meme for a in analyses),
        labels=_unique(label for a in analyses for label in a.labels)[:MAX_LABELS],
        objects=_unique(thing for a in analyses for thing in a.objects)[:MAX_OBJECTS],
        dominant_colors=_unique(c for a in analyses for c in a.dominant_colors)[:MAX_COLORS],
        scene=lead.scene,
        ocr_text="\n\n".join(a.ocr.text for a in analyses if a.ocr and a.ocr.text),
        file_id=lead.file_id,
    )


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
