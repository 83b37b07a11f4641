"""The media of one post: decide, look at each, settle together."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.db import transaction

from events import outbox
from events.schemas import MediaFile, SkipReason, VisionUploadedEventV1
from media.models import MediaRole, Post, PostMedia
from vision import metrics, providers
from vision.analysis import cache, settlement
from vision.analysis.claims import Picture
from vision.analysis.results import Look, Outcome, params_hash
from vision.limits import budget
from vision.models import EnrichmentKind, EnrichmentStatus, PostEnrichment
from vision.policy import decision as policy
from vision.policy import language
from vision.policy.decision import Decision, FileFacts
from vision.policy.loader import current_policy
from vision.policy.schema import VisionPolicy
from vision.providers.port import PaidVision
from vision.services.ocr import read
from vision.services.paid import Question, ask


def is_live(event: VisionUploadedEventV1) -> bool:
    """
    Whether the post was fresh when it came in (VISION_LIVE_HOURS); unknown counts as fresh.

    Old posts, those of an import, are looked at beside fresh ones, never before them.
    """
    if event.posted_at is None:
        return True
    age = event.uploaded_at - event.posted_at
    return age.total_seconds() <= settings.VISION.vision_live_hours * 3600


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
    rules, paid = current_policy(post.tenant), providers.get_gigachat()
    looks = _decide(post, event, rules, paid, now=now)
    if _settled_already(post, _wanted(looks, rules, paid)):
        return "analyzed already"
    started = time.monotonic()
    for look in looks:
        _look(post, look, event, rules, paid, now=now)
    outcome = Outcome(looks, int((time.monotonic() - started) * 1000))
    return _settle(post, outcome, event, now=now)


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
        outbox.publish(
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


def _settled_already(post: Post, params: str) -> bool:
    """What failed, or was read where a real look was wanted, is tried again when asked for again."""
    return PostEnrichment.objects.filter(
        post=post, kind=EnrichmentKind.VISION, params_hash=params, status=EnrichmentStatus.OK
    ).exists()


def _wanted(looks: Sequence[Look], rules: VisionPolicy, paid: PaidVision | None) -> str:
    """The hash of an outcome in which everybody looked who should."""
    return params_hash({look.file.sha256: _model(look, rules, paid) for look in looks})


def _model(look: Look, rules: VisionPolicy, paid: PaidVision | None) -> str:
    if look.decision.skip:
        return ""
    if look.decision.use_ocr or paid is None:
        return providers.get_ocr().model
    return paid.model if _is_picture(look, rules) else ""


def _decide(
    post: Post,
    event: VisionUploadedEventV1,
    rules: VisionPolicy,
    paid: PaidVision | None,
    *,
    now: datetime,
) -> list[Look]:
    choosing = len(event.media_files) > 1  # of a single picture nothing is left out
    decisions = policy.decide_post(
        rules,
        channel=post.channel.username,
        files=_candidates(post, event.media_files, rules) if choosing else _bare(event.media_files),
        vision_available=paid is not None,
        language=language.detect(post.content),
        is_album=post.grouped_id is not None,
        tokens_used_today=budget.spent(post.tenant, now).day if paid and choosing else 0,
    )
    for decision in decisions:
        metrics.DECISIONS.labels(_verdict(decision), decision.reason).inc()
    return [Look(f, d) for f, d in zip(event.media_files, decisions, strict=True)]


def _bare(files: Sequence[MediaFile]) -> list[FileFacts]:
    return [FileFacts(f.sha256, f.mime_type, f.size_bytes) for f in files]


def _candidates(post: Post, files: Sequence[MediaFile], rules: VisionPolicy) -> list[FileFacts]:
    """With what is known of their text, where pictures with text come first."""
    if not rules.sampling.prefer_with_text_overlay:
        return _bare(files)
    return [replace(one, has_text=_has_text(post, one.sha256)) for one in _bare(files)]


def _has_text(post: Post, sha256: str) -> bool:
    """As far as text recognition has read it before."""
    known = cache.read(cache.key_of(post.tenant_id, sha256, providers.get_ocr()))
    return known is not None and known.ocr is not None


def _verdict(decision: Decision) -> str:
    if decision.skip:
        return "skip"
    return "ocr" if decision.use_ocr else "vision"


def _look(
    post: Post,
    look: Look,
    event: VisionUploadedEventV1,
    rules: VisionPolicy,
    paid: PaidVision | None,
    *,
    now: datetime,
) -> None:
    if look.decision.skip:
        return
    if look.decision.use_ocr or paid is None:
        read(post, look, now=now)
    elif _is_picture(look, rules):
        picture = Picture(post, look.file.sha256, live=is_live(event), again=bool(event.reanalysis))
        ask(Question(picture, paid, rules), look, now=now)
    else:
        look.fallback = "documents_not_looked_at"


def _is_picture(look: Look, rules: VisionPolicy) -> bool:
    return policy.mime_key(look.file.mime_type) in rules.allowed_mime_types.images


def _settle(post: Post, outcome: Outcome, event: VisionUploadedEventV1, *, now: datetime) -> str:
    with transaction.atomic():
        Post.objects.select_for_update(no_key=True).get(pk=post.pk)
        if _superseded(post, event.media_files):
            return "another picture is there now"
        if settlement.nothing_new(post, outcome):
            return "still the same"
        settlement.settle(post, outcome, asked_at=event.uploaded_at, now=now)
    return f"{len(outcome.analyses)} of {len(outcome.looks)} analyzed"
