"""
Look at one picture with the paid provider, or find out why not now.

In this order: the row, the bucket, pictures that show the same, the claim. Everything that takes
time (fetching, decoding, waiting for a slot) is done before the slot, and no transaction is open
while somebody works.
"""

import logging
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from events.errors import RetryLater
from events.retry import Backoff
from vision import metrics
from vision.analysis import cache, claims
from vision.analysis.claims import Claim, Failure, NotNow, Picture, Terms
from vision.analysis.results import Look
from vision.duplicates import reuse
from vision.limits import budget, circuit_breaker, concurrency
from vision.models import LookState, PictureLook
from vision.policy.prompts import compose
from vision.policy.schema import VisionPolicy
from vision.providers.port import (
    Analysis,
    ErrorClass,
    PaidVision,
    ProviderBusy,
    ProviderMisconfigured,
    ProviderRefused,
)
from vision.services import ocr as read

logger = logging.getLogger(__name__)
_chance = random.SystemRandom()
_BACKOFF = Backoff()
_COUNT_FOR_THE_BREAKER = {ErrorClass.RETRYABLE_NETWORK, ErrorClass.RETRYABLE_SERVER_ERROR}
_CALL_MARGIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Question:
    """One picture for the paid provider, with what the tenant's policy says about it."""

    picture: Picture
    provider: PaidVision
    policy: VisionPolicy

    @property
    def terms(self) -> Terms:
        ceilings = budget.ceilings(self.picture.post.tenant, self.policy)
        return Terms(ceilings, self.policy.limits.max_queue_depth)

    @property
    def slots_of_tenant(self) -> int:
        """What the operator sets explicitly wins over the file, as with tokens."""
        total, configured = total_slots(), settings.GIGACHAT.max_concurrent_requests
        own = self.policy.limits.max_concurrent_requests
        overridden = "max_concurrent_requests" in budget.own_limits(self.picture.post.tenant)
        return total if configured and not overridden else min(total, own)


def total_slots() -> int:
    return int(settings.GIGACHAT.concurrent_requests)


def ask(question: Question, look: Look, *, now: datetime) -> None:
    """
    Fill in the look: the provider's analysis, or `fallback` and what text recognition read.

    Raises RetryLater where the same work will succeed later: another worker is asking, no slot
    is free, the provider is busy and has not been tried often enough.
    """
    found: PictureLook | NotNow | None = claims.known(question.picture, question.provider)
    image = None
    if found is None and not _from_bucket(question, look, now=now):
        image = read.fetch(look)
        if image is None:
            return
        found = _claim_and_ask(question, look, image, now=now)
    if isinstance(found, PictureLook):
        _take_over(question, look, found, now=now)
    elif isinstance(found, NotNow):
        look.fallback, look.waits = found.reason, found.waits
        _tell(question, found)
    if look.fallback and _may_read(question.policy, look):
        read.read(question.picture.post, look, image=image, now=now)
        logger.info("%s is read with OCR: %s", look.file.sha256[:12], look.fallback)


def _may_read(policy: VisionPolicy, look: Look) -> bool:
    """Only a tenant without tokens may be denied the text recognition that stands in."""
    return policy.ocr_when_exhausted or look.fallback not in budget.REASONS


def _from_bucket(question: Question, look: Look, *, now: datetime) -> bool:
    """A document is enough, with or without a row: it was paid for (CONTRACT §2.5)."""
    key = cache.key_of(question.picture.post.tenant_id, look.file.sha256, question.provider)
    analysis = cache.read(key)
    if analysis is None:
        return False
    claims.adopt(question.picture, question.provider, analysis, now=now)
    metrics.CACHE_HITS.labels("s3").inc()
    look.analysis, look.from_cache, look.cache_key = analysis, True, key
    return True


def _claim_and_ask(
    question: Question, look: Look, image: bytes, *, now: datetime
) -> PictureLook | NotNow:
    try:
        prepared = question.provider.prepare(image)
    except ProviderRefused as refusal:
        look.details = str(refusal)
        return NotNow(refusal.reason, waits=False)
    picture = question.picture
    compared = reuse.compare(
        tenant=picture.post.tenant, sha256=picture.sha256, image=image, provider=question.provider
    )
    with claims.alive() as claim_id:
        claim = claims.claim(
            picture, question.provider, question.terms, compared,
            claim_id=claim_id, lease=_lease(), now=now,
        )  # fmt: skip
        if not isinstance(claim, Claim):
            return claim
        return _call(question, look, claim, prepared)


def _call(question: Question, look: Look, claim: Claim, prepared: bytes) -> PictureLook | NotNow:
    tenant = str(question.picture.post.tenant_id)
    provider = question.provider
    try:
        analysis = _in_a_slot(question, look, prepared)
    except concurrency.NoSlot:
        claims.put_back(claim)
        raise
    except (ProviderBusy, ProviderRefused) as error:
        metrics.REQUESTS.labels("error", provider.name, tenant).inc()
        return _failed(question, claim, error)
    metrics.REQUESTS.labels("success", provider.name, tenant).inc()
    return claims.settle_answer(claim, analysis, post=question.picture.post, now=timezone.now())


def _in_a_slot(question: Question, look: Look, prepared: bytes) -> Analysis:
    """The network call, and nothing else, with a place on the line of all workers."""
    prompt = compose(question.policy.prompt_presets, look.decision.prompt_key)
    provider, live = question.provider, question.picture.live
    line, own = f"vision:{provider.name}", question.slots_of_tenant
    lines = [(line, total_slots())]
    if own < total_slots():
        lines.insert(0, (f"{line}:{question.picture.post.tenant_id}", own))
    with concurrency.all_of(lines, live=live):
        started = time.monotonic()
        analysis = provider.analyze_prepared(prepared, prompt=prompt, now=timezone.now())
        seconds = time.monotonic() - started
    has_ocr = str(analysis.ocr is not None).lower()
    metrics.DURATION.labels(provider.name, has_ocr).observe(seconds)
    return analysis


def _failed(
    question: Question, claim: Claim, error: ProviderBusy | ProviderRefused
) -> PictureLook | NotNow:
    now = timezone.now()
    row = claims.settle_failure(
        claim, _failure(error, now=now), terms=question.terms,
        post=question.picture.post, now=now,
    )  # fmt: skip
    logger.warning("%s: %s", error.error_class, error)
    if row.state in {LookState.DONE, LookState.FAILED}:
        return row
    if row.state == LookState.OPEN and row.attempts:
        metrics.RETRIES.labels("analyze").inc()
        wait = _BACKOFF.delay(row.attempts, chance=_chance)
        asked = error.after if isinstance(error, ProviderBusy) else None
        raise RetryLater(str(error), after=max(wait, asked or wait)) from error
    return NotNow(error.error_class, row.state == LookState.WAITING)


def _failure(error: ProviderBusy | ProviderRefused, *, now: datetime) -> Failure:
    reason = error.error_class if isinstance(error, ProviderBusy) else error.reason
    pause = None
    if isinstance(error, ProviderMisconfigured):
        pause = now + circuit_breaker.PAUSE
    elif isinstance(error, ProviderBusy) and error.error_class == ErrorClass.RETRYABLE_RATE_LIMIT:
        pause = now + min(error.after, circuit_breaker.LONGEST_WAIT) if error.after else None
    return Failure(
        error_class=error.error_class,
        reason=reason,
        details=str(error),
        usage=error.usage,
        maybe_billed=isinstance(error, ProviderBusy) and error.maybe_billed,
        final=isinstance(error, ProviderRefused) and not isinstance(error, ProviderMisconfigured),
        counts=error.error_class in _COUNT_FOR_THE_BREAKER,
        pause_until=pause,
        blameless=isinstance(error, ProviderMisconfigured),
    )


def _take_over(question: Question, look: Look, row: PictureLook, *, now: datetime) -> None:
    """What the row says becomes this post's; only the post that asked pays."""
    post = question.picture.post
    paid = row.paid_by_id == post.pk
    look.tokens = row.total_tokens if paid else 0
    look.retried = paid and row.calls > 1
    if row.state == LookState.FAILED or row.analysis is None:
        look.fallback, look.details = row.reason or row.error_class, row.error
        return
    look.analysis = Analysis.model_validate(row.analysis)
    look.from_cache = not paid
    if look.from_cache:
        metrics.CACHE_HITS.labels("phash" if row.same_as_id else "row").inc()
    look.distance = row.distance
    look.same_as = row.same_as.sha256 if row.same_as else ""
    # A document under its own name would outlive the day on which people tell the two apart.
    seen_in = look.same_as or look.file.sha256
    key = cache.key_of(post.tenant_id, seen_in, question.provider)
    if cache.is_there(key) or cache.write(key, look.analysis, tenant=post.tenant, now=now):
        look.cache_key = key


def _tell(question: Question, refused: NotNow) -> None:
    tenant = question.picture.post.tenant_id
    if refused.reason in budget.REASONS:
        logger.warning("Budget exhausted: tenant %s, %s", tenant, refused.reason)


def _lease() -> timedelta:
    """Upload, question and deletion may each take the timeout; a slot has its own patience."""
    return (
        concurrency.PATIENCE
        + 3 * timedelta(seconds=settings.GIGACHAT.vision_timeout)
        + _CALL_MARGIN
    )
