"""Queries behind the vision endpoints; each is answered from an index."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Coalesce

from media.models import MediaObject, MediaRole, PostMedia, media_object_id
from vision.models import (
    ANALYZED,
    AnalysisReason,
    LookState,
    PictureLook,
    PostEnrichment,
    VisionProviderName,
)
from vision.providers.port import Analysis, ClassificationType

VISIBLE_ROLES = (MediaRole.PRIMARY, MediaRole.ATTACHMENT)
CACHED = "cached"
OCR = "ocr"
PROVIDERS = {
    VisionProviderName.GIGACHAT.value: Q(vision_provider=VisionProviderName.GIGACHAT),
    VisionProviderName.OCR_FALLBACK.value: Q(vision_provider=VisionProviderName.OCR_FALLBACK),
    OCR: Q(vision_provider=VisionProviderName.OCR_FALLBACK),
    CACHED: Q(vision_analysis_reason=AnalysisReason.CACHE_HIT),
}
"""
Values of the parameter `provider`. `cached` is no provider: it selects posts whose result came from
the cache, without a call. Such a post also counts for the provider that made the cached result.
"""


@dataclass(frozen=True, slots=True)
class AnalysisTotals:
    """Totals over all analyzed posts; `by_provider` may count a post twice, see PROVIDERS."""

    total_analyzed: int = 0
    memes_count: int = 0
    by_provider: dict[str, int] = field(default_factory=dict)
    by_type: dict[str, int] = field(default_factory=dict)
    tokens_total: int = 0

    @property
    def tokens_average(self) -> float:
        return self.tokens_total / self.total_analyzed if self.total_analyzed else 0.0


@dataclass(frozen=True, slots=True)
class PictureAnalysis:
    """A picture of a tenant with its newest analysis."""

    media: MediaObject
    analysis: Analysis


def analyzed() -> QuerySet[PostEnrichment]:
    """Return the results of analyzed posts, last analyzed first."""
    return PostEnrichment.objects.filter(ANALYZED).order_by("-vision_analyzed_at", "-id")


def with_details(rows: QuerySet[PostEnrichment]) -> QuerySet[PostEnrichment]:
    """Add what a response needs. Use it on one page: OFFSET would compute it for skipped rows, too."""
    media = PostMedia.objects.filter(post=OuterRef("post"), role__in=VISIBLE_ROLES)
    count = media.order_by().values("post").annotate(n=Count("*")).values("n")
    return rows.annotate(media_count=Coalesce(Subquery(count), 0)).defer("data", "metadata")


def totals(rows: QuerySet[PostEnrichment]) -> AnalysisTotals:
    """Add up the analyzed posts of `rows` in one statement, an index-only scan of idx_pe_vision_stats."""
    groups = (
        rows.filter(ANALYZED)
        .order_by()
        .values_list("vision_provider", "vision_analysis_reason", "vision_is_meme", "vision_class")
        .annotate(posts=Count("*"), tokens=Sum("vision_tokens_used"))
    )
    return _add_up(groups)


def newest_analysis(tenant_ids: Iterable[UUID], sha256: str) -> PictureAnalysis | None:
    """
    Return the picture with its newest analysis among these tenants, None where it has none.

    The id of a media object follows from tenant and content, so that this reads primary keys,
    however many pictures there are.
    """
    ids = [media_object_id(tenant_id, sha256) for tenant_id in tenant_ids]
    media = {one.tenant_id: one for one in MediaObject.objects.filter(pk__in=ids)}
    found = _newest_result(media, sha256) if media else None
    if found is None:
        return None
    tenant_id, analysis = found
    return PictureAnalysis(media[tenant_id], Analysis.model_validate(analysis))


def _newest_result(media: Mapping[UUID, MediaObject], sha256: str) -> tuple[UUID, Any] | None:
    """Find the newest paid analysis, else the newest OCR result, which only posts store."""
    paid = PictureLook.objects.filter(
        tenant__in=media, sha256=sha256, state=LookState.DONE, analysis__isnull=False
    )
    read = PostEnrichment.objects.filter(
        ANALYZED, post__post_media__media_object__in=media.values(),
        data__analyses__has_key=sha256,
    )  # fmt: skip
    return (
        paid.order_by("-looked_at", "id").values_list("tenant_id", "analysis").first()
        or read.order_by("-vision_analyzed_at", "id")
        .values_list("tenant_id", KeyTransform(sha256, KeyTransform("analyses", "data")))
        .first()
    )


def _add_up(groups: Iterable[tuple[Any, ...]]) -> AnalysisTotals:
    """Sum groups of (provider, reason, is_meme, class, posts, tokens)."""
    by_provider = dict.fromkeys((VisionProviderName.GIGACHAT.value, OCR, CACHED), 0)
    by_type = dict.fromkeys(get_args(ClassificationType), 0)
    total = memes = tokens_total = 0
    for provider, reason, is_meme, kind, posts, tokens in groups:
        name = _NAMES.get(provider, provider)
        by_provider[name] = by_provider.get(name, 0) + posts
        by_provider[CACHED] += posts if reason == AnalysisReason.CACHE_HIT else 0
        by_type[kind] = by_type.get(kind, 0) + posts
        memes += posts if is_meme else 0
        total += posts
        tokens_total += tokens
    return AnalysisTotals(total, memes, by_provider, by_type, tokens_total)


_NAMES = {VisionProviderName.OCR_FALLBACK: OCR}
