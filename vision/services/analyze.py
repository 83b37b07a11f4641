"""Analysis of a post's media: decide about each file, analyze, save everything together."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from events.logs.log_context import about
from events.postgresql import one_trip
from events.postgresql.prepared import Prepared
from events.schemas import MediaFile, VisionUploadedEventV1
from events.sentences import Sentence, gettext_noop
from media.metrics import count_analyzed
from media.models import MediaRole, Post, PostMedia
from media.picture_structure import PictureDefect
from media.services.defects import record_defect
from vision import metrics, providers
from vision.analysis import backlog, cache, enrichment
from vision.analysis.claims import AnalysisRequest
from vision.analysis.recency import is_recent_post
from vision.analysis.results import MediaResult, PostResult, params_hash
from vision.limits import budget
from vision.models import EnrichmentKind, EnrichmentStatus, PostEnrichment
from vision.policy import decision as rules
from vision.policy import language
from vision.policy.decision import Decision, FileFacts
from vision.policy.loader import current_policy
from vision.policy.routing import Route, route
from vision.policy.schema import VisionPolicy
from vision.providers.port import PaidVision
from vision.services.ocr import StoredImage, analyze_ocr
from vision.services.paid import analyze_paid
from vision.services.paid_request import PaidRequest

DEFECTS = frozenset(defect.value for defect in PictureDefect)
REPLACED = gettext_noop("another picture is there now")
_OUTCOMES = {"analyzed": "success", "read": "success", "skipped": "skipped", "failed": "error"}


_ANALYZED = Sentence(gettext_noop("%(done)s of %(media)s analyzed"))


@dataclass(frozen=True, slots=True)
class PostRequest:
    """A post whose media are to be analyzed, with the tenant's policy and paid provider."""

    event: VisionUploadedEventV1
    post: Post
    policy: VisionPolicy
    paid: PaidVision | None


@dataclass(frozen=True, slots=True)
class Planned:
    """One file of the post, and what is to be done with it."""

    file: MediaFile
    decision: Decision
    route: Route


def is_recent(event: VisionUploadedEventV1) -> bool:
    """Whether the event's post counts as recent."""
    return is_recent_post(event.posted_at, at=event.uploaded_at)


def analyze_post(event: VisionUploadedEventV1, *, now: datetime) -> str:
    """
    Analyze the media of the event's post. Idempotent: what is up to date is left alone.

    Raises RetryLater where the store or the provider is away. A picture that cannot be read
    becomes a reason in the result, never an endless retry.
    """
    post = _read(event)
    if post is None:
        return gettext_noop("post not found")
    if _differ(event.media_files, post.shown):
        return REPLACED
    request = PostRequest(event, post, current_policy(post.tenant), providers.get_gigachat())
    plan = _plan(request, now=now)
    _put_off_unwanted(plan, request, now=now)
    # False for what failed, or was read by OCR in place of the paid provider: tried again.
    if post.analyzed_with == _wanted_params(plan, request.paid):
        return gettext_noop("analyzed already")
    started = time.monotonic()
    media = [_analyze(one, request, now=now) for one in plan]
    result = PostResult(media, int((time.monotonic() - started) * 1000))
    _record_defects(post, result)
    return _settle(post, result, event, now=now)


def record_failure(*, failed: VisionUploadedEventV1, code: str, details: str) -> str:
    """Save that the analysis of a post was given up, so that no album waits for it."""
    post = Post.objects.filter(pk=failed.post_id, tenant_id=failed.tenant_id).first()
    if post is None:
        return gettext_noop("post not found")
    with transaction.atomic():
        _lock(post)
        if _is_replaced(post, failed.media_files) or _is_decided(post, failed.media_files):
            return gettext_noop("analyzed meanwhile")
        enrichment.save_failure(
            post, failed.media_files, code=code, details=details, requested_at=failed.uploaded_at
        )
    return "recorded"


def _lock(post: Post) -> tuple[Any, ...]:
    """
    Analyses of one post are saved one after the other, and not while an edit is saved.

    Returns what `_posts_to_analyze` adds, as it is now.
    """
    locked, found = one_trip.fetch(
        _LOCKED.statement(pk=post.pk), _ANALYZED_NOW.statement(pk=post.pk)
    )
    if not locked:
        raise Post.DoesNotExist(f"post {post.pk} is gone")
    return found[0]


def _read(event: VisionUploadedEventV1) -> Any:
    """The event's post with its channel and tenant, as `_posts_to_analyze`; None if there is none."""
    return next(iter(_POST.objects(pk=UUID(event.post_id), tenant_id=UUID(event.tenant_id))), None)


def _posts_to_analyze() -> QuerySet[Any, Any]:
    """
    Posts with what an analysis depends on, in the same statement.

    `shown` are the SHA-256 of their media, `analyzed_with` is the params_hash of their analysis.
    """
    analyzed = PostEnrichment.objects.filter(
        post=OuterRef("pk"), kind=EnrichmentKind.VISION, status=EnrichmentStatus.OK
    )
    return Post.objects.annotate(
        shown=ArraySubquery(_shown().filter(post=OuterRef("pk"))),
        analyzed_with=Subquery(analyzed.values("params_hash")),
    )


_POST = Prepared(
    lambda **keys: _posts_to_analyze().select_related("channel", "tenant").filter(**keys),
    pk=uuid4(),
    tenant_id=uuid4(),
)
_LOCKED = Prepared(
    # The key only: a row has a hundred times as much to send and to parse.
    lambda pk: Post.objects.select_for_update(no_key=True).filter(pk=pk).values_list("pk"),
    pk=uuid4(),
)
_ANALYZED_NOW = Prepared(
    lambda pk: _posts_to_analyze().filter(pk=pk).values_list("shown", "analyzed_with"), pk=uuid4()
)


def _shown() -> QuerySet[PostMedia, str]:
    """SHA-256 of the media that posts show; rows of `PostMedia`."""
    rows = PostMedia.objects.exclude(role=MediaRole.THUMBNAIL)
    return rows.values_list("media_object__file_sha256", flat=True)


def _is_replaced(post: Post, files: Sequence[MediaFile]) -> bool:
    """Whether an edit has replaced the post's media since the event was published."""
    return _differ(files, _shown().filter(post=post))


def _differ(files: Sequence[MediaFile], shown: Iterable[str]) -> bool:
    contents = set(shown)
    return bool(contents) and {f.sha256 for f in files} != contents


def _is_decided(post: Post, files: Sequence[MediaFile]) -> bool:
    """Whether a decision about each of these files is saved."""
    row = PostEnrichment.objects.filter(post=post, kind=EnrichmentKind.VISION).first()
    decisions = row.metadata.get("decisions", []) if row else []
    return {f.sha256 for f in files} <= {decision["sha256"] for decision in decisions}


def _wanted_params(plan: Sequence[Planned], paid: PaidVision | None) -> str:
    """The params_hash of a result in which no provider stands in for another."""
    models = {
        Route.SKIP: "",
        Route.UNSUPPORTED: "",
        Route.OCR: providers.get_ocr().model,
        Route.PAID: paid.model if paid else "",
    }
    return params_hash({one.file.sha256: models[one.route] for one in plan})


def _plan(request: PostRequest, *, now: datetime) -> list[Planned]:
    post, files = request.post, request.event.media_files
    # Sampling chooses among several pictures: only then text and spent tokens matter.
    is_choice, has_paid = len(files) > 1, request.paid is not None
    decisions = rules.decide_post(
        request.policy,
        channel=post.channel.username,
        files=_candidates(post, files, request.policy) if is_choice else _bare(files),
        vision_available=has_paid,
        language=language.detect(post.content, named=request.policy.routing.skip_if_lang_not_in),
        is_album=post.grouped_id is not None,
        tokens_used_today=budget.spent(post.tenant, now).day if has_paid and is_choice else 0,
    )
    for decision in decisions:
        metrics.DECISIONS.labels(_verdict(decision), decision.reason).inc()
    return [
        Planned(f, d, route(d, mime=f.mime_type, policy=request.policy, has_paid=has_paid))
        for f, d in zip(files, decisions, strict=True)
    ]


def _put_off_unwanted(plan: Sequence[Planned], request: PostRequest, *, now: datetime) -> None:
    """Let pictures of the backlog rest that are not for the paid provider, if there is one."""
    unwanted = [one.file.sha256 for one in plan if one.route is not Route.PAID]
    if unwanted and request.paid is not None:
        backlog.put_off(request.post.tenant_id, unwanted, now=now)


def _bare(files: Sequence[MediaFile]) -> list[FileFacts]:
    return [FileFacts(f.sha256, f.mime_type, f.size_bytes) for f in files]


def _candidates(post: Post, files: Sequence[MediaFile], policy: VisionPolicy) -> list[FileFacts]:
    """The files with what is known of their text, where the policy prefers pictures with text."""
    if not policy.sampling.prefer_with_text_overlay:
        return _bare(files)
    return [replace(one, has_text=_has_text(post, one.sha256)) for one in _bare(files)]


def _has_text(post: Post, sha256: str) -> bool:
    """Whether text recognition has found text earlier; the cache only, nothing is read now."""
    known = cache.read(cache.key_of(post.tenant_id, sha256, providers.get_ocr()))
    return known is not None and known.ocr is not None


def _verdict(decision: Decision) -> str:
    if decision.skip:
        return "skip"
    return "ocr" if decision.use_ocr else "vision"


def _analyze(planned: Planned, request: PostRequest, *, now: datetime) -> MediaResult:
    started = time.monotonic()
    with about(sha256=planned.file.sha256):
        result = _routed(planned, request, now=now)
    return replace(result, seconds=time.monotonic() - started)


def _routed(planned: Planned, request: PostRequest, *, now: datetime) -> MediaResult:
    post, file = request.post, planned.file
    result = MediaResult(file, planned.decision)
    if planned.route is Route.OCR:
        return analyze_ocr(post, result, StoredImage(file.s3_key), now=now)
    if planned.route is Route.PAID and request.paid is not None:
        return analyze_paid(_paid_request(planned, request, request.paid), now=now)
    if planned.route is Route.UNSUPPORTED:
        return replace(result, fallback="documents_not_analyzed")
    return result


def _paid_request(planned: Planned, request: PostRequest, paid: PaidVision) -> PaidRequest:
    event = request.event
    analysis = AnalysisRequest(
        request.post,
        planned.file.sha256,
        is_recent=is_recent(event),
        is_reanalysis=bool(event.reanalysis),
    )
    return PaidRequest(analysis, planned.file, planned.decision, paid, request.policy)


def _record_defects(post: Post, result: PostResult) -> None:
    """Add pictures that could not be decoded to the problems of the import that brought them."""
    for one in result.media:
        if one.reason in DEFECTS:
            record_defect(
                post=post,
                sha256=one.file.sha256,
                defect=PictureDefect(one.reason),
                detail=one.details,
            )


def _count(post: Post, result: PostResult, event: VisionUploadedEventV1) -> None:
    """Count what is saved; the time of a reanalysis says nothing of how long posts wait."""
    for one in result.media:
        count_analyzed(post.media_kind, _OUTCOMES[one.outcome], one.seconds)
    if not event.reanalysis:
        backfill = str(not is_recent(event)).lower()
        waited = (timezone.now() - event.uploaded_at).total_seconds()
        metrics.EVENT_SECONDS.labels(backfill).observe(max(waited, 0.0))


def _settle(post: Post, result: PostResult, event: VisionUploadedEventV1, *, now: datetime) -> str:
    with transaction.atomic():
        # Once more: an edit may have replaced the media while they were analyzed.
        shown, analyzed_with = _lock(post)
        if _differ(event.media_files, shown):
            return REPLACED
        is_same = analyzed_with == result.params
        if is_same and enrichment.refresh_unchanged(post, result):
            return gettext_noop("still the same")
        enrichment.save(post, result, requested_at=event.uploaded_at, now=now)
    _count(post, result, event)
    return _ANALYZED % {"done": len(result.analyses), "media": len(result.media)}
