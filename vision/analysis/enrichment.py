"""Saving what was found in a post: its PostEnrichment row, and the event in the same transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from events import outbox
from events.schemas import MediaFile, SkipReason
from media.models import Post
from media.services.picture_words import set_picture_words
from storage_quota import services
from vision.analysis import analyzed_event
from vision.analysis.merge import NO_FEATURES_HASH, MergedAnalysis, merge
from vision.analysis.results import PostResult
from vision.limits.prices import microunits, roubles_per_1000
from vision.models import (
    AnalysisReason,
    EnrichmentKind,
    EnrichmentStatus,
    PostEnrichment,
    VisionProviderName,
)
from vision.version import VISION_VERSION


def refresh_unchanged(post: Post, result: PostResult) -> bool:
    """
    Whether the same models found the same as before; then no event is needed.

    This is so for a picture that was requested again and still waits. Its decisions are saved
    all the same: they say why it waits now.
    """
    if result.status != EnrichmentStatus.OK or not result.analyses:
        return False
    rows = PostEnrichment.objects.filter(
        post=post,
        kind=EnrichmentKind.VISION,
        status=EnrichmentStatus.OK,
        params_hash=result.params,
        features_hash=merge(result.analyses).features_hash,
    )
    return bool(rows.update(metadata={"decisions": result.decisions}))


def save(post: Post, result: PostResult, *, requested_at: datetime, now: datetime) -> None:
    """Write the enrichment and publish its event, in the caller's transaction."""
    merged = merge(result.analyses) if result.analyses else None
    columns = _common_columns(result)
    columns |= _analyzed_columns(result, merged, now=now) if merged else _EMPTY_COLUMNS
    _write(post, columns)
    set_picture_words(post.pk, _searched(merged) if merged else [])
    reasons = [
        SkipReason(media_id=one.file.sha256, reason=one.reason, details=one.details[:200])
        for one in result.media
        if one.analysis is None
    ]
    if merged is None:
        event = analyzed_event.skipped(post, result.files, reasons, requested_at=requested_at)
    else:
        event = analyzed_event.analyzed(
            post, result, merged, reasons, requested_at=requested_at, now=now
        )
    outbox.publish(event)


def save_failure(
    post: Post, files: Sequence[MediaFile], *, code: str, details: str, requested_at: datetime
) -> None:
    """Write that the analysis was given up and publish the event, in the caller's transaction."""
    decisions = [
        {"sha256": f.sha256, "outcome": "failed", "reason": "analysis_failed", "details": code}
        for f in files
    ]
    columns = {
        "params_hash": "",
        "status": EnrichmentStatus.ERROR,
        "error": f"{code}: {details}"[:500],
        "metadata": {"decisions": decisions},
        "s3_media_keys": [f.s3_key for f in files],
        "s3_vision_keys": [],
    }
    _write(post, _EMPTY_COLUMNS | columns)
    set_picture_words(post.pk, [])
    reasons = [SkipReason(media_id=f.sha256, reason="analysis_failed", details=code) for f in files]
    outbox.publish(analyzed_event.skipped(post, files, reasons, requested_at=requested_at))


def _write(post: Post, columns: dict[str, Any]) -> None:
    """Insert the post's row, or overwrite these columns of it: one statement, under its lock."""
    PostEnrichment.objects.bulk_create(
        [PostEnrichment(post=post, kind=EnrichmentKind.VISION, **columns)],
        update_conflicts=True,
        unique_fields=["post", "kind"],
        update_fields=[*columns, "updated_at"],
    )


def _searched(merged: MergedAnalysis) -> list[str]:
    return [merged.ocr_text, merged.described, ", ".join(merged.labels)]


def _common_columns(result: PostResult) -> dict[str, Any]:
    refused = [f"{one.file.sha256[:12]}: {one.refusal}" for one in result.media if one.refusal]
    return {
        "params_hash": result.params,
        "status": result.status,
        "error": "; ".join(refused)[:500],
        "vision_version": VISION_VERSION,
        "metadata": {"decisions": result.decisions},
        "s3_media_keys": [file.s3_key for file in result.files],
        "s3_vision_keys": _existing_cache_keys(result),
    }


def _existing_cache_keys(result: PostResult) -> list[str]:
    """The keys of cached results, without any that was evicted during the analysis."""
    cached = [one.cache_key for one in result.media if one.cache_key]
    # Locked until the transaction ends: the evictor then finds this row's reference to them.
    existing = services.lock_existing(cached)
    return [key for key in cached if key in existing]


_EMPTY_COLUMNS: dict[str, Any] = {
    "provider": VisionProviderName.NONE,
    "vision_provider": VisionProviderName.NONE,
    "vision_model": None,
    "vision_analysis_reason": AnalysisReason.SKIPPED,
    "vision_analyzed_at": None,
    "vision_is_meme": False,
    "vision_classification": None,
    "vision_description": "",
    "vision_ocr_text": "",
    "vision_tokens_used": 0,
    "vision_cost_microunits": 0,
    "vision_file_id": None,
    "summary": "",
    "ocr_present": False,
    "features_hash": NO_FEATURES_HASH,
    "data": {},
}
"""A post without any analysis; every column, so that nothing of an earlier analysis remains."""


def _analyzed_columns(
    result: PostResult, merged: MergedAnalysis, *, now: datetime
) -> dict[str, Any]:
    price = roubles_per_1000(
        settings.GIGACHAT.model_name, configured=settings.VISION.vision_price_rub_per_1000_tokens
    )
    return {
        "provider": merged.provider,
        "vision_provider": merged.provider,
        "vision_model": merged.model,
        "vision_analyzed_at": now,
        "vision_analysis_reason": _reason(result),
        "vision_is_meme": merged.is_meme,
        "vision_classification": analyzed_event.classification(merged).model_dump(),
        "vision_description": merged.description,
        "vision_ocr_text": merged.ocr_text,
        "vision_tokens_used": result.tokens,
        "vision_cost_microunits": microunits(result.tokens, per_1000=price),
        "vision_file_id": merged.file_id,
        "summary": merged.description,
        "ocr_present": bool(merged.ocr_text),
        "features_hash": merged.features_hash,
        "data": _data(result, merged),
    }


def _data(result: PostResult, merged: MergedAnalysis) -> dict[str, Any]:
    return {
        "analyses": {
            one.file.sha256: one.analysis.model_dump(mode="json")
            for one in result.media
            if one.analysis
        },
        "labels": merged.labels,
        "objects": merged.objects,
        "scene": merged.scene,
        "dominant_colors": merged.dominant_colors,
        "words": sum(a.ocr.words for a in result.analyses if a.ocr),
        "duration_ms": result.duration_ms,
    }


def _reason(result: PostResult) -> AnalysisReason:
    """The most important reason of the post's pictures: a fallback first, then a retry."""
    analyzed = [one for one in result.media if one.analysis]
    if any(one.fallback for one in analyzed):
        return AnalysisReason.FALLBACK
    if all(one.from_cache for one in analyzed):
        return AnalysisReason.CACHE_HIT
    return AnalysisReason.RETRY if any(one.retried for one in analyzed) else AnalysisReason.NEW
