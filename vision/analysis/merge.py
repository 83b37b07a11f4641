"""Several pictures, one post: pure rules for what they say together."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vision.providers.port import Analysis

MAX_LABELS, MAX_OBJECTS, MAX_COLORS = 20, 10, 5
"""As many as one analysis may have (CONTRACT §2.1)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The analyses of a post in one; lists keep the order of the pictures."""

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
    def features_hash(self) -> str:
        """SHA-256 over what matters to tagging (CONTRACT §1.5)."""
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


NOTHING_SEEN = hashlib.sha256(b"").hexdigest()
"""The features hash of a post none of whose media was looked at."""


def merge(analyses: Sequence[Analysis]) -> Summary:
    """At least one analysis, in the order of the post's media; the first one leads."""
    lead = next((a for a in analyses if a.provider != "ocr_fallback"), analyses[0])
    return Summary(
        provider=lead.provider,
        model=lead.model,
        classification=lead.classification,
        description=" | ".join(_unique(a.description for a in analyses)),
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
