"""Models of vision: enrichments of posts, texts of documents, paid analyses, budgets, duplicates, providers' health."""

from vision.models.budget import CallCost, TokenBudget
from vision.models.document import DocumentPage, DocumentText, ReadingOutcome, ReadingState
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
from vision.models.paid_analysis import AnalysisState, PaidAnalysis
from vision.models.place import ConcurrencyPlace
from vision.models.tag import PostTag, Tag, TagCategory, TagOrigin, TagRule, TagState
from vision.models.tag_answer import TagAnswer, TagAnswerState

__all__ = [
    "ANALYZED",
    "AnalysisReason",
    "AnalysisState",
    "CallCost",
    "ConcurrencyPlace",
    "DocumentPage",
    "DocumentText",
    "EnrichmentKind",
    "EnrichmentStatus",
    "PaidAnalysis",
    "PictureDistinction",
    "PictureHash",
    "PostEnrichment",
    "PostTag",
    "ProviderHealth",
    "ReadingOutcome",
    "ReadingState",
    "Tag",
    "TagAnswer",
    "TagAnswerState",
    "TagCategory",
    "TagOrigin",
    "TagRule",
    "TagState",
    "TokenBudget",
    "VisionProviderName",
]
