"""The events `posts.vision.analyzed`: what was found in a post, or why nothing was."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from events.schemas import (
    Classification,
    MediaFile,
    SkipReason,
    VisionAnalyzedEventV1,
    VisionResult,
)
from media.models import Post
from vision.analysis.merge import NO_FEATURES_HASH, MergedAnalysis
from vision.analysis.results import PostResult
from vision.version import VISION_VERSION


def classification(merged: MergedAnalysis) -> Classification:
    return Classification(type=merged.classification, confidence=1.0, tags=merged.labels)


def analyzed(
    post: Post,
    result: PostResult,
    merged: MergedAnalysis,
    reasons: list[SkipReason],
    *,
    requested_at: datetime,
    now: datetime,
) -> VisionAnalyzedEventV1:
    key = f"{post.tenant_id}:{post.pk}:{result.files[0].sha256}"
    features = merged.features_hash[:16]
    return VisionAnalyzedEventV1(
        tenant_id=str(post.tenant_id),
        idempotency_key=f"{key}:{VISION_VERSION}:{features}{_suffix(requested_at)}",
        post_id=str(post.pk),
        channel_id=str(post.channel_id),
        vision_version=VISION_VERSION,
        features_hash=merged.features_hash,
        media=result.files,
        vision=VisionResult(
            provider=merged.provider,
            model=merged.model,
            classification=classification(merged),
            description=merged.description,
            ocr_text=merged.ocr_text or None,
            is_meme=merged.is_meme,
            tokens_used=result.tokens,
            file_id=merged.file_id,
            analyzed_at=now,
        ),
        reasons=reasons,
        analysis_duration_ms=result.duration_ms,
    )


def skipped(
    post: Post, files: Sequence[MediaFile], reasons: list[SkipReason], *, requested_at: datetime
) -> VisionAnalyzedEventV1:
    ids = hashlib.sha256("".join(r.media_id for r in reasons).encode()).hexdigest()[:16]
    key = f"{post.tenant_id}:{post.pk}:vision_skipped:{ids}"
    return VisionAnalyzedEventV1(
        tenant_id=str(post.tenant_id),
        idempotency_key=f"{key}{_suffix(requested_at)}",
        post_id=str(post.pk),
        channel_id=str(post.channel_id),
        vision_version=VISION_VERSION,
        features_hash=NO_FEATURES_HASH,
        media=list(files),
        skipped=True,
        reasons=reasons,
    )


def _suffix(requested_at: datetime) -> str:
    """The same pictures may be requested again, for instance when an edit brings them back."""
    return f":{int(requested_at.timestamp())}"
