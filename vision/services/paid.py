"""
Analysis of one picture by the paid provider: at most one call for each picture, ever.

STEPS are tried in order, and the first result wins: the row in the database, the cached document
in the bucket, a duplicate's analysis, and only then the provider. A result with a `fallback` says
why the provider gave no analysis; text recognition then stands in.

Everything slow (fetching, decoding, comparing) is done before the call, which holds one of few
concurrency locks, and no transaction is open while anything slow is done.
"""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from events.errors import RetryLater
from events.retry import Backoff
from events.schemas import MediaFile
from storage_quota.object_store import ObjectMissing
from vision import metrics
from vision.analysis import admission, cache, claims
from vision.analysis.admission import BudgetTerms, Deferred, Reuse
from vision.analysis.claims import AnalysisRequest, Claim
from vision.analysis.failures import failed_call
from vision.analysis.results import MediaResult
from vision.duplicates import reuse
from vision.duplicates.detection import Duplicates
from vision.limits import budget, concurrency
from vision.models import AnalysisState, PaidAnalysis, PictureHash
from vision.policy.decision import Decision
from vision.policy.prompts import compose
from vision.policy.schema import VisionPolicy
from vision.providers.port import Analysis, PaidVision, ProviderBusy, ProviderRefused
from vision.services.ocr import StoredImage, analyze_ocr

logger = logging.getLogger(__name__)
_chance = random.SystemRandom()
_BACKOFF = Backoff()
_LEASE_MARGIN = timedelta(minutes=2)


@dataclass(frozen=True)
class PaidRequest:
    """One picture for the paid provider, with the tenant's policy; fetched when it is needed."""

    analysis: AnalysisRequest
    file: MediaFile
    decision: Decision
    provider: PaidVision
    policy: VisionPolicy

    @cached_property
    def image(self) -> StoredImage:
        return StoredImage(self.file.s3_key)

    @cached_property
    def prepared(self) -> bytes:
        """The picture as it is sent. Raises ObjectMissing and ProviderRefused."""
        return self.provider.prepare(self.image.body)

    @cached_property
    def duplicates(self) -> Duplicates:
        return reuse.find_duplicates(
            tenant=self.analysis.post.tenant,
            sha256=self.analysis.sha256,
            image=self.image.body,
            provider=self.provider,
        )

    @property
    def terms(self) -> BudgetTerms:
        limits = budget.limits_of(self.analysis.post.tenant, self.policy)
        return BudgetTerms(limits, self.policy.limits.max_queue_depth)

    @property
    def prompt(self) -> str:
        return compose(self.policy.prompt_presets, self.decision.prompt_key)

    def result(self, **fields: Any) -> MediaResult:
        return MediaResult(self.file, self.decision, **fields)


def analyze_paid(request: PaidRequest, *, now: datetime) -> MediaResult:
    """
    The analysis of the picture, from the first step that has one, or a fallback.

    Raises RetryLater where the same work will succeed later: another worker is asking about the
    picture, the concurrency limit is reached, or the provider is busy and has not been tried
    often enough.
    """
    result = next(found for step in STEPS if (found := step(request, now=now)))
    return _with_ocr(result, request, now=now) if result.fallback else result


def from_row(request: PaidRequest, *, now: datetime) -> MediaResult | None:
    row = claims.finished(request.analysis, request.provider)
    return _result_of(row, request, now=now) if row else None


def from_cache(request: PaidRequest, *, now: datetime) -> MediaResult | None:
    """A cached document is enough, also without a row: it has been paid for (CONTRACT §2.5)."""
    key = cache.key_of(request.analysis.post.tenant_id, request.file.sha256, request.provider)
    analysis = cache.read(key)
    if analysis is None:
        return None
    claims.record_cached(request.analysis, request.provider, analysis, now=now)
    metrics.CACHE_HITS.labels("s3").inc()
    return request.result(analysis=analysis, from_cache=True, cache_key=key)


def from_duplicate(request: PaidRequest, *, now: datetime) -> MediaResult | None:
    """The first step that needs the picture: fetches and prepares it for the provider, too."""
    try:
        request.prepared  # noqa: B018 - a picture that cannot be sent needs no comparing
    except ObjectMissing as missing:
        return request.result(refusal="s3_missing", details=str(missing))
    except ProviderRefused as refusal:
        return request.result(fallback=refusal.reason, details=str(refusal))
    if not request.duplicates.same:
        return None
    reused = admission.reuse_duplicate(
        request.analysis, request.provider, request.duplicates, now=now
    )
    return _result_of(reused.row, request, now=now) if reused else None


def from_provider(request: PaidRequest, *, now: datetime) -> MediaResult:
    with claims.claim_lock() as claim_id:
        admitted = admission.admit(
            request.analysis,
            request.provider,
            request.terms,
            request.duplicates,
            claim_id=claim_id,
            lease=_lease(),
            now=now,
        )
        answer = _ask(request, admitted) if isinstance(admitted, Claim) else admitted
    if isinstance(answer, Reuse):
        return _result_of(answer.row, request, now=now)
    if answer.reason in budget.REASONS:
        tenant_id = request.analysis.post.tenant_id
        logger.warning("Budget exhausted: tenant %s, %s", tenant_id, answer.reason)
    return request.result(fallback=answer.reason, waits=answer.waits)


Step = Callable[..., MediaResult | None]
STEPS: Final[tuple[Step, ...]] = (from_row, from_cache, from_duplicate, from_provider)
"""The first result wins; `from_provider` always has one, so it comes last."""


def concurrency_limit() -> int:
    """Calls of the provider that may be in progress at once, over all tenants and hosts."""
    return int(settings.GIGACHAT.concurrent_requests)


def _ask(request: PaidRequest, claim: Claim) -> Reuse | Deferred:
    """Call the provider and settle the claim, whatever comes of it."""
    provider, post = request.provider, request.analysis.post
    try:
        analysis = _call(request)
    except concurrency.LimitReached:
        claims.cancel(claim)
        raise
    except (ProviderBusy, ProviderRefused) as error:
        metrics.REQUESTS.labels("error", provider.name, str(post.tenant_id)).inc()
        return _settle_failure(request, claim, error)
    metrics.REQUESTS.labels("success", provider.name, str(post.tenant_id)).inc()
    return Reuse(claims.settle_answer(claim, analysis, post=post, now=timezone.now()))


def _call(request: PaidRequest) -> Analysis:
    """The network call and nothing else, within the concurrency limits."""
    provider, prompt, prepared = request.provider, request.prompt, request.prepared
    with concurrency.acquire_all(_limits(request), is_recent=request.analysis.is_recent):
        started = time.monotonic()
        analysis = provider.ask(prepared, prompt=prompt, now=timezone.now())
        seconds = time.monotonic() - started
    has_ocr = str(analysis.ocr is not None).lower()
    metrics.DURATION.labels(provider.name, has_ocr).observe(seconds)
    return analysis


def _limits(request: PaidRequest) -> list[tuple[str, int]]:
    """The tenant's limit before that of all: who waits for the first holds none of the other."""
    name, total = f"vision:{request.provider.name}", concurrency_limit()
    own = _tenant_limit(request)
    tenant = [(f"{name}:{request.analysis.post.tenant_id}", own)] if own < total else []
    return [*tenant, (name, total)]


def _tenant_limit(request: PaidRequest) -> int:
    """
    The policy's limit, within that of all tenants. An explicit GIGACHAT_MAX_CONCURRENT_REQUESTS
    replaces what the policy file says, but not what the tenant's own settings say.
    """
    total, configured = concurrency_limit(), settings.GIGACHAT.max_concurrent_requests
    own = budget.own_limits(request.analysis.post.tenant)
    if configured and "max_concurrent_requests" not in own:
        return total
    return min(total, request.policy.limits.max_concurrent_requests)


def _settle_failure(
    request: PaidRequest, claim: Claim, error: ProviderBusy | ProviderRefused
) -> Reuse | Deferred:
    now = timezone.now()
    row = claims.settle_failure(
        claim,
        failed_call(error, now=now),
        queue_depth=request.terms.queue_depth,
        post=request.analysis.post,
        now=now,
    )
    logger.warning("%s: %s", error.error_class, error)
    if row.state in claims.FINISHED:
        return Reuse(row)
    if row.state == AnalysisState.REQUESTED and row.attempts:
        metrics.RETRIES.labels("analyze").inc()
        wait = _BACKOFF.delay(row.attempts, chance=_chance)
        wanted = error.after if isinstance(error, ProviderBusy) else None
        raise RetryLater(str(error), after=max(wait, wanted or wait)) from error
    return Deferred(error.error_class, waits=row.state == AnalysisState.WAITING)


def _result_of(row: PaidAnalysis, request: PaidRequest, *, now: datetime) -> MediaResult:
    """The result of a finished row for this post; only the post that asked pays the tokens."""
    is_payer = row.paid_by_id == request.analysis.post.pk
    tokens, retried = (row.total_tokens, row.calls > 1) if is_payer else (0, False)
    if row.state == AnalysisState.FAILED or row.analysis is None:
        return request.result(
            tokens=tokens,
            retried=retried,
            fallback=row.reason or row.error_class,
            details=row.error,
        )
    if not is_payer:
        metrics.CACHE_HITS.labels("phash" if row.is_reused else "row").inc()
    analysis = Analysis.model_validate(row.analysis)
    source, distance = _source(row)
    return request.result(
        analysis=analysis,
        tokens=tokens,
        retried=retried,
        from_cache=not is_payer,
        same_as=source,
        distance=distance,
        cache_key=_stored(request, analysis, source or request.file.sha256, now=now),
    )


def _source(row: PaidAnalysis) -> tuple[str, int | None]:
    """SHA-256 and distance of the picture whose analysis the row reuses."""
    if not row.is_reused:
        return "", None
    found = PictureHash.objects.filter(tenant_id=row.tenant_id, sha256=row.sha256)
    return found.values_list("same_as", "distance").first() or ("", None)


def _stored(request: PaidRequest, analysis: Analysis, sha256: str, *, now: datetime) -> str:
    """
    The key of the cached document; written if it was evicted, empty if there is no room.

    `sha256` is the source's for a duplicate: a document of its own would outlive the mark by
    which people make the two distinct.
    """
    tenant = request.analysis.post.tenant
    key = cache.key_of(tenant.pk, sha256, request.provider)
    is_stored = cache.is_there(key) or cache.write(key, analysis, tenant=tenant, now=now)
    return key if is_stored else ""


def _with_ocr(result: MediaResult, request: PaidRequest, *, now: datetime) -> MediaResult:
    # Only a tenant without tokens can be denied the text recognition that stands in.
    if not request.policy.ocr_when_exhausted and result.fallback in budget.REASONS:
        return result
    completed = analyze_ocr(request.analysis.post, result, request.image, now=now)
    logger.info("%s is read with OCR: %s", result.file.sha256[:12], result.fallback)
    return completed


def _lease() -> timedelta:
    """Upload, question and deletion may each take the timeout, after waiting for the limit."""
    calls = 3 * timedelta(seconds=settings.GIGACHAT.vision_timeout)
    return concurrency.PATIENCE + calls + _LEASE_MARGIN
