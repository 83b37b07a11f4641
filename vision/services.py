"""Look at the media of a post: decide, look (or remember), settle."""

import hashlib
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import transaction

from events import bus
from events.schemas import MediaFile, SkipReason, VisionUploadedEventV1
from media.models import MediaRole, Post, PostMedia
from storage_quota.object_store import ObjectMissing, get_store
from vision import cache, policy, prompts, settlement
from vision.looks import Look, Outcome
from vision.models import (
    EnrichmentKind,
    EnrichmentStatus,
    PostEnrichment,
)
from vision.policy import Candidate
from vision.policy_schema import VisionPolicy
from vision.providers import get_ocr
from vision.providers.port import ProviderRefused, VisionProvider
from vision.version import VISION_VERSION

logger = logging.getLogger(__name__)


def analyze_post(event: VisionUploadedEventV1, *, now: datetime) -> str:
    """
    Idempotent: what was analyzed at this version with the same pictures is left alone.

    RetryLater where the store or the provider is away; a picture that cannot be read
    becomes a reason, never an endless retry.
    """
    post = (
        Post.objects.select_related("channel", "tenant")
        .filter(pk=event.post_id, tenant_id=event.tenant_id)
        .first()
    )
    if post is None:
        return "post not found"
    if _superseded(post, event.media_files):
        return "another picture is there now"
    provider = get_ocr()
    params = params_hash(provider, event.media_files)
    if _settled_already(post, params):
        return "analyzed already"
    started = time.monotonic()
    outcome = Outcome([_look(post, look, provider, now=now) for look in _decide(post, event)])
    outcome.duration_ms = int((time.monotonic() - started) * 1000)
    with transaction.atomic():
        Post.objects.select_for_update(no_key=True).get(pk=post.pk)
        if _superseded(post, event.media_files):
            return "another picture is there now"
        settlement.settle(post, outcome, params=params, asked_at=event.uploaded_at, now=now)
    return f"{len(outcome.analyses)} of {len(outcome.looks)} analyzed"


def record_failure(*, failed: VisionUploadedEventV1, code: str, details: str) -> str:
    """The analysis of a post was given up: write that down, so that nobody waits for it."""
    post = Post.objects.filter(pk=failed.post_id, tenant_id=failed.tenant_id).first()
    if post is None:
        return "post not found"
    with transaction.atomic():
        Post.objects.select_for_update(no_key=True).get(pk=post.pk)
        if _superseded(post, failed.media_files) or _seen(post, failed.media_files):
            return "analyzed meanwhile"
        decisions = [
            {"sha256": f.sha256, "outcome": "failed", "reason": "analysis_failed", "details": code}
            for f in failed.media_files
        ]
        PostEnrichment.objects.update_or_create(
            post=post,
            kind=EnrichmentKind.VISION,
            defaults={
                **settlement.UNSEEN_COLUMNS,
                "params_hash": "",
                "status": EnrichmentStatus.ERROR,
                "error": f"{code}: {details}"[:500],
                "metadata": {"decisions": decisions},
                "s3_media_keys": [f.s3_key for f in failed.media_files],
                "s3_vision_keys": [],
            },
        )
        reasons = [
            SkipReason(media_id=f.sha256, reason="analysis_failed", details=code)
            for f in failed.media_files
        ]
        bus.publish(
            settlement.skipped_event(post, failed.media_files, reasons, asked_at=failed.uploaded_at)
        )
    return "recorded"


def _superseded(post: Post, files: Sequence[MediaFile]) -> bool:
    """Whether an edit has put other media into the post since it was asked to be looked at."""
    shown = PostMedia.objects.filter(post=post).exclude(role=MediaRole.THUMBNAIL)
    contents = set(shown.values_list("media_object__file_sha256", flat=True))
    return bool(contents) and {f.sha256 for f in files} != contents


def _seen(post: Post, files: Sequence[MediaFile]) -> bool:
    row = PostEnrichment.objects.filter(post=post, kind=EnrichmentKind.VISION).first()
    decisions = row.metadata.get("decisions", []) if row else []
    return {f.sha256 for f in files} <= {decision["sha256"] for decision in decisions}


@lru_cache(maxsize=4)
def _policy_at(path: Path, _changed_ns: int) -> VisionPolicy:
    return policy.load_policy(path)


def current_policy() -> VisionPolicy:
    """The policy file as it is now: an edit counts from the next post on."""
    path = settings.VISION.vision_policy_config_path
    changed_ns = path.stat().st_mtime_ns if path.exists() else 0
    return _policy_at(path, changed_ns)


def params_hash(provider: VisionProvider, files: Sequence[MediaFile]) -> str:
    """SHA-256 of model, version and inputs (CONTRACT §2.6)."""
    inputs = ",".join(sorted(f.sha256 for f in files))
    return hashlib.sha256(f"{provider.model}|{VISION_VERSION}|{inputs}".encode()).hexdigest()


def _settled_already(post: Post, params: str) -> bool:
    """What failed is tried again when it is asked for again: a time limit, a missing object."""
    return PostEnrichment.objects.filter(
        post=post, kind=EnrichmentKind.VISION, params_hash=params, status=EnrichmentStatus.OK
    ).exists()


def _decide(post: Post, event: VisionUploadedEventV1) -> list[Look]:
    decisions = policy.decide_post(
        current_policy(),
        channel=post.channel.username,
        files=[Candidate(f.sha256, f.mime_type, f.size_bytes) for f in event.media_files],
        vision_available=False,
        is_album=post.grouped_id is not None,
    )
    return [Look(f, d) for f, d in zip(event.media_files, decisions, strict=True)]


def _look(post: Post, look: Look, provider: VisionProvider, *, now: datetime) -> Look:
    if look.decision.skip:
        return look
    key = cache.key_of(post.tenant_id, look.file.sha256, provider)
    look.analysis = cache.read(key)
    look.from_cache = look.analysis is not None
    if look.analysis is None:
        _ask(look, provider, now=now)
    if look.from_cache or (
        look.analysis and cache.write(key, look.analysis, tenant=post.tenant, now=now)
    ):
        look.cache_key = key
    return look


def _ask(look: Look, provider: VisionProvider, *, now: datetime) -> None:
    try:
        with get_store().open(look.file.s3_key) as file:
            image = file.read()
        look.analysis = provider.analyze(
            image,
            mime=look.file.mime_type,
            prompt=prompts.compose(current_policy().prompt_presets, look.decision.prompt_key),
            now=now,
        )
    except ObjectMissing as missing:
        look.refusal, look.details = "s3_missing", str(missing)
    except ProviderRefused as refusal:
        look.refusal, look.details = refusal.reason, str(refusal)
    if look.refusal:
        logger.info("%s is not analyzed: %s", look.file.sha256, look.refusal)
