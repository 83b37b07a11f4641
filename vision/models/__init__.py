"""What is known about posts, what was asked about their pictures, and what that cost."""

from vision.models.budget import TokenBudget
from vision.models.duplicates import PictureDistinction, PictureHash
from vision.models.enrichment import (
    ANALYZED,
    AnalysisReason,
    EnrichmentKind,
    EnrichmentStatus,
    PostEnrichment,
    VisionProviderName,
)
from vision.models.health import ProviderHealth
from vision.models.paid_analysis import LookState, PictureLook

__all__ = [
    "ANALYZED",
    "AnalysisReason",
    "EnrichmentKind",
    "EnrichmentStatus",
    "LookState",
    "PictureDistinction",
    "PictureHash",
    "PictureLook",
    "PostEnrichment",
    "ProviderHealth",
    "TokenBudget",
    "VisionProviderName",
]
