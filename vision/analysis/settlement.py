"""From the looks at a post to its enrichment row and the event that tells of it."""

import hashlib
from datetime import datetime
from typing import Any

from django.conf import settings

from events import outbox
from events.schemas import (
    Classification,
    MediaFile,
    SkipReason,
    VisionAnalyzedEventV1,
    VisionResult,
)
from media.models import Post
from storage_quota import services as quota
from vision.analysis.merge import NOTHING_SEEN, Summary, merge
from vision.analysis.results import Outcome
from vision.limits.prices import microunits, roubles_per_1000
from vision.models import (
    AnalysisReason,
    EnrichmentKind,
    EnrichmentStatus,
    PostEnrichment,
    VisionProviderName,
)
from vision.version import VISION_VERSION


def nothing_new(post: Post, outcome: Outcome) -> bool:
    """
    Whether the same was seen by the same before: then nobody needs to hear of it again.

    So it is with a picture that was asked for again and still has to wait; only its decisions
    are written down anew.
    """
    if outcome.status != EnrichmentStatus.OK or not outcome.analyses:
        return False
    rows = PostEnrichment.objects.filter(
        post=post, kind=EnrichmentKind.VISION, status=EnrichmentStatus.OK,
        params_hash=outcome.params, features_hash=merge(outcome.analyses).features_hash,
    )  # fmt: skip
    return bool(rows.update(metadata={"decisions": outcome.decisions}))


def settle(post: Post, outcome: Outcome, *, asked_at: datetime, now: datetime) -> None:
    """Write the enrichment and tell of it, in the caller's transaction."""
    summary = merge(outcome.analyses) if outcome.analyses else None
    columns = _common_columns(outcome)
    columns |= _seen_columns(outcome, summary, now=now) if summary else UNSEEN_COLUMNS
    PostEnrichment.objects.update_or_create(post=post, kind=EnrichmentKind.VISION, defaults=columns)
    files = [look.file for look in outcome.looks]
    reasons = [
        SkipReason(media_id=look.file.sha256, reason=look.reason, details=look.details[:200])
        for look in outcome.looks
        if look.analysis is None
    ]
    if summary is None:
        outbox.publish(skipped_event(post, files, reasons, asked_at=asked_at))
    else:
        outbox.publish(_analyzed_event(post, outcome, summary, reasons, asked_at=asked_at, now=now))


def _common_columns(outcome: Outcome) -> dict[str, Any]:
    failed = [f"{look.file.sha256[:12]}: {look.refusal}" for look in outcome.looks if look.refusal]
    return {
        "params_hash": outcome.params,
        "status": outcome.status,
        "error": "; ".join(failed)[:500],
        "vision_version": VISION_VERSION,
        "metadata": {"decisions": outcome.decisions},
        "s3_media_keys": [look.file.s3_key for look in outcome.looks],
        "s3_vision_keys": _kept_keys(outcome),
    }


def _kept_keys(outcome: Outcome) -> list[str]:
    """Of the cached results: one that was evicted while the others were looked at is left out."""
    cached = [look.cache_key for look in outcome.looks if look.cache_key]
    held = quota.lock_existing(cached)
    return [key for key in cached if key in held]


UNSEEN_COLUMNS: dict[str, Any] = {
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
    "features_hash": NOTHING_SEEN,
    "data": {},
}
"""What a post says when none of its pictures was seen: nothing of one that was there before."""


def _seen_columns(outcome: Outcome, summary: Summary, *, now: datetime) -> dict[str, Any]:
    tokens = sum(look.tokens for look in outcome.looks)
    price = roubles_per_1000(
        settings.GIGACHAT.model_name, configured=settings.VISION.vision_price_rub_per_1000_tokens
    )
    return {
        "provider": summary.provider,
        "vision_provider": summary.provider,
        "vision_model": summary.model,
        "vision_analyzed_at": now,
        "vision_analysis_reason": _reason(outcome),
        "vision_is_meme": summary.is_meme,
        "vision_classification": _classification(summary).model_dump(),
        "vision_description": summary.description,
        "vision_ocr_text": summary.ocr_text,
        "vision_tokens_used": tokens,
        "vision_cost_microunits": microunits(tokens, per_1000=price),
        "vision_file_id": summary.file_id,
        "summary": summary.description,
        "ocr_present": bool(summary.ocr_text),
        "features_hash": summary.features_hash,
        "data": {
            "analyses": {
                look.file.sha256: look.analysis.model_dump(mode="json")
                for look in outcome.looks
                if look.analysis
            },
            "labels": summary.labels,
            "objects": summary.objects,
            "scene": summary.scene,
            "dominant_colors": summary.dominant_colors,
            "words": sum(a.ocr.words for a in outcome.analyses if a.ocr),
            "duration_ms": outcome.duration_ms,
        },
    }


def _reason(outcome: Outcome) -> AnalysisReason:
    """Of several pictures the one that matters most: what stood in, what was tried again."""
    seen = [look for look in outcome.looks if look.analysis]
    if any(look.fallback for look in seen):
        return AnalysisReason.FALLBACK
    if all(look.from_cache for look in seen):
        return AnalysisReason.CACHE_HIT
    return AnalysisReason.RETRY if any(look.retried for look in seen) else AnalysisReason.NEW


def _classification(summary: Summary) -> Classification:
    return Classification(type=summary.classification, confidence=1.0, tags=summary.labels)


def _analyzed_event(
    post: Post,
    outcome: Outcome,
    summary: Summary,
    reasons: list[SkipReason],
    *,
    asked_at: datetime,
    now: datetime,
) -> VisionAnalyzedEventV1:
    files = [look.file for look in outcome.looks]
    key = f"{post.tenant_id}:{post.pk}:{files[0].sha256}"
    return VisionAnalyzedEventV1(
        tenant_id=str(post.tenant_id),
        idempotency_key=f"{key}:{VISION_VERSION}:{summary.features_hash[:16]}{_when(asked_at)}",
        post_id=str(post.pk),
        channel_id=str(post.channel_id),
        vision_version=VISION_VERSION,
        features_hash=summary.features_hash,
        media=files,
        vision=VisionResult(
            provider=summary.provider,
            model=summary.model,
            classification=_classification(summary),
            description=summary.description,
            ocr_text=summary.ocr_text or None,
            is_meme=summary.is_meme,
            tokens_used=sum(look.tokens for look in outcome.looks),
            file_id=summary.file_id,
            analyzed_at=now,
        ),
        reasons=reasons,
        analysis_duration_ms=outcome.duration_ms,
    )


def skipped_event(
    post: Post,
    files: list[MediaFile],
    reasons: list[SkipReason],
    *,
    asked_at: datetime | None = None,
) -> VisionAnalyzedEventV1:
    ids = hashlib.sha256("".join(r.media_id for r in reasons).encode()).hexdigest()[:16]
    return VisionAnalyzedEventV1(
        tenant_id=str(post.tenant_id),
        idempotency_key=f"{post.tenant_id}:{post.pk}:vision_skipped:{ids}{_when(asked_at)}",
        post_id=str(post.pk),
        channel_id=str(post.channel_id),
        vision_version=VISION_VERSION,
        features_hash=NOTHING_SEEN,
        media=files,
        skipped=True,
        reasons=reasons,
    )


def _when(asked_at: datetime | None) -> str:
    """The same pictures may be asked for again, when an edit brings them back."""
    return f":{int(asked_at.timestamp())}" if asked_at else ""
