"""
Analysis of one picture by the paid provider: at most one call for each picture, ever.

STEPS are tried in order, and the first result wins: the row in the database, the cached document
in the bucket, a duplicate's analysis, and only then the provider. A result with a `fallback` says
why the provider gave no analysis; text recognition then stands in.

Everything slow (fetching, decoding, comparing) is done before the call, which holds one of few
concurrency locks, and no transaction is open while anything slow is done.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.utils import timezone

from storage_quota.object_store import ObjectMissing
from vision import metrics
from vision.analysis import cache, claims, pay_once
from vision.analysis.claims import Claim
from vision.analysis.pay_once import Reuse
from vision.analysis.results import MediaResult
from vision.limits import budget
from vision.models import AnalysisState, PaidAnalysis, PictureHash
from vision.providers.port import Analysis, ProviderRefused
from vision.services import provider_call
from vision.services.ocr import analyze_ocr
from vision.services.paid_request import PaidRequest

logger = logging.getLogger(__name__)


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
    pay_once.record_cached(request.analysis, request.provider, analysis, now=now)
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
    reused = pay_once.reuse_duplicate(
        request.analysis, request.provider, request.duplicates, now=now
    )
    return _result_of(reused.row, request, now=now) if reused else None


def from_provider(request: PaidRequest, *, now: datetime) -> MediaResult:
    # Fetching and comparing took their time: the day and the lease of the claim begin here.
    now = max(now, timezone.now())
    with claims.claim_in_hand() as claim_id:
        admitted = pay_once.admit(
            request.analysis,
            request.provider,
            request.policy,
            request.duplicates,
            claim_id=claim_id,
            lease=provider_call.lease(),
            now=now,
        )
        answer = provider_call.ask(request, admitted) if isinstance(admitted, Claim) else admitted
    if isinstance(answer, Reuse):
        return _result_of(answer.row, request, now=now)
    if answer.reason in budget.REASONS:
        tenant_id = request.analysis.post.tenant_id
        logger.warning(
            "Budget exhausted: tenant %s, %s", tenant_id, answer.reason,
            extra={"tenant_id": str(tenant_id), "reason": answer.reason},
        )  # fmt: skip
    return request.result(fallback=answer.reason, waits=answer.waits)


Step = Callable[..., MediaResult | None]
STEPS: Final[tuple[Step, ...]] = (from_row, from_cache, from_duplicate, from_provider)
"""The first result wins; `from_provider` always has one, so it comes last."""


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
        cache_key=_stored(
            request, analysis, source or request.file.sha256, is_new=is_payer, now=now
        ),
    )


def _source(row: PaidAnalysis) -> tuple[str, int | None]:
    """SHA-256 and distance of the picture whose analysis the row reuses."""
    if not row.is_reused:
        return "", None
    found = PictureHash.objects.filter(tenant_id=row.tenant_id, sha256=row.sha256)
    return found.values_list("same_as", "distance").first() or ("", None)


def _stored(
    request: PaidRequest, analysis: Analysis, sha256: str, *, is_new: bool, now: datetime
) -> str:
    """
    The key of the cached document; written if it was evicted, empty if there is no room.

    `is_new`: it was hardly written before, and writing the same again changes nothing.

    `sha256` is the source's for a duplicate: a document of its own would outlive the mark by
    which people make the two distinct.
    """
    tenant = request.analysis.post.tenant
    key = cache.key_of(tenant.pk, sha256, request.provider)
    is_there = not is_new and cache.is_there(key)
    is_stored = is_there or cache.write(key, analysis, tenant=tenant, now=now)
    return key if is_stored else ""


def _with_ocr(result: MediaResult, request: PaidRequest, *, now: datetime) -> MediaResult:
    # Only a tenant without tokens can be denied the text recognition that stands in.
    if not request.policy.ocr_when_exhausted and result.fallback in budget.REASONS:
        return result
    completed = analyze_ocr(request.analysis.post, result, request.image, now=now)
    logger.info("%s is read with OCR: %s", result.file.sha256[:12], result.fallback)
    return completed
